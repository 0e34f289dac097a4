import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonOf, tableOf } from '../report.ts';
import { measureLocal } from './local.ts';

/** What whoever reads the JSON relies on. */
const MEASURED = [
  'readyMs',
  'list1000Ms',
  'list1000PodsMs',
  'list1000GzipMs',
  'get_p99Ms',
  'watchListFirstEventMs',
  'watchListAllMs',
].concat(['writesPerSecond', 'agentRssMB', 'agentRssAnonMB', 'offlineRebootPlayedPodsMs']);

test('the benchmark of the local API runs from beginning to end, small, and gives every figure', {
  timeout: 360_000,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-bench-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const report = await measureLocal(
    {
      ...{ benchmark: 'local', json: true, seed: 1, profile: undefined },
      ...{ objects: 30, pods: 3, rounds: 1, reads: 2, watches: 3, writes: 10, settleSeconds: 0 },
    },
    {
      dir,
      // The sources: what is tested is the benchmark.
      relayMain: 'cloud/src/main.ts',
      agentMain: 'edge/src/main.ts',
      ...{ nodeFlags: [], agentFlags: {}, signal: t.signal, say: () => {} },
    },
    'a test of the benchmark has no kubelet',
  );
  const figures = JSON.parse(jsonOf(report));
  for (const name of MEASURED) assert.ok(figures[name] > 0, `${name}: ${figures[name]}`);
  // May be nothing: a few watches find room, and a file system in memory writes to no storage.
  for (const name of ['watches300MB', 'bytesWrittenPerStatusWrite']) assert.equal(typeof figures[name], 'number');
  assert.equal(figures.offlineReboot10PodsMs, null);
  assert.ok(report.notes.some((note) => note === 'offlineReboot10PodsMs is null: a test of the benchmark has no kubelet'));
  assert.match(tableOf(report), /not measured/);
});
