import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Argument, Command, Option } from 'commander';
import { bashCompletion, zshCompletion } from './completion.ts';

const OPTIONS = { fileFlags: ['--config'], words: { get: 'pods nodes' } };

function program(): Command {
  const made = new Command('hawser-test');
  made.command('run').option('--config <file>', 'file').option('--level <level>', 'level');
  made.command('get').addOption(new Option('-o, --output <format>', 'format').choices(['json', 'yaml']));
  const ca = made.command('ca');
  ca.command('rotate').option('--yes', 'do it');
  ca.command('status');
  made.command('completion').addArgument(new Argument('<shell>', 'shell').choices(['bash', 'zsh']));
  return made;
}

/** What bash offers at the end of the line. */
function offered(...line: string[]): string[] {
  const script = `${bashCompletion(program(), OPTIONS)}
COMP_WORDS=(${line.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${line.length - 1}
_hawser_test; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((word) => word !== '');
}

test('commands are offered first, below a group its own, and then the flags of each', () => {
  assert.deepEqual(offered('hawser-test', ''), ['run', 'get', 'ca', 'completion', 'help']);
  assert.deepEqual(offered('hawser-test', 'c'), ['ca', 'completion']);
  assert.deepEqual(offered('hawser-test', 'ca', ''), ['rotate', 'status']);
  assert.deepEqual(offered('hawser-test', 'ca', 'rotate', '--'), ['--yes']);
  assert.deepEqual(offered('hawser-test', 'run', '--l'), ['--level']);
});

test('values with choices are offered, others are left to who types', () => {
  assert.deepEqual(offered('hawser-test', 'get', '-o', ''), ['json', 'yaml']);
  assert.deepEqual(offered('hawser-test', 'run', '--level', ''), []);
  assert.deepEqual(offered('hawser-test', 'get', 'p'), ['pods']);
  assert.deepEqual(offered('hawser-test', 'completion', ''), ['bash', 'zsh']);
});

test('paths are completed as paths', () => {
  assert.deepEqual(offered('hawser-test', 'run', '--config', '/usr/bi'), ['/usr/bin']);
});

test('zsh runs the same function', () => {
  assert.match(zshCompletion(program(), OPTIONS), /^autoload -U \+X bashcompinit && bashcompinit\n_hawser_test\(\)/);
});
