import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from './metrics.ts';
import { memoryLimitOf } from './process-metrics.ts';
import { someReadings } from './testing/readings.ts';

test('the limit of the cgroup is told, and none where there is none', async () => {
  assert.equal(memoryLimitOf(536_870_912), 536_870_912);
  for (const unlimited of [0, 2 ** 63 - 4096, 2 ** 64]) assert.equal(memoryLimitOf(unlimited), undefined);
  assert.match(await createMetrics(someReadings()).text(), /^hawser_relay_memory_limit_bytes 536870912$/m);
  const without = createMetrics({ ...someReadings(), memoryLimit: () => undefined });
  assert.doesNotMatch(await without.text(), /^hawser_relay_memory_limit_bytes /m);
});

test('a relay says whether it is ready', async () => {
  assert.match(await createMetrics(someReadings()).text(), /^hawser_relay_ready 1$/m);
  assert.match(await createMetrics({ ...someReadings(), isReady: () => false }).text(), /^hawser_relay_ready 0$/m);
});
