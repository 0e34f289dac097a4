import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { startTimer } from './long-timer.ts';

const DAY_MS = 86_400_000;

for (const keepsAlive of [true, false]) {
  const which = keepsAlive ? 'that keeps the process' : 'that keeps no process';

  test(`a wait of months ${which} ends after months, and can be called off in each part of it`, () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      let ended = 0;
      startTimer(
        60 * DAY_MS,
        () => {
          ended += 1;
        },
        { keepsAlive },
      );
      const callOff = startTimer(60 * DAY_MS, () => assert.fail('it was called off'), { keepsAlive });
      for (let day = 1; day < 60; day += 1) mock.timers.tick(DAY_MS);
      assert.equal(ended, 0);
      callOff();
      // A part that begins within a tick begins at its end.
      for (let day = 60; day < 63; day += 1) mock.timers.tick(DAY_MS);
      assert.equal(ended, 1);
      mock.timers.tick(60 * DAY_MS);
      assert.equal(ended, 1);
    } finally {
      mock.timers.reset();
    }
  });

  test(`a wait ${which} does so however long it is, and not once it was called off`, () => {
    for (const days of [1, 60]) {
      const before = timersThatKeep();
      const callOff = startTimer(days * DAY_MS, () => undefined, { keepsAlive });
      assert.equal(timersThatKeep() - before, keepsAlive ? 1 : 0, `${days} days`);
      callOff();
      assert.equal(timersThatKeep(), before);
    }
  });
}

function timersThatKeep(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}
