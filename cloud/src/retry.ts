import type { Clock } from './clock.ts';

export interface RetryOptions {
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Called after each failure, with the wait before the next try. */
  readonly onFailure: (error: unknown, waitMs: number) => void;
}

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 30_000;

/**
 * Tries until it works, with exponential backoff and full jitter (each wait is anything from 0 to the step).
 * @returns undefined when the signal came first
 */
export async function untilDone<T>(
  attempt: () => Promise<T>,
  { clock, random, signal, onFailure }: RetryOptions,
): Promise<T | undefined> {
  for (let step = FIRST_WAIT_MS; !signal.aborted; step = Math.min(step * 2, MOST_WAIT_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) return undefined;
      const waitMs = Math.round(random() * step);
      onFailure(error, waitMs);
      await wait(clock, waitMs, signal);
    }
  }
  return undefined;
}

/** Resolves when `work` is done, or after so long, and says so then. */
export function within(
  milliseconds: number,
  work: Promise<void>,
  { clock, onOver }: { readonly clock: Clock; readonly onOver: () => void },
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(milliseconds, () => {
      onOver();
      resolve();
    });
    void work.then(() => {
      cancel();
      resolve();
    });
  });
}

/** Resolves after so long, or when the signal comes. */
export function wait(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(milliseconds, done);
    signal.addEventListener('abort', done);
  });
}
