import type { Clock } from '../../clock.ts';
import { until } from './until.ts';

export interface FakeClock extends Clock {
  /** The lengths of the timers that are set, in milliseconds from when they were. */
  readonly waits: readonly number[];
  /** Lets the time pass, and what is due happen, in order. */
  advance(milliseconds: number): void;
  /** Sets the clock of the wall, forwards or back; timers wait as long as they would have. */
  set(nowMs: number): void;
  /** Waits until a timer of that length is set, then lets its time pass. */
  pass(milliseconds: number): Promise<void>;
}

/** Time that stands still until a test moves it. */
export function createFakeClock(): FakeClock {
  let nowMs = Date.UTC(2026, 0, 1);
  const timers = new Set<{ dueMs: number; readonly waitMs: number; readonly callback: () => void }>();

  function advance(milliseconds: number): void {
    const endMs = nowMs + milliseconds;
    for (;;) {
      const next = [...timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      timers.delete(next);
      nowMs = Math.max(nowMs, next.dueMs);
      next.callback();
    }
    nowMs = endMs;
  }

  const waits = () => [...timers].map(({ waitMs }) => waitMs);
  return {
    now: () => new Date(nowMs),
    after(waitMs, callback) {
      const timer = { dueMs: nowMs + waitMs, waitMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    get waits() {
      return waits();
    },
    advance,
    set(ms) {
      for (const timer of timers) timer.dueMs += ms - nowMs;
      nowMs = ms;
    },
    async pass(milliseconds) {
      await until(
        `a timer of ${milliseconds} ms`,
        () => waits().includes(milliseconds),
        () => `timers: ${waits().join(', ')}`,
      );
      advance(milliseconds);
    },
  };
}
