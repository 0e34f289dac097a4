import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, percentile, rounded } from './statistics.ts';

test('a percentile is one of the values, whatever their order', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(percentile(values, 0.5), 50);
  assert.equal(percentile(values, 0.99), 99);
  assert.equal(percentile(values, 1), 100);
  assert.equal(percentile([7], 0.01), 7);
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2);
});

test('numbers are compared as numbers', () => {
  assert.equal(percentile([9, 10, 100], 0.5), 10);
});

test('there is no percentile of nothing', () => {
  assert.throws(() => percentile([], 0.5), RangeError);
});

test('figures are rounded to the decimals asked for', () => {
  assert.equal(rounded(6.4499, 1), 6.4);
  assert.equal(rounded(1234.5), 1235);
});
