import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CallGate } from './call-gate.ts';

const LOST = { type: 'failing', message: 'reset', retryAfterMs: undefined } as const;

function gate(callsPerSecond = 500, mostUnderWay = 10) {
  const said: string[] = [];
  const one = new CallGate({
    callsPerSecond,
    mostUnderWay,
    random: () => 0.5,
    onFailing: (_failure, failures, waitMs) => said.push(`failing ${failures}, ${waitMs} ms`),
    onRecovered: (failures) => said.push(`recovered after ${failures}`),
  });
  const call = (failure: Parameters<CallGate['settled']>[0], nowMs: number) => {
    one.begun(nowMs);
    one.settled(failure, nowMs);
  };
  return { one, said, call };
}

it('a call that fails alone stops no other', () => {
  const { one, said, call } = gate();
  for (let n = 0; n < 10; n += 1) {
    call(LOST, n * 1_000);
    call(undefined, n * 1_000 + 1);
    assert.ok(one.nextAtMs() <= n * 1_000 + 1);
  }
  assert.deepEqual(said, []);
});

it('two failures in a row stop all, for longer and longer, until one call goes well', () => {
  const { one, said, call } = gate();
  call(LOST, 0);
  let nowMs = 1;
  for (let n = 0; n < 8; n += 1) {
    call(LOST, nowMs);
    nowMs = one.nextAtMs();
  }
  one.begun(nowMs);
  assert.equal(one.nextAtMs(), Number.POSITIVE_INFINITY, 'one at a time tries');
  one.settled(undefined, nowMs);
  assert.ok(one.nextAtMs() <= nowMs);
  assert.deepEqual(said.slice(0, 3), ['failing 1, 375 ms', 'failing 2, 750 ms', 'failing 3, 1500 ms']);
  assert.deepEqual(said.slice(-2), ['failing 8, 3750 ms', 'recovered after 8']);
});

it('one failure that names a wait is enough', () => {
  const { one, call } = gate();
  call({ ...LOST, retryAfterMs: 12_000 }, 100);
  assert.equal(one.nextAtMs(), 12_100);
});

it('so many begin in a second and so many at a time, with what a busy tenth of a second has left out', () => {
  const { one } = gate(100, 1_000);
  let begun = 0;
  for (let nowMs = 0; nowMs < 1_000; nowMs += 1) {
    while (one.nextAtMs() <= nowMs) {
      one.begun(nowMs);
      begun += 1;
    }
  }
  assert.ok(begun >= 100 && begun <= 110, `${begun}`);
  const { one: few } = gate(100, 2);
  few.begun(0);
  few.begun(0);
  assert.equal(few.nextAtMs(), Number.POSITIVE_INFINITY);
});
