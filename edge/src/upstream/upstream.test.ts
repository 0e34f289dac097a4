import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError, type Report, type ReportOutcome } from '@hawser/protocol';
import fc from 'fast-check';
import { pino } from 'pino';
import type { StorageKey } from '../api/storage.ts';
import { simulatedClock } from '../link/simulated-clock.ts';
import { PAUSE_AFTER } from './holds.ts';
import { createUpstream, MAX_IN_FLIGHT, MAX_IN_FLIGHT_SIZE } from './upstream.ts';

const APPLIED: ReportOutcome = { type: 'applied', uid: 'u', resourceVersion: '1', name: 'n' };
const REFUSED: ReportOutcome = { type: 'refused', code: 404, reason: 'NotFound', message: 'gone' };

function unavailable(retryAfterMs: number): ReportOutcome {
  return { type: 'unavailable', retryAfterMs, message: 'later' };
}

function report(number: number, bodySize: number): Report {
  const operation = { type: 'patch', patchType: 'strategic', body: 'x'.repeat(bodySize) } as const;
  return { number, resource: 'pods', namespace: 'default', name: `p${number}`, uid: 'u', subresource: 'status', operation };
}

/** An outbox as its contract says, in memory. */
function memoryOutbox(count: number, bodySize = 10) {
  const entries = new Map(Array.from({ length: count }, (_, index) => [index + 1, report(index + 1, bodySize)] as const));
  const inFlight = new Set<number>();
  const listeners = new Set<() => void>();
  const welcomes: string[] = [];
  return {
    entries,
    inFlight,
    pending(limit: number, isHeld: (key: StorageKey) => boolean = () => false) {
      const found = [...entries.values()].filter((entry) => !inFlight.has(entry.number) && !isHeld(entry)).slice(0, limit);
      for (const { number } of found) inFlight.add(number);
      return found;
    },
    answer(number: number, outcome: ReportOutcome) {
      inFlight.delete(number);
      if (outcome.type !== 'unavailable') entries.delete(number);
    },
    welcomed: (nodeName: string) => welcomes.push(nodeName),
    welcomes,
    release: () => inFlight.clear(),
    onEntry(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    add(entry: Report) {
      entries.set(entry.number, entry);
      for (const listener of listeners) listener();
    },
  };
}

function harness(count: number, bodySize?: number) {
  const clock = simulatedClock();
  const outbox = memoryOutbox(count, bodySize);
  const sent: number[] = [];
  const upstream = createUpstream({
    outbox,
    nodeName: 'edge-1',
    send: ({ number }) => sent.push(number),
    clock,
    random: () => 0.5,
    logger: pino({ level: 'silent' }),
  });
  return { clock, outbox, sent, upstream };
}

test('nothing goes out before a relay has welcomed us', () => {
  const { clock, sent, upstream } = harness(3);
  clock.advance(60_000);
  assert.deepEqual(sent, []);
  upstream.up();
  clock.advance(0);
  assert.deepEqual(sent, [1, 2, 3]);
});

test('a bounded number is in flight, and each answer lets the next one go', () => {
  const { clock, sent, upstream } = harness(MAX_IN_FLIGHT + 5);
  upstream.up();
  clock.advance(0);
  assert.equal(sent.length, MAX_IN_FLIGHT);
  upstream.answer(1, APPLIED);
  upstream.answer(2, REFUSED);
  clock.advance(0);
  assert.equal(sent.length, MAX_IN_FLIGHT + 2);
  assert.deepEqual(upstream.stats(), {
    inFlight: MAX_IN_FLIGHT,
    held: 0,
    sent: MAX_IN_FLIGHT + 2,
    applied: 1,
    refused: 1,
    unavailable: 0,
  });
});

test('large bodies go one after the other', () => {
  const { clock, sent, upstream } = harness(3, MAX_IN_FLIGHT_SIZE);
  upstream.up();
  clock.advance(0);
  assert.deepEqual(sent, [1]);
  upstream.answer(1, APPLIED);
  clock.advance(0);
  assert.deepEqual(sent, [1, 2]);
});

test('an entry that is made while the link is up goes out at once', () => {
  const { clock, outbox, sent, upstream } = harness(0);
  upstream.up();
  clock.advance(1_000);
  outbox.add(report(7, 10));
  clock.advance(0);
  assert.deepEqual(sent, [7]);
});

test('what the cloud could not take is sent again, not before it asked', () => {
  const { clock, sent, upstream } = harness(1);
  upstream.up();
  clock.advance(0);
  upstream.answer(1, unavailable(4_000));
  clock.advance(3_999);
  assert.deepEqual(sent, [1]);
  clock.advance(1);
  assert.deepEqual(sent, [1, 1]);
});

test('an answer for which the disk has no room is none: the report is sent again, a minute later, and nothing else waits for it', () => {
  const clock = simulatedClock();
  const whole = memoryOutbox(2);
  let isFull = true;
  const outbox = {
    ...whole,
    answer(number: number, outcome: ReportOutcome) {
      if (isFull && outcome.type !== 'unavailable') throw new HawserError('too_large', 'there is no room on the disk');
      whole.answer(number, outcome);
    },
  };
  const sent: number[] = [];
  const upstream = createUpstream({
    ...{ outbox, nodeName: 'edge-1', clock, random: () => 0.5, logger: pino({ level: 'silent' }) },
    send: ({ number }) => sent.push(number),
  });
  upstream.up();
  clock.advance(0);
  upstream.answer(1, APPLIED);
  assert.match(upstream.blocked()[0]?.why ?? '', /no room on the disk/);
  isFull = false;
  upstream.answer(2, APPLIED);
  clock.advance(59_999);
  assert.deepEqual(sent, [1, 2]);
  clock.advance(1);
  assert.deepEqual(sent, [1, 2, 1]);
  upstream.answer(1, APPLIED);
  assert.equal(whole.entries.size, 0);
});

test('a clock that is set back by decades holds nothing for longer than was asked, and makes no haste', () => {
  const { clock, outbox, sent, upstream } = harness(1);
  upstream.up();
  clock.advance(0);
  upstream.answer(1, unavailable(4_000));
  clock.set(-34 * 365 * 86_400_000);
  clock.advance(4_000);
  assert.deepEqual(sent, [1, 1]);
  upstream.answer(1, unavailable(4_000));
  clock.set(-34 * 365 * 86_400_000);
  outbox.add(report(2, 10));
  clock.advance(0);
  assert.deepEqual(
    sent.filter((number) => number === 2),
    [2],
    'others are not held up',
  );
  assert.equal(upstream.stats().held, 0);
});

test('an object that the cloud cannot take waits alone, longer each time, and the others go on', () => {
  const { clock, outbox, sent, upstream } = harness(2);
  const waitOf = (number: number) => {
    upstream.answer(number, unavailable(0));
    assert.deepEqual([upstream.state().name, upstream.stats().held], ['sending', 1]);
    const before = clock.time();
    const count = sent.length;
    while (sent.length === count) clock.advance(100);
    assert.equal(sent.at(-1), number);
    return clock.time() - before;
  };
  upstream.up();
  clock.advance(0);
  upstream.answer(2, APPLIED);
  assert.deepEqual([1, 1, 1].map(waitOf), [500, 1000, 2000]);
  upstream.answer(1, unavailable(0));
  outbox.add(report(3, 10));
  clock.advance(0);
  assert.equal(sent.at(-1), 3);
});

test('an answer ends the waits of its object', () => {
  const { clock, outbox, sent, upstream } = harness(1);
  upstream.up();
  clock.advance(0);
  upstream.answer(1, unavailable(0));
  clock.advance(500);
  upstream.answer(1, REFUSED);
  outbox.add(report(1, 10));
  clock.advance(0);
  upstream.answer(1, unavailable(0));
  clock.advance(500);
  assert.deepEqual(sent, [1, 1, 1, 1]);
});

test('when several objects in a row cannot be taken, all wait', () => {
  const { clock, outbox, sent, upstream } = harness(PAUSE_AFTER);
  const pausedFor = () => {
    const state = upstream.state();
    assert.equal(state.name, 'paused');
    return state.until.getTime() - clock.time();
  };
  const failAll = () => {
    for (const number of [...outbox.inFlight]) upstream.answer(number, unavailable(0));
  };
  upstream.up();
  clock.advance(0);
  failAll();
  assert.equal(pausedFor(), 500);
  outbox.add(report(9, 10));
  clock.advance(499);
  assert.equal(sent.length, PAUSE_AFTER, 'the new one waits too');
  clock.advance(1);
  assert.ok(outbox.inFlight.has(9));
  failAll();
  assert.equal(pausedFor(), 1000, 'doubled once, however many were on their way');
  clock.advance(1000);
  const [number = 0] = outbox.inFlight;
  upstream.answer(number, APPLIED);
  assert.equal(upstream.state().name, 'sending');
  const others = [...outbox.inFlight].slice(0, PAUSE_AFTER - 1);
  for (const other of others) upstream.answer(other, unavailable(0));
  assert.equal(upstream.state().name, 'sending', 'an answer was in between');
});

test('all wait as long as the relay asks for the longest', () => {
  const { clock, outbox, sent, upstream } = harness(PAUSE_AFTER + 1);
  upstream.up();
  clock.advance(0);
  for (const number of [...outbox.inFlight]) upstream.answer(number, unavailable(number * 10_000));
  const count = sent.length;
  clock.advance((PAUSE_AFTER + 1) * 10_000 - 1);
  assert.equal(sent.length, count);
  clock.advance(1);
  assert.equal(sent.length, count * 2);
});

test('each welcome is an occasion to tell what was lost', () => {
  const { outbox, upstream } = harness(0);
  upstream.up();
  upstream.down();
  upstream.up();
  assert.deepEqual(outbox.welcomes, ['edge-1', 'edge-1']);
});

test('what was in flight when the link broke is sent again in the next session', () => {
  const { clock, sent, upstream } = harness(3);
  upstream.up();
  clock.advance(0);
  upstream.answer(2, APPLIED);
  upstream.down();
  upstream.up();
  clock.advance(0);
  assert.deepEqual(sent, [1, 2, 3, 1, 3]);
});

test('a pause ends with its session', () => {
  const { clock, sent, upstream } = harness(1);
  upstream.up();
  clock.advance(0);
  upstream.answer(1, unavailable(600_000));
  upstream.down();
  upstream.up();
  clock.advance(0);
  assert.deepEqual(sent, [1, 1]);
  clock.advance(600_000);
  assert.deepEqual(sent, [1, 1]);
});

test('whatever breaks whenever, every entry is answered in the end and none is in flight twice', () => {
  const step = fc.oneof(
    fc.record({
      type: fc.constant('answer' as const),
      pick: fc.nat(),
      outcome: fc.constantFrom(APPLIED, REFUSED, unavailable(50)),
    }),
    fc.record({ type: fc.constant('break' as const) }),
    fc.record({ type: fc.constant('time' as const), ms: fc.nat(2_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 50 }), (steps, count) => {
      const { clock, outbox, upstream } = harness(count);
      upstream.up();
      for (const action of steps) {
        if (action.type === 'time') clock.advance(action.ms);
        else if (action.type === 'break') {
          upstream.down();
          upstream.up();
        } else {
          const flying = [...outbox.inFlight];
          const number = flying[action.pick % flying.length];
          if (number !== undefined) upstream.answer(number, action.outcome);
        }
        assert.ok(outbox.inFlight.size <= MAX_IN_FLIGHT);
        assert.equal(upstream.stats().inFlight, outbox.inFlight.size);
      }
      for (let turn = 0; outbox.entries.size > 0 && turn < 500; turn++) {
        clock.advance(60_000);
        for (const number of [...outbox.inFlight]) upstream.answer(number, APPLIED);
      }
      assert.equal(outbox.entries.size, 0);
    }),
  );
});
