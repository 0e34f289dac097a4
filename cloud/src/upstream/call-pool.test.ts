import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFakeClock } from '../apiserver/testing/fake-clock.ts';
import { CallPool, type PoolState, type Verdict } from './call-pool.ts';

function harness({ callsPerSecond = 100, random = (): number => 0 } = {}) {
  const clock = createFakeClock();
  const states: PoolState[] = [];
  const pauses: number[] = [];
  const pool = new CallPool({
    callsPerSecond,
    clock,
    random,
    onState(state, { waitMs }) {
      states.push(state);
      if (state === 'paused') pauses.push(waitMs);
    },
  });
  const call = (verdict: Verdict, retryAfterMs?: number, node = 'a') =>
    pool.end(pool.begin(node), verdict, retryAfterMs, 'because');
  return { clock, pool, states, pauses, call };
}

test('a second of calls may begin at once, and then one each hundredth of a second', () => {
  const { clock, pool, call } = harness();
  for (let n = 0; n < 100; n += 1) {
    assert.equal(pool.waitMs(), 0);
    call('good');
  }
  assert.equal(pool.waitMs(), 10);
  clock.advance(9);
  assert.equal(pool.waitMs(), 1);
  clock.advance(1);
  assert.equal(pool.waitMs(), 0);
});

test('calls that follow from others are counted later', () => {
  const { clock, pool, call } = harness();
  for (let n = 0; n < 110; n += 1) call('good');
  assert.equal(pool.waitMs(), 110);
  clock.advance(110);
  assert.equal(pool.waitMs(), 0);
});

test('a 429 pauses everything for as long as the server says, then one call is tried, then all go on at half the rate', () => {
  const { clock, pool, states, pauses, call } = harness();
  call('overload', 3_000);
  assert.deepEqual(pauses, [3_000]);
  assert.equal(pool.waitMs(), undefined);
  assert.equal(pool.rate(), 0);
  clock.advance(2_999);
  assert.equal(pool.waitMs(), undefined);
  assert.equal(pool.remainingMs(), 1);
  clock.advance(1);
  assert.equal(pool.waitMs(), 0);
  const probe = pool.begin('a');
  assert.equal(pool.waitMs(), undefined, 'one call at a time');
  pool.end(probe, 'good', undefined, '');
  assert.deepEqual(states, ['paused', 'probing', 'flowing']);
  assert.equal(pool.rate(), 50);
});

test('after a pause the rate grows evenly and is whole again after ten seconds', () => {
  const { clock, pool, call } = harness();
  call('overload');
  clock.advance(250);
  call('good');
  const rates = [2, 2, 2, 2, 2, 2].map((seconds) => {
    const rate = Math.round(pool.rate());
    clock.advance(seconds * 1000);
    return rate;
  });
  assert.deepEqual(rates, [50, 60, 70, 80, 90, 100]);
});

test('pauses double while trouble lasts, up to half a minute, and begin anew after a good answer', () => {
  const { clock, pauses, call } = harness();
  for (let n = 0; n < 9; n += 1) {
    call('overload');
    clock.advance(pauses.at(-1) ?? 0);
  }
  assert.deepEqual(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  call('good');
  call('overload');
  assert.equal(pauses.at(-1), 250);
});

test('replicas that were told the same wait do not come back in one moment', () => {
  for (const [random, expected] of [
    [0, 4_000],
    [0.5, 4_500],
    [0.999, 4_999],
  ] as const) {
    const { pauses, call } = harness({ random: () => random });
    call('overload', 4_000);
    assert.deepEqual(pauses, [expected]);
  }
});

test('calls that began before a pause are the same trouble, but may lengthen it', () => {
  const { clock, pool, pauses } = harness();
  const calls = Array.from({ length: 32 }, () => pool.begin('a'));
  for (const call of calls.slice(0, 30)) pool.end(call, 'overload', undefined, '');
  assert.deepEqual(pauses, [250]);
  for (const call of calls.slice(30, 31)) pool.end(call, 'overload', 8_000, '');
  assert.deepEqual(pauses, [250, 8_000]);
  assert.equal(pool.pauses, 1);
  clock.advance(8_000);
  for (const call of calls.slice(31)) pool.end(call, 'good', undefined, '');
  assert.equal(pool.state, 'probing', 'an answer to what was asked before says nothing about now');
});

test('a call that hangs from before a pause does not hold up the one that is tried after it', () => {
  const { clock, pool, call } = harness();
  pool.begin('a');
  call('overload');
  clock.advance(250);
  assert.equal(pool.waitMs(), 0);
});

test('what fails for one node alone pauses nobody; two nodes in a row do', () => {
  const { pool, call } = harness();
  for (let n = 0; n < 50; n += 1) call('fault', undefined, 'a');
  assert.equal(pool.state, 'flowing');
  call('good', undefined, 'b');
  call('fault', undefined, 'b');
  assert.equal(pool.state, 'flowing', 'a good answer lies between them');
  call('fault', undefined, 'a');
  assert.equal(pool.state, 'paused');
});

test('while probing, one failure of any kind is enough', () => {
  const { clock, pool, pauses, call } = harness();
  call('overload');
  clock.advance(250);
  call('fault');
  assert.equal(pool.state, 'paused');
  assert.deepEqual(pauses, [250, 500]);
});

test('a clock that is set back stops nothing', () => {
  let nowMs = 1_000_000;
  const pool = new CallPool({
    callsPerSecond: 10,
    clock: { now: () => new Date(nowMs), after: () => () => undefined },
    random: () => 0,
    onState: () => undefined,
  });
  for (let n = 0; n < 10; n += 1) pool.end(pool.begin('a'), 'good', undefined, '');
  nowMs -= 3_600_000;
  assert.equal(pool.waitMs(), 100);
  nowMs += 100;
  assert.equal(pool.waitMs(), 0);
});

test('whatever comes, never more calls begin in any stretch of time than the rate allows, and none in a pause', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 700 }) }),
    fc.record({
      type: fc.constant('call' as const),
      verdict: fc.constantFrom<Verdict>('good', 'good', 'good', 'fault', 'overload'),
      node: fc.constantFrom('a', 'b'),
      retryAfterMs: fc.option(fc.integer({ min: 0, max: 2_000 }), { nil: undefined }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { clock, pool, call } = harness({ callsPerSecond: 20, random: () => 0.5 });
      const began: number[] = [];
      for (const action of steps) {
        if (action.type === 'time') {
          clock.advance(action.ms);
          continue;
        }
        if (pool.waitMs() !== 0) continue;
        assert.notEqual(pool.state, 'paused');
        began.push(clock.now().getTime());
        call(action.verdict, action.retryAfterMs, action.node);
      }
      for (const [from, startMs] of began.entries()) {
        for (const [to, endMs] of began.entries()) {
          if (to >= from) assert.ok(to - from + 1 <= 20 + ((endMs - startMs) / 1000) * 20 + 1e-6);
        }
      }
      clock.advance(120_000);
      assert.equal(pool.waitMs(), 0, 'time heals');
    }),
  );
});
