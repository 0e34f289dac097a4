import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestRates } from './request-rates.ts';

test('requests are counted by the second in which they came', () => {
  let now = 10_000_000_000n;
  const rates = new RequestRates(() => now);
  rates.note();
  now += 999_999_999n;
  rates.note();
  now += 1n;
  rates.note();
  now += 5_000_000_000n;
  rates.note();
  assert.deepEqual(rates.all(), [
    { second: 10, count: 2 },
    { second: 11, count: 1 },
    { second: 16, count: 1 },
  ]);
});

test('only so many seconds are remembered, the newest', () => {
  let second = 0n;
  const rates = new RequestRates(() => second * 1_000_000_000n);
  for (; second < 15_000n; second += 1n) rates.note();
  const all = rates.all();
  assert.equal(all.length, 14_400);
  assert.equal(all[0]?.second, 600);
});
