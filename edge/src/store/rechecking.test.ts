import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HawserError } from '@hawser/protocol';
import fc from 'fast-check';
import { pace, startRechecking } from './rechecking.ts';
import { silent } from './testing.ts';
import type { Recheck } from './types.ts';

const ROUND_MS = 50_000;

describe('the pace', () => {
  it('is a round in its time up to 500 objects, and ten objects a second beyond', () => {
    fc.assert(
      fc.property(fc.nat({ max: 20_000 }), fc.nat({ max: 2_000 }), (held, onlyHere) => {
        const { rows, pauseMs } = pace(held, onlyHere, ROUND_MS);
        const takesMs = (Math.ceil((held + onlyHere + 1) / rows) * pauseMs) | 0;
        // One pause more where the rows do not divide evenly.
        assert.ok(takesMs <= ROUND_MS * Math.max(1, held / 500) + pauseMs, `${takesMs} ms`);
        assert.ok(pauseMs >= 90 && pauseMs <= 2_500, `${pauseMs} ms`);
        assert.ok(rows <= 10 || onlyHere > held, `${rows} rows at a time`);
      }),
    );
  });

  it('reads one row at a time where there are few', () => {
    assert.deepEqual(pace(24, 0, ROUND_MS), { rows: 1, pauseMs: 2_000 });
    assert.deepEqual(pace(0, 0, ROUND_MS), { rows: 1, pauseMs: 2_500 });
  });
});

/** Rows 1 … n, of which some cannot be read, and time that passes when the test says so. */
function scene(held: number, onlyHere = 0) {
  let position = 0;
  let read = 0;
  let rounds = 0;
  const broken = new Set<number>();
  const recheck: Recheck = {
    step() {
      position += 1;
      if (position > held + onlyHere) {
        position = 0;
        rounds += 1;
        return true;
      }
      if (broken.has(position)) throw new HawserError('store_damaged', 'a page');
      read += 1;
      return false;
    },
    rows: () => held + onlyHere,
    stats: () => ({ rows: read, rounds, failures: 0, damaged: { row: 0, lost: 0, body: 0, write: 0, served: 0 } }),
  };
  let now = 0;
  let timer: { readonly at: number; readonly callback: () => void } | undefined;
  let told = 0;
  const rechecking = startRechecking({
    recheck,
    held: () => held,
    roundMs: ROUND_MS,
    clock: {
      after(milliseconds, callback) {
        timer = { at: now + milliseconds, callback };
        return () => {
          timer = undefined;
        };
      },
    },
    logger: silent,
    onMended: () => {
      told += 1;
    },
  });
  const pass = (milliseconds: number) => {
    const end = now + milliseconds;
    while (timer !== undefined && timer.at <= end) {
      now = timer.at;
      timer.callback();
    }
    now = end;
  };
  return { recheck, broken, pass, told: () => told, stop: rechecking.stop, isArmed: () => timer !== undefined };
}

describe('reading again', () => {
  it('has read 500 objects after 50 s, though there are hundreds of events beside them', () => {
    const { recheck, pass } = scene(500, 700);
    pass(ROUND_MS + 100);
    assert.equal(recheck.stats().rounds, 1);
    assert.ok(recheck.stats().rows >= 1_200);
  });

  it('goes on without end, and tells after each step so that nothing found waits', () => {
    const { recheck, pass, told } = scene(3);
    pass(10 * ROUND_MS);
    assert.ok(recheck.stats().rounds >= 10);
    assert.ok(told() >= recheck.stats().rows);
  });

  it('goes on behind a place that cannot be read', () => {
    const { recheck, broken, pass } = scene(10);
    broken.add(4);
    pass(ROUND_MS + 5_000);
    assert.ok(recheck.stats().rounds >= 1);
    assert.ok(recheck.stats().rows >= 9);
  });

  it('ends when it is stopped', () => {
    const { recheck, pass, stop, isArmed } = scene(10);
    pass(5_000);
    const { rows } = recheck.stats();
    stop();
    assert.equal(isArmed(), false);
    pass(ROUND_MS);
    assert.equal(recheck.stats().rows, rows);
  });
});
