import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planDrain } from './drain-plan.ts';

const sessions = fc.nat({ max: 20_000 });
const seconds = fc.nat({ max: 300 });
const draws = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));

function drawFrom(stream: Iterator<number>): () => number {
  return () => Number(stream.next().value);
}

test('every session is told once, in the order of time, within four fifths of it or all but the last 5 s', () => {
  fc.assert(
    fc.property(sessions, seconds, draws, (many, time, stream) => {
      const { groups } = planDrain(many, time, drawFrom(stream));
      assert.equal(
        groups.reduce((sum, { count }) => sum + count, 0),
        many,
      );
      const times = groups.map(({ atMs }) => atMs);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
      assert.ok((times[0] ?? 0) === 0, 'the first go at once');
      assert.ok((times.at(-1) ?? 0) <= Math.max(time * 800, time * 1000 - 5_000));
    }),
  );
});

test('groups are of ten where the time allows it, otherwise they differ by one at most', () => {
  fc.assert(
    fc.property(sessions, seconds, draws, (many, time, stream) => {
      const counts = planDrain(many, time, drawFrom(stream)).groups.map(({ count }) => count);
      if (counts.length === 0) return;
      const [least, most] = [Math.min(...counts), Math.max(...counts)];
      assert.ok(most - least <= 1);
      if (many <= time * 40) assert.ok(most <= 10, `${most} at once`);
    }),
  );
});

test('other replicas get no more than 200 sessions a second, unless that would keep a device waiting for over a minute', () => {
  fc.assert(
    fc.property(sessions, seconds, draws, (many, time, stream) => {
      const { groups, waitMs } = planDrain(many, time, drawFrom(stream));
      const overMs = groups.length * 200 + waitMs;
      assert.ok(waitMs <= 60_000);
      assert.ok(waitMs === 60_000 || (many * 1000) / overMs <= 200, `${many} over ${overMs} ms`);
    }),
  );
});

test('a relay of a few sessions is empty at once, one of 500 after ten seconds, and nobody waits for long', () => {
  const lastAt = (many: number, time: number) => planDrain(many, time, () => 0).groups.at(-1)?.atMs;
  assert.equal(lastAt(0, 30), undefined);
  assert.deepEqual(
    planDrain(3, 30, () => 0.5),
    { groups: [{ atMs: 0, count: 3 }], waitMs: 200 },
  );
  assert.equal(lastAt(500, 30), 9_800);
  assert.equal(planDrain(500, 30, () => 0).waitMs, 200);
  assert.equal(lastAt(500, 5), 3_800);
});

test('without any time all are told at once and come to the others bit by bit', () => {
  assert.deepEqual(
    planDrain(4_000, 0, () => 0),
    { groups: [{ atMs: 0, count: 4_000 }], waitMs: 19_800 },
  );
});
