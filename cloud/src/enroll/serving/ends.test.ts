import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { createFakeClock } from '../../apiserver/testing/fake-clock.ts';
import { createEnds, endingSoon } from './ends.ts';

const DAY_MS = 86_400_000;
const now = new Date(Date.UTC(2026, 0, 1));
const inDays = (days: number) => new Date(now.getTime() + days * DAY_MS);

test('what ends within its time, or has ended, is told, and what is not there is not', () => {
  const what = (servingDays: number | undefined, authorityDays: number | undefined) =>
    endingSoon(
      {
        servingEnd: servingDays === undefined ? undefined : inDays(servingDays),
        authorityEnd: authorityDays === undefined ? undefined : inDays(authorityDays),
      },
      now,
    ).map((ending) => ending.what);
  assert.deepEqual(what(8, 181), []);
  assert.deepEqual(what(6, 179), ['serving', 'authority']);
  assert.deepEqual(what(-1, undefined), ['serving']);
  assert.deepEqual(what(undefined, undefined), []);
});

test('a warning comes after the start, and each day until it is seen to', () => {
  const clock = createFakeClock();
  const lines: string[] = [];
  let authorityEnd = new Date(clock.now().getTime() + 30 * DAY_MS);
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line).msg) });
  const ends = createEnds({ readings: () => ({ servingEnd: undefined, authorityEnd }), clock, logger });
  ends.start();
  clock.advance(60_000);
  clock.advance(2 * DAY_MS);
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? '', /the authority ends soon/);
  authorityEnd = new Date(clock.now().getTime() + 3650 * DAY_MS);
  clock.advance(2 * DAY_MS);
  assert.equal(lines.length, 3);
  ends.stop();
  assert.deepEqual(clock.waits, []);
});
