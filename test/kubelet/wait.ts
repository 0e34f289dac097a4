import type { Clock } from '@hawser/edge';

/** Resolves after so many milliseconds. @throws the signal's reason when that comes first */
export function wait(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      callOff();
      reject(signal.reason);
    };
    const callOff = clock.after(milliseconds, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}

/** Waits that double, with jitter of as much again, as client-go's reflectors have them. */
export interface Backoff {
  next(): number;
  reset(): void;
}

export function backoff(firstMs: number, longestMs: number, random: () => number, jitter = 1): Backoff {
  let current = firstMs;
  return {
    next() {
      const base = current;
      current = Math.min(current * 2, longestMs);
      return base * (1 + jitter * random());
    },
    reset() {
      current = firstMs;
    },
  };
}

/** Wakes one who waits; a wake that comes while nobody waits is kept. */
export interface Bell {
  ring(): void;
  /** Until the next ring, at most so many milliseconds. @throws the signal's reason */
  heard(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void>;
}

export function bell(): Bell {
  let isRung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      isRung = true;
      wake?.();
    },
    async heard(clock, milliseconds, signal) {
      signal.throwIfAborted();
      if (!isRung) {
        const early = new AbortController();
        wake = () => early.abort(EARLY);
        await wait(clock, milliseconds, AbortSignal.any([signal, early.signal])).catch((reason: unknown) => {
          if (reason !== EARLY) throw reason;
        });
        wake = undefined;
      }
      isRung = false;
    },
  };
}

const EARLY = Symbol('the bell has rung');
