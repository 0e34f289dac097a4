import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { systemClock } from './clock.ts';

const DAY_MS = 86_400_000;

test('a wait of months ends after months, and can be called off in each part of it', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let ended = 0;
    systemClock.after(60 * DAY_MS, () => {
      ended += 1;
    });
    const callOff = systemClock.after(60 * DAY_MS, () => assert.fail('it was called off'));
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
