import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BURST_SECONDS, FrameBudget, FrameBudgets } from './frame-budget.ts';

function clockAt(milliseconds: number) {
  const clock = { ms: milliseconds, now: () => new Date(clock.ms) };
  return clock;
}

function takeAll(budget: FrameBudget): number {
  let taken = 0;
  while (budget.take()) taken += 1;
  return taken;
}

test('in whatever rhythm they come, no more frames pass than the burst and what time has brought', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.tuple(fc.nat({ max: 5_000 }), fc.nat({ max: 300 }))),
      (perSecond, steps) => {
        const clock = clockAt(0);
        const budget = new FrameBudget(perSecond, clock);
        let passed = 0;
        for (const [wait, frames] of steps) {
          clock.ms += wait;
          for (let n = 0; n < frames; n += 1) if (budget.take()) passed += 1;
        }
        assert.ok(passed <= perSecond * (BURST_SECONDS + clock.ms / 1000));
      },
    ),
  );
});

test('who has used the burst has as many a second as the rate, and after a quiet time the burst again', () => {
  const clock = clockAt(0);
  const budget = new FrameBudget(10, clock);
  assert.equal(takeAll(budget), 200);
  clock.ms += 1_000;
  assert.equal(takeAll(budget), 10);
  clock.ms += 3_600_000;
  assert.equal(takeAll(budget), 200);
});

test('what is given back may be taken again', () => {
  const budget = new FrameBudget(1, clockAt(0));
  for (let n = 0; n < 1_000; n += 1) {
    assert.ok(budget.take());
    budget.giveBack();
  }
  assert.equal(takeAll(budget), 20);
});

test('a clock that was set back costs nobody more than the frames of a moment', () => {
  const clock = clockAt(3_600_000);
  const budget = new FrameBudget(10, clock);
  takeAll(budget);
  clock.ms = 0;
  assert.equal(budget.take(), false);
  clock.ms = 1_000;
  assert.equal(takeAll(budget), 10);
});

test('a node that dials anew goes on with what it had left, also beside its older link, until it would be whole again', () => {
  const clock = clockAt(0);
  const budgets = new FrameBudgets(10, clock);
  const first = budgets.open('edge-1');
  takeAll(first);
  const beside = budgets.open('edge-1');
  assert.equal(beside.take(), false);
  budgets.close('edge-1');
  budgets.close('edge-1');
  assert.equal(budgets.open('edge-1').take(), false);
  assert.equal(takeAll(budgets.open('edge-2')), 200, 'another node is not concerned');
  budgets.close('edge-1');
  clock.ms += 19_999;
  assert.equal(takeAll(budgets.open('edge-1')), 199);
  budgets.close('edge-1');
  budgets.close('edge-2');
  clock.ms += 20_000;
  budgets.open('edge-3');
  assert.equal(budgets.remembered, 0);
});

test('budgets of ended links are remembered up to a bound', () => {
  const budgets = new FrameBudgets(10, clockAt(0));
  for (let n = 0; n < 20_010; n += 1) {
    budgets.open(`edge-${n}`);
    budgets.close(`edge-${n}`);
  }
  assert.equal(budgets.remembered, 20_000);
});
