import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_BACKOFF, fullJitter } from './backoff.ts';

test('the bound doubles with each failure up to the cap', () => {
  const longest = (failures: number) => fullJitter(DEFAULT_BACKOFF, failures, () => 0.999999);
  assert.deepEqual([0, 1, 2, 6, 7, 50, 5000].map(longest), [499, 999, 1999, 31999, 59999, 59999, 59999]);
});

test('the jitter is full: a wait can be anything from nothing to the bound', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, draw) => {
      const wait = fullJitter({ baseMs: 500, capMs: 60_000 }, failures, () => draw);
      assert.ok(Number.isInteger(wait) && wait >= 0 && wait < 60_000);
      assert.equal(wait, Math.floor(draw * Math.min(60_000, 500 * 2 ** Math.min(failures, 30))));
    }),
  );
  assert.equal(
    fullJitter(DEFAULT_BACKOFF, 9, () => 0),
    0,
  );
});
