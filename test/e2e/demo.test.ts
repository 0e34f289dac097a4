import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { runCommand, startProcess } from '../support/processes.ts';

const DEMO = 'scripts/demo/main.ts';

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('hawser-demo-'));

/** Process ids that the demo named on its way. */
function pidsIn(stderr: string): number[] {
  return [...stderr.matchAll(/runs as process (\d+)/g)].map(([, pid]) => Number(pid));
}

const alive = (pid: number) => existsSync(`/proc/${pid}`);

test('the demonstration tells its whole story and says so in one line of JSON', { timeout: 300_000 }, async (t) => {
  const before = leftovers();
  const { code, stdout, stderr } = await runCommand({ name: 'demo', args: [DEMO, '--once', '--json'] });
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
  t.diagnostic(JSON.stringify(result));
  assert.equal(result.ok, true);
  assert.equal(result.nodes, 2);
  assert.ok(Number(result.podsRunning) >= 5 && Number(result.objectsAtEdge) > 8);
  assert.equal(result.servedOffline, true);
  for (const figure of ['editArrivedMs', 'convergedAfterReconnectMs']) assert.equal(typeof result[figure], 'number');
  const pids = pidsIn(stderr);
  assert.equal(pids.length, 4);
  assert.deepEqual(pids.filter(alive), []);
  assert.deepEqual(leftovers(), before);
});

test('Ctrl-C ends the demonstration and leaves no process and no file behind', { timeout: 120_000 }, async (t) => {
  const before = leftovers();
  const demo = startProcess({ name: 'demo', args: [DEMO, '--json'] });
  t.after(() => demo.kill());
  await demo.line('the story’s end', ({ ok }) => ok === true, 90_000);
  const exit = await demo.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.deepEqual(leftovers(), before);
});
