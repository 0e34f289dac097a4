import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ANSWER_TIMEOUT_MS,
  beginRenewal,
  credentialFor,
  type Renewal,
  type RenewalEffect,
  type RenewalEvent,
  renewalStep,
} from './renewal.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const LIFE = 90 * DAY;
const TIMES = {
  beginsMs: 0,
  renewMs: 0.8 * LIFE,
  redialMs: 0.95 * LIFE,
  forcedRedialMs: 0.975 * LIFE,
  endsMs: LIFE,
};

/** One device: its time and its folder are moved by the test. */
function device(start: { hasNext?: boolean; timeMs?: number; random?: number } = {}) {
  let renewal: Renewal = beginRenewal(start.hasNext ?? false);
  const facts = {
    timeMs: start.timeMs ?? 0,
    upMs: 0,
    times: TIMES,
    hasNext: start.hasNext ?? false,
    random: start.random ?? 0.5,
  };
  return {
    facts,
    at(timeMs: number) {
      facts.upMs += timeMs - facts.timeMs;
      facts.timeMs = timeMs;
    },
    wait(milliseconds: number) {
      facts.upMs += milliseconds;
      facts.timeMs += milliseconds;
    },
    on(event: RenewalEvent): readonly RenewalEffect[] {
      if (event.type === 'issued') facts.hasNext = true;
      const stepped = renewalStep(renewal, event, facts);
      renewal = stepped.renewal;
      if (stepped.effects.includes('promote')) facts.hasNext = false;
      return stepped.effects;
    },
    name: () => renewal.state.name,
    uses: () => credentialFor(renewal),
  };
}

const TICK = { type: 'tick', link: 'open' } as const;

test('the next certificate is asked for when its time has come and a link is open, and not before', () => {
  const { at, on, name } = device();
  at(TIMES.renewMs - 1);
  assert.deepEqual(on(TICK), []);
  at(TIMES.renewMs);
  assert.deepEqual(on({ type: 'tick', link: 'none' }), []);
  assert.deepEqual(on({ type: 'tick', link: 'busy' }), ['ask']);
  assert.equal(name(), 'asked');
});

test('what was issued is used by the next link, and takes the place of the old one when a relay has welcomed it', () => {
  const { at, on, name, uses } = device();
  at(TIMES.renewMs);
  on(TICK);
  assert.deepEqual(on({ type: 'issued' }), []);
  assert.equal(uses(), 'next');
  assert.deepEqual(on(TICK), [], 'the link is not cut for it');
  on({ type: 'down' });
  on({ type: 'dialling' });
  assert.deepEqual([name(), uses()], ['tryingNext', 'next']);
  assert.deepEqual(on({ type: 'welcomed', with: 'next' }), ['promote']);
  assert.deepEqual([name(), uses()], ['idle', 'current']);
});

test('a link that never breaks is made anew in a quiet moment near the end, and in any moment nearer to it', () => {
  const { at, on } = device({ hasNext: true });
  at(TIMES.redialMs - 1);
  assert.deepEqual(on(TICK), []);
  at(TIMES.redialMs);
  assert.deepEqual(on({ type: 'tick', link: 'busy' }), []);
  assert.deepEqual(on({ type: 'tick', link: 'none' }), []);
  assert.deepEqual(on(TICK), ['redial']);
  at(TIMES.forcedRedialMs);
  assert.deepEqual(on({ type: 'tick', link: 'busy' }), ['redial']);
});

test('a refused next certificate is kept: the old one serves again, another is asked for, and where the old one is refused the next is tried', () => {
  const { on, name, uses, wait } = device({ hasNext: true });
  on({ type: 'dialling' });
  on({ type: 'dialFailed', with: 'next', fault: 'refused' });
  assert.deepEqual([name(), uses()], ['fallenBack', 'current']);
  on({ type: 'dialFailed', with: 'current', fault: 'refused' });
  assert.equal(uses(), 'next');
  on({ type: 'dialling' });
  on({ type: 'dialFailed', with: 'next', fault: 'refused' });
  on({ type: 'welcomed', with: 'current' });
  assert.equal(name(), 'waiting');
  on({ type: 'down' });
  on({ type: 'dialFailed', with: 'current', fault: 'refused' });
  assert.equal(uses(), 'next', 'the relay may have promoted it after all');
  on({ type: 'dialling' });
  on({ type: 'dialFailed', with: 'next', fault: 'refused' });
  on({ type: 'welcomed', with: 'current' });
  wait(HOUR);
  assert.deepEqual(on(TICK), ['ask']);
});

test('a dial that fails for another reason says nothing about certificates', () => {
  const { on, uses } = device({ hasNext: true });
  for (let dial = 0; dial < 5; dial += 1) {
    on({ type: 'dialling' });
    on({ type: 'dialFailed', with: 'next', fault: 'other' });
    assert.equal(uses(), 'next');
  }
});

