import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonOf, tableOf } from '../report.ts';
import { measureUpstream } from './upstream.ts';

/** What whoever reads the JSON relies on. */
const ABOVE_NOTHING = [
  'statusesPerSecond',
  'storm2000Seconds',
  'apiCallsPerStatusChange',
  'statusP50Ms',
  'statusP99Ms',
  'statusBesideFloodP99Ms',
]
  .concat(['stormPeakCallsPerSecond', 'stormBackSeconds', 'relayRssMB', 'stormRelayPeakMB', 'relayCpuMsPerStatus'])
  .concat(['offlineDeliverySeconds', 'offlineOutboxEntries']);
const NOTHING = ['wrongStatuses', 'reportsRefused', 'offlineStatusesWrong', 'offlinePodsLeft', 'duplicateEffects'];

test('the benchmark of upstream runs from beginning to end, small, and gives every figure', { timeout: 480_000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-bench-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const report = await measureUpstream(
    {
      benchmark: 'upstream',
      json: true,
      seed: 1,
      profile: undefined,
      nodes: 3,
      pods: 4,
      statuses: 24,
      atATime: 2,
      singles: 6,
      events: 60,
      downSeconds: 0,
      workers: 2,
    },
    {
      dir,
      // The sources: what is tested is the benchmark.
      relayMain: 'cloud/src/main.ts',
      agentMain: 'edge/src/main.ts',
      nodeFlags: [],
      // Links that stand for a moment only would be dialled later and later.
      agentFlags: { '--backoff-cap-ms': '500' },
      signal: t.signal,
      say: (line) => t.diagnostic(line),
    },
  );
  t.diagnostic(tableOf(report));
  const figures = JSON.parse(jsonOf(report)) as Record<string, unknown>;
  for (const name of ABOVE_NOTHING) {
    assert.ok(Number.isFinite(figures[name]) && Number(figures[name]) > 0, `${name} is ${figures[name]}`);
  }
  for (const name of NOTHING) assert.equal(figures[name], 0, name);
  assert.equal(figures.statuses, 24);
  assert.equal(figures.stormStatuses, 12);
  for (const name of ['offlineEventsMade', 'offlineEventsKept', 'offlineEventsDelivered']) assert.equal(figures[name], 60, name);
});
