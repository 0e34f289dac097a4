import type { Clock } from '../api/clock.ts';

/** A clock that tests move by hand; it begins at 0. */
export interface SimulatedClock extends Clock {
  /** Milliseconds since the beginning. */
  time(): number;
  /** Lets time pass; everything due on the way runs at its time, in order. */
  advance(milliseconds: number): void;
  /** The machine sleeps: time passes, and what was due runs late, when it wakes. */
  sleep(milliseconds: number): void;
  /** The wall clock is set, and no timer minds. */
  set(milliseconds: number): void;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export function simulatedClock(): SimulatedClock {
  let now = 0;
  let setForward = 0;
  const timers = new Set<Timer>();

  function nextDue(until: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.at <= until && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  }

  return {
    now: () => new Date(now + setForward),
    after(milliseconds, callback) {
      const timer = { at: now + milliseconds, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    time: () => now,
    set(milliseconds) {
      setForward += milliseconds;
    },
    advance(milliseconds) {
      const until = now + milliseconds;
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        now = Math.max(now, timer.at);
        timer.callback();
      }
      now = until;
    },
    sleep(milliseconds) {
      now += milliseconds;
      const late = [...timers].filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
      for (const timer of late) {
        if (timers.delete(timer)) timer.callback();
      }
    },
  };
}
