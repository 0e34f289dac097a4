import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { NODE, ROOT, runCommand } from '../support/processes.ts';

const MAIN = join(ROOT, 'test', 'hostile', 'main.ts');

const run = (...args: readonly string[]) => runCommand({ name: 'fuzz', args: [MAIN, ...args] });

test('help lists the targets; what is no option, target or number is refused', async () => {
  const help = await run('--help');
  assert.equal(help.code, 0);
  for (const target of ['agent-frames', 'store', 'local-api']) assert.match(help.stdout, new RegExp(`^  ${target} `, 'm'));
  for (const args of [
    ['--target', 'none'],
    ['--seconds', 'x'],
    ['--what'],
    ['--replay', 'x'],
    ['--replay', 'x', '--target', 'objects'],
  ]) {
    const refused = await run(...args);
    assert.equal(refused.code, 2, args.join(' '));
    assert.match(refused.stderr, /npm run fuzz -- --help/);
  }
});

test('a run says its seed and how many inputs each target had', async () => {
  const ended = await run('--runs', '30', '--seed', '7', '--target', 'selectors', '--target', 'enrolment');
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  assert.match(ended.stderr, /^seed 7$/m);
  assert.match(ended.stdout, /^selectors +30 inputs$/m);
  assert.match(ended.stdout, /^enrolment +30 inputs$/m);
  assert.match(ended.stdout, /^0 found in .* seed 7$/m);
});

test('one input of a file is given to one target', async () => {
  const file = join(ROOT, 'test', 'hostile', 'corpus', 'selectors', 'labels-1.txt');
  const ended = await run('--target', 'selectors', '--replay', file);
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  assert.match(ended.stdout, /^selectors +1 inputs$/m);
});

test('Ctrl-C ends it with 130, and says what there was', async () => {
  const running = spawn(NODE, [MAIN, '--seconds', '600', '--target', 'selectors'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  running.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  // The worker speaks once a second, at first perhaps of none.
  let said = '';
  for await (const piece of running.stderr.setEncoding('utf8')) {
    said += piece;
    if (/selectors: [1-9]\d* inputs/.test(said)) break;
  }
  running.kill('SIGINT');
  const [code] = await once(running, 'close');
  assert.equal(code, 130, said);
  assert.match(text, /^selectors +\d+ inputs$/m);
});
