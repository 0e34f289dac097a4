import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand } from './processes.ts';

test('settings in the environment of who starts it do not reach a command, those that it is given do', async (t) => {
  process.env.HAWSER_CONFIG = 'not-there.yaml';
  t.after(() => delete process.env.HAWSER_CONFIG);
  const args = ['-p', '[process.env.HAWSER_CONFIG, process.env.HAWSER_NOTE, process.env.PATH !== undefined].join()'];
  const { stdout } = await runCommand({ name: 'node', args, env: { HAWSER_NOTE: 'given' } });
  assert.equal(stdout.trim(), ',given,true');
});