test('waits between attempts grow to an hour, and are at least half of that', () => {
  const { at, on, wait, facts } = device({ random: 0 });
  at(TIMES.renewMs);
  on(TICK);
  const waits: number[] = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    on({ type: 'notIssued', why: 'later', retryAfterMs: 0 });
    const before = facts.upMs;
    while (facts.upMs - before < DAY && on(TICK).length === 0) wait(1_000);
    waits.push((facts.upMs - before) / 1_000);
  }
  assert.deepEqual(waits, [30, 60, 120, 240, 480, 960, 1_800, 1_800]);
});

test('a relay that asks for a longer wait is left alone; one that refuses for good is asked rarely', () => {
  for (const [why, retryAfterMs, hours] of [
    ['later', 2 * HOUR, 2],
    ['refused', 0, 6],
  ] as const) {
    const { at, on, wait } = device({ random: 0.999 });
    at(TIMES.renewMs);
    on(TICK);
    on({ type: 'notIssued', why, retryAfterMs });
    wait(hours * 0.99 * HOUR);
    assert.deepEqual(on(TICK), [], why);
    wait(hours * 0.01 * HOUR);
    assert.deepEqual(on(TICK), ['ask'], why);
  }
});

test('an answer that does not come is an attempt that failed, as is a link that goes', () => {
  const { at, on, wait, name } = device();
  at(TIMES.renewMs);
  on(TICK);
  wait(ANSWER_TIMEOUT_MS);
  on(TICK);
  assert.equal(name(), 'waiting');
  wait(HOUR);
  on(TICK);
  assert.equal(name(), 'asked');
  on({ type: 'down' });
  assert.equal(name(), 'waiting');
  assert.deepEqual(on({ type: 'tick', link: 'none' }), []);
});

test('a certificate that has ended is renewed late, and the link is dialled with nothing meanwhile', () => {
  const { on, uses } = device();
  assert.deepEqual(on({ type: 'dialFailed', with: 'current', fault: 'ended' }), ['renewLate']);
  assert.equal(uses(), undefined);
  assert.deepEqual(on({ type: 'issued' }), ['redial']);
  assert.equal(uses(), 'next');
  on({ type: 'dialling' });
  assert.deepEqual(on({ type: 'welcomed', with: 'next' }), ['promote']);
});

test('where a late renewal is refused the old certificate is dialled with rarely, and the refusal starts another', () => {
  const { on, wait, uses, name } = device({ random: 0.999 });
  on({ type: 'dialFailed', with: 'current', fault: 'ended' });
  on({ type: 'notIssued', why: 'refused', retryAfterMs: 0 });
  wait(5.9 * HOUR);
  assert.deepEqual(on({ type: 'tick', link: 'none' }), []);
  assert.equal(uses(), undefined);
  wait(0.1 * HOUR);
  assert.deepEqual(on({ type: 'tick', link: 'none' }), ['redial']);
  assert.equal(uses(), 'current', 'the relay may take it: not every clock is right');
  assert.deepEqual(on({ type: 'dialFailed', with: 'current', fault: 'ended' }), ['renewLate']);
  assert.equal(name(), 'ended');
});

test('two certificates that have ended: the next is tried, then the old, then both are renewed late', () => {
  const { on } = device({ hasNext: true });
  on({ type: 'dialling' });
  assert.deepEqual(on({ type: 'dialFailed', with: 'next', fault: 'ended' }), []);
  assert.deepEqual(on({ type: 'dialFailed', with: 'current', fault: 'ended' }), ['renewLate']);
});

test('a clock that jumps by years renews a few times in the life of a certificate, and never in a loop', () => {
  const { on, wait, facts } = device({ timeMs: 100 * 365 * DAY });
  let asked = 0;
  for (let hour = 0; hour < 90 * 24; hour += 1) {
    if (on(TICK).includes('ask')) {
      asked += 1;
      on({ type: 'issued' });
      on({ type: 'dialling' });
      on({ type: 'welcomed', with: 'next' });
    }
    wait(HOUR);
  }
  assert.equal(asked, 4);
  assert.ok(facts.timeMs > TIMES.endsMs);
});

test('a relay that issues and then refuses what it issued is asked less and less often', () => {
  const { at, on, wait } = device();
  at(TIMES.redialMs);
  let asked = 0;
  for (let minute = 0; minute < 24 * 60; minute += 1) {
    const effects = on(TICK);
    if (effects.includes('ask')) {
      asked += 1;
      on({ type: 'issued' });
    }
    if (effects.includes('redial')) {
      on({ type: 'down' });
      on({ type: 'dialling' });
      on({ type: 'dialFailed', with: 'next', fault: 'refused' });
      on({ type: 'welcomed', with: 'current' });
    }
    wait(60_000);
  }
  assert.ok(asked <= 40, `${asked} in a day`);
});
