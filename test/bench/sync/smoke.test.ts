import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonOf, tableOf } from '../report.ts';
import { measureSync } from './sync.ts';

/** What whoever reads the JSON relies on. */
const NAMES = ['online200Ms', 'offline200Ms', 'offline200Bytes', 'offline200ColdBytes', 'first200Ms']
  .concat(['oneKeyBytes', 'oneKeyMs', 'oneKey60KBytes', 'unchangedReconnectBytes', 'unchangedReconnectX25519Bytes'])
  .concat(['reconnectMs', 'reconnectAfterUnreachableBytes', 'idleBytesPerSecond', 'apiWritesPerDelivery'])
  .concat(['agentRssMB', 'agentRssAnonMB', 'relayRssMB']);

test('the benchmark of the sync runs from beginning to end, small, and gives every figure', { timeout: 240_000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-bench-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const report = await measureSync(
    {
      benchmark: 'sync',
      json: true,
      seed: 1,
      profile: undefined,
      configMaps: 3,
      pods: 2,
      rounds: 1,
      idleSeconds: 1,
      cutSeconds: 1,
      drops: 1,
      standSeconds: 0,
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
  const figures = JSON.parse(jsonOf(report)) as Record<string, unknown>;
  for (const name of NAMES) assert.ok(Number.isFinite(figures[name]), `${name} is ${figures[name]}`);
  for (const name of NAMES.filter((candidate) => !/^(idle|apiWrites)/.test(candidate))) {
    assert.ok(Number(figures[name]) > 0, `${name} is ${figures[name]}`);
  }
  assert.equal(figures.apiWritesPerDelivery, 0);
  t.diagnostic(tableOf(report));
});
