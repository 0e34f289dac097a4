import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createTurns } from './turns.ts';

/** Pieces of work that end when they are told to. */
function work() {
  const begun: number[] = [];
  const ends = new Map<number, PromiseWithResolvers<void>>();
  return {
    begun,
    piece: (n: number) => async () => {
      begun.push(n);
      const end = Promise.withResolvers<void>();
      ends.set(n, end);
      await end.promise;
      return n;
    },
    end: (n: number) => ends.get(n)?.resolve(),
    fail: (n: number) => ends.get(n)?.reject(new Error(`${n} failed`)),
  };
}

it('so many run at a time, the others in the order in which they came', async () => {
  const { begun, piece, end, fail } = work();
  const turns = createTurns(2, 10);
  const results = [1, 2, 3, 4, 5].map((n) => turns.take(piece(n)));
  const settled = Promise.allSettled(results);
  await turn();
  assert.deepEqual(begun, [1, 2]);
  fail(2);
  await turn();
  assert.deepEqual(begun, [1, 2, 3], 'a failure is an end too');
  end(1);
  end(3);
  await turn();
  assert.deepEqual(begun, [1, 2, 3, 4, 5]);
  end(4);
  end(5);
  assert.deepEqual(
    (await settled).map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message)),
    [1, '2 failed', 3, 4, 5],
  );
  const more = turns.take(piece(6));
  await turn();
  end(6);
  assert.equal(await more, 6);
});

it('when more wait than may, nothing is run', async () => {
  const { begun, piece, end } = work();
  const turns = createTurns(1, 1);
  const results = [turns.take(piece(1)), turns.take(piece(2))];
  assert.equal(turns.take(piece(3)), undefined);
  end(1);
  await turn();
  end(2);
  assert.deepEqual(await Promise.all(results), [1, 2]);
  assert.deepEqual(begun, [1, 2]);
});
