import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Argument, Command, Option } from 'commander';
import { bashCompletion, zshCompletion } from './completion.ts';
import { fishCompletion } from './fish-completion.ts';

const OPTIONS = { fileFlags: ['--config'], words: { get: 'pods nodes' } };

function program(): Command {
  const made = new Command('hawser-test');
  made.command('run').description("the agent's own").option('--config <file>', 'file').option('--level <level>', 'level');
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

/** What a shell says of a script; undefined where it is not installed. */
function shell(name: string, script: string): string | undefined {
  const { error, status, stdout, stderr } = spawnSync(name, ['-c', script], { encoding: 'utf8' });
  if (error !== undefined && 'code' in error && error.code === 'ENOENT') return undefined;
  assert.deepEqual([status, stderr], [0, '']);
  return stdout;
}

test('fish offers the same with what it is for', (t) => {
  const lines = ['', 'ca ', 'ca rotate --', 'get -o ', 'get p', 'run --config /usr/bi', 'run --level ', 'completion '];
  const asked = lines.map((line) => `echo "> ${line}"; complete -C "hawser-test ${line}"`);
  const said = shell('fish', `${fishCompletion(program(), OPTIONS)}\n${asked.join('\n')}\n`);
  if (said === undefined) return t.skip('fish is not installed: apt-get install fish');
  const offered = said.split('\n> ').map((part) =>
    part
      .split('\n')
      .slice(1)
      .filter((line) => line !== '')
      .sort(),
  );
  assert.deepEqual(offered, [
    ['ca', 'completion', 'get', 'help', "run\tthe agent's own"],
    ['rotate', 'status'],
    ['--yes\tdo it'],
    ['json\tformat', 'yaml\tformat'],
    ['pods'],
    ['/usr/bin/'],
    [],
    ['bash', 'zsh'],
  ]);
});

test('what is said to fish is whole: each flag and command has its line, and quotes are closed', () => {
  const script = fishCompletion(program(), OPTIONS);
  assert.match(script, /^complete -c hawser-test -n '__hawser_test_is "\/ca"' -a rotate -d ''$/m);
  assert.match(script, /^complete -c hawser-test -n '__hawser_test_is "\/run"' -l config -r -F -d 'file'$/m);
  assert.match(script, /^complete -c hawser-test -n '__hawser_test_is "\/get"' -l output -s o -x -a 'json yaml' -d 'format'$/m);
  assert.match(script, /-a run -d 'the agent\\'s own'$/m);
});

test('zsh reads its script', (t) => {
  const said = shell(
    'zsh',
    `autoload -U compinit && compinit -u -D\n${zshCompletion(program(), OPTIONS)}\nwhence -w _hawser_test\n`,
  );
  if (said === undefined) return t.skip('zsh is not installed: apt-get install zsh');
  assert.equal(said, '_hawser_test: function\n');
});
