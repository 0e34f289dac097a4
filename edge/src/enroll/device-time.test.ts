import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CLOCK_SLACK_MS, judgeClock, leastTime, mostTime, readNotedTime, writeNotedTime } from './device-time.ts';

const HOUR = 3_600_000;
const NOTED = { timeMs: Date.UTC(2026, 4, 1), bootId: 'a', uptimeMs: 5 * HOUR };
const NEVER = Number.NEGATIVE_INFINITY;

test('within one boot what has passed is known, whatever is done to the clock', () => {
  assert.equal(leastTime(NOTED, { bootId: 'a', uptimeMs: 8 * HOUR, wallMs: 0 }, NEVER), NOTED.timeMs + 3 * HOUR);
});

test('over a boot of the machine the noted time is the least that it can be', () => {
  assert.equal(leastTime(NOTED, { bootId: 'b', uptimeMs: 1 * HOUR, wallMs: 0 }, NEVER), NOTED.timeMs);
});

test('a certificate begins no earlier than it was signed, so it has become that late at least', () => {
  const signed = NOTED.timeMs + 24 * HOUR;
  assert.equal(leastTime(NOTED, { bootId: 'b', uptimeMs: 0, wallMs: 0 }, signed), signed);
  assert.equal(leastTime(undefined, { bootId: 'b', uptimeMs: 0, wallMs: 0 }, signed), signed);
});

test('a clock that says less than has passed is behind, within a slack for small steps', () => {
  const least = NOTED.timeMs;
  assert.equal(judgeClock(0, least, Number.POSITIVE_INFINITY), 'behind');
  assert.equal(judgeClock(least - CLOCK_SLACK_MS - 1, least, Number.POSITIVE_INFINITY), 'behind');
  assert.equal(judgeClock(least - CLOCK_SLACK_MS, least, Number.POSITIVE_INFINITY), 'right');
  assert.equal(judgeClock(least + 10 * 365 * 24 * HOUR, least, Number.POSITIVE_INFINITY), 'right');
});

test('a clock is ahead when the relay has just taken a certificate that would have ended by it, until that time has passed', () => {
  const endsMs = Date.UTC(2026, 8, 1);
  const taken = { endsMs, at: { bootId: 'a', uptimeMs: 0 } };
  const most = mostTime(taken, { bootId: 'a', uptimeMs: 2 * HOUR, wallMs: 0 });
  assert.equal(most, endsMs + 2 * HOUR);
  assert.equal(judgeClock(Date.UTC(2099, 0, 1), NEVER, most), 'ahead');
  assert.equal(judgeClock(endsMs + HOUR, NEVER, most), 'right', 'a link outlives its certificate');
  assert.equal(mostTime(taken, { bootId: 'b', uptimeMs: 0, wallMs: 0 }), Number.POSITIVE_INFINITY);
});

test('a note comes back as it was, and what is none is none', () => {
  assert.deepEqual(readNotedTime(writeNotedTime(NOTED)), NOTED);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const read = readNotedTime(text);
      assert.ok(read === undefined || (Number.isFinite(read.timeMs) && read.uptimeMs >= 0));
    }),
  );
});
