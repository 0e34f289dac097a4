import type { Clock } from '../clock.ts';

const FIRST_STEP_MS = 800;
const MAX_STEP_MS = 30_000;

/** Exponential backoff with full jitter: each wait is anything from 0 to the step, so that relays do not come back in step. */
export interface Backoff {
  /** The next wait. One that the server asked for is kept in full, and the jitter comes on top. */
  next(retryAfterMs?: number): number;
  reset(): void;
}

/** @param random from 0 to 1, 1 excluded */
export function createBackoff(random: () => number): Backoff {
  let step = FIRST_STEP_MS;
  return {
    next(retryAfterMs = 0) {
      const waitMs = Math.round(retryAfterMs + random() * step);
      step = Math.min(step * 2, MAX_STEP_MS);
      return waitMs;
    },
    reset() {
      step = FIRST_STEP_MS;
    },
  };
}

/** Resolves after so long, at once for no wait, or as soon as the signal comes. */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || milliseconds <= 0) {
      resolve();
      return;
    }
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(milliseconds, done);
    signal.addEventListener('abort', done);
  });
}
