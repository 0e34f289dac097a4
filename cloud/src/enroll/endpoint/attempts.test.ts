import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Attempts } from './attempts.ts';

function counting(most: number, periodMs: number) {
  let nowMs = 1_000_000;
  const attempts = new Attempts({ most, periodMs, clock: { now: () => new Date(nowMs) } });
  return {
    attempts,
    pass: (milliseconds: number) => {
      nowMs += milliseconds;
    },
  };
}

test('so many may be made at once, and then each waits for its part of the period', () => {
  const { attempts, pass } = counting(3, 60_000);
  for (let made = 0; made < 3; made += 1) {
    assert.equal(attempts.waitMs('a'), 0);
    attempts.add('a');
  }
  assert.equal(attempts.waitMs('a'), 20_000);
  assert.equal(attempts.waitMs('b'), 0, 'others are not held up');
  pass(19_999);
  assert.ok(attempts.waitMs('a') > 0);
  pass(1);
  assert.equal(attempts.waitMs('a'), 0);
  attempts.add('a');
  assert.equal(attempts.waitMs('a'), 20_000);
  pass(60_000);
  assert.equal(attempts.waitMs('a'), 0);
});

test('what is over the bound adds nothing to the wait, and a clock that goes back lets nothing through', () => {
  const { attempts, pass } = counting(2, 10_000);
  for (let made = 0; made < 50; made += 1) attempts.add('a');
  assert.equal(attempts.waitMs('a'), 5_000);
  pass(-500_000);
  assert.equal(attempts.waitMs('a'), 5_000);
});

test('over any time no more get through than the bound and what the time gives', () => {
  const steps = fc.array(fc.nat(2_000), { maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (waits, most) => {
      const { attempts, pass } = counting(most, 10_000);
      let [through, elapsedMs] = [0, 0];
      for (const waitMs of waits) {
        pass(waitMs);
        elapsedMs += waitMs;
        if (attempts.waitMs('a') > 0) continue;
        attempts.add('a');
        through += 1;
        assert.ok(through <= most + (elapsedMs * most) / 10_000 + 1e-6, `${through} in ${elapsedMs} ms`);
      }
    }),
  );
});

test('the table is bounded: the name seen longest ago is forgotten', () => {
  const { attempts } = counting(1, 60_000);
  for (let name = 0; name < 10_000; name += 1) attempts.add(`${name}`);
  attempts.add('0');
  attempts.add('one more');
  assert.equal(attempts.size, 10_000);
  assert.ok(attempts.waitMs('0') > 0);
  assert.equal(attempts.waitMs('1'), 0);
});
