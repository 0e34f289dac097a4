/**
 * Spreads work over turns of the event loop: a change of one ConfigMap may wake thousands of sessions at once, and pings and
 * reads must go on meanwhile. First come, first served; the order of what one caller adds is kept.
 */
export interface Turns {
  /** Runs `work` in a later turn. It must not throw. */
  add(work: () => void): void;
}

/** Long enough to get something done, short enough not to be felt by a ping. */
const TURN_MS = 10;
/** The list is cut when so much of it is done, so that it does not grow without end. */
const COMPACT_AFTER = 1024;

export function createTurns(
  schedule: (turn: () => void) => void = setImmediate,
  now: () => number = () => performance.now(),
): Turns {
  let waiting: (() => void)[] = [];
  let next = 0;

  function turn(): void {
    const end = now() + TURN_MS;
    do {
      const work = waiting[next];
      next += 1;
      work?.();
    } while (next < waiting.length && now() < end);
    if (next >= waiting.length) {
      waiting = [];
      next = 0;
      return;
    }
    if (next >= COMPACT_AFTER) {
      waiting = waiting.slice(next);
      next = 0;
    }
    schedule(turn);
  }

  return {
    add(work) {
      waiting.push(work);
      if (waiting.length === 1) schedule(turn);
    },
  };
}
