import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unknownIn } from './known-metrics.ts';

test('metrics, matchers and groupings that there are not are found', async () => {
  assert.deepEqual(await unknownIn('sum by (state) (hawser_relay_sessions{state="inSync",namespace=~"a|b"})'), []);
  assert.deepEqual(await unknownIn('histogram_quantile(0.5, sum by (le) (rate(hawser_relay_delivery_seconds_bucket[5m])))'), []);
  assert.deepEqual(await unknownIn('hawser_relay_no_such_total + hawser_relay_delivery_seconds'), [
    'hawser_relay_no_such_total',
    'hawser_relay_delivery_seconds',
  ]);
  assert.deepEqual(await unknownIn('hawser_relay_sessions{phase="inSync"}'), ['hawser_relay_sessions{phase}']);
  assert.deepEqual(await unknownIn('sum by (namespace, verb) (hawser_relay_sessions)'), ['verb']);
});
