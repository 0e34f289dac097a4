import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonOf } from '../report.ts';
import { measureLeases } from './leases.ts';

test('the benchmark of Leases runs from beginning to end, small, and gives every figure', { timeout: 240_000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-bench-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const report = await measureLeases(
    { benchmark: 'leases', json: true, seed: 1, profile: undefined, nodes: 20, seconds: 12, callsPerSecond: 50 },
    { dir, relayMain: '', agentMain: '', nodeFlags: [], agentFlags: {}, signal: t.signal, say: () => {} },
  );
  const figures = JSON.parse(jsonOf(report)) as Record<string, number>;
  for (const name of ['leaseCallsPerSecond', 'leaseLongestGapSeconds', 'leaseFirstSeconds', 'leaseP99Ms', 'leaseRelayCpuMs']) {
    assert.ok((figures[name] ?? 0) > 0, `${name}: ${figures[name]}`);
  }
  assert.ok((figures.leaseLongestGapSeconds ?? 99) < 40);
});
