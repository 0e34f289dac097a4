import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AwayRecord, awayAt, readAway, writeAway } from './away.ts';

const HOUR = 3_600_000;
const record: AwayRecord = { awayMs: HOUR, bootId: 'a', uptimeMs: 10 * HOUR, wallMs: 1_000 * HOUR };

test('within one boot the uptime counts, whatever the wall clock says', () => {
  for (const wallMs of [0, 999 * HOUR, 1_000 * HOUR, 1_000_000 * HOUR]) {
    assert.equal(awayAt(record, { bootId: 'a', uptimeMs: 12 * HOUR, wallMs }), 3 * HOUR);
  }
});

test('over a boot the wall clock counts, and one that has gone back counts as no time', () => {
  assert.equal(awayAt(record, { bootId: 'b', uptimeMs: 1, wallMs: 1_005 * HOUR }), 6 * HOUR);
  assert.equal(awayAt(record, { bootId: 'b', uptimeMs: 1, wallMs: 0 }), HOUR);
});

test('a record is read as it was written, and anything else is none', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), fc.string(), (awayMs, uptimeMs, wallMs, bootId) => {
      const one = { awayMs, uptimeMs, wallMs, bootId };
      assert.deepEqual(readAway(writeAway(one)), one);
    }),
  );
  const others = [
    '',
    'x',
    '{}',
    '[]',
    'null',
    '7',
    '{"awayMs":-1,"bootId":"a","uptimeMs":1,"wallMs":1}',
    '{"awayMs":1,"bootId":7}',
  ];
  for (const text of [undefined, ...others, '{"awayMs":1e999,"bootId":"a","uptimeMs":1,"wallMs":1}']) {
    assert.equal(readAway(text), undefined);
  }
});
