import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurns } from './turns.ts';

function harness() {
  const scheduled: (() => void)[] = [];
  let time = 0;
  const turns = createTurns(
    (turn) => scheduled.push(turn),
    () => time,
  );
  return {
    turns,
    scheduled,
    take: (ms: number) => {
      time += ms;
    },
    run() {
      let ran = 0;
      for (let turn = scheduled.shift(); turn !== undefined; turn = scheduled.shift()) {
        turn();
        ran += 1;
      }
      return ran;
    },
  };
}

test('work runs in the order in which it came, and not within add', () => {
  const { turns, run } = harness();
  const done: number[] = [];
  for (const n of [1, 2, 3]) turns.add(() => done.push(n));
  assert.deepEqual(done, []);
  assert.equal(run(), 1);
  assert.deepEqual(done, [1, 2, 3]);
});

test('a turn ends when its time is over and the rest goes on in the next', () => {
  const { turns, take, run } = harness();
  let done = 0;
  for (let n = 0; n < 5000; n += 1) {
    turns.add(() => {
      done += 1;
      take(1);
    });
  }
  assert.equal(run(), 500);
  assert.equal(done, 5000);
});

test('work that adds work is not forgotten', () => {
  const { turns, run } = harness();
  let done = 0;
  const again = () => {
    done += 1;
    if (done < 10) turns.add(again);
  };
  turns.add(again);
  run();
  turns.add(again);
  run();
  assert.equal(done, 11);
});
