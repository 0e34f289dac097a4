import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulatedClock } from '../link/simulated-clock.ts';
import { watchRoom } from './room-watch.ts';

test('a disk that was full is looked at until so much is free, and no more after', async () => {
  const clock = simulatedClock();
  let freeBytes: number | undefined = 0;
  let looks = 0;
  const space = () => {
    looks += 1;
    return freeBytes === undefined ? undefined : { freeBytes, totalBytes: 100, freeInodes: 1, totalInodes: 1 };
  };
  const { room } = watchRoom('/data', 10, clock, space);
  let isRoom = false;
  void room.then(() => {
    isRoom = true;
  });
  for (const free of [9, undefined, 0]) {
    freeBytes = free;
    clock.advance(10_000);
    await Promise.resolve();
    assert.equal(isRoom, false);
  }
  freeBytes = 10;
  clock.advance(10_000);
  await room;
  const before = looks;
  clock.advance(60_000);
  assert.equal(looks, before);
});

test('stopped, it looks no more', () => {
  const clock = simulatedClock();
  const watch = watchRoom('/data', 10, clock, () => assert.fail('it has looked'));
  watch.stop();
  clock.advance(60_000);
});
