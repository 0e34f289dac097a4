import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { ManualClock } from '../../downstream/testing/manual-clock.ts';
import { SecondLooks } from './second-looks.ts';

function scene() {
  const clock = new ManualClock();
  const reads: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const looks = new SecondLooks({
    clock,
    logger: pino({ level: 'silent' }),
    read(nodeName) {
      reads.push(nodeName);
      return new Promise((resolve, reject) => ends.push((error) => (error === undefined ? resolve() : reject(error))));
    },
  });
  return { clock, reads, ends, looks };
}

test('a record is read once for all who ask meanwhile, and not again within two seconds', async () => {
  const { clock, reads, ends, looks } = scene();
  const asked = [looks.look('truck-1'), looks.look('truck-1')];
  ends.shift()?.();
  await Promise.all(asked);
  await looks.look('truck-1');
  assert.deepEqual(reads, ['truck-1']);
  clock.advance(2_000);
  const again = looks.look('truck-1');
  ends.shift()?.(new Error('the API server is away'));
  await again;
  assert.deepEqual(reads, ['truck-1', 'truck-1']);
  clock.advance(2_000);
  assert.equal(clock.timers, 0);
});

test('sixteen are read at a time, and one more is judged by what there is', async () => {
  const { reads, ends, looks } = scene();
  const asked = Array.from({ length: 16 }, (_, n) => looks.look(`truck-${n}`));
  await looks.look('truck-16');
  assert.equal(reads.length, 16);
  for (const end of ends) end();
  await Promise.all(asked);
});
