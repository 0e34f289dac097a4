/** Waits before dialling again: exponential with full jitter, so that devices that lost one relay do not come back together. */
export interface BackoffBounds {
  /** Bound of the first wait, in milliseconds. Default 500. */
  readonly baseMs: number;
  /** Bound of every wait, in milliseconds. Default 60,000. */
  readonly capMs: number;
}

export const DEFAULT_BACKOFF: BackoffBounds = { baseMs: 500, capMs: 60_000 };

/**
 * A wait from 0 up to `baseMs` · 2^failures, at most `capMs`.
 * @param failures how many attempts have failed since the last good one, before the one that just failed
 * @param random at least 0, below 1
 */
export function fullJitter({ baseMs, capMs }: BackoffBounds, failures: number, random: () => number): number {
  // Beyond 2^30 the cap holds long since, and the power would leave the numbers.
  const bound = Math.min(capMs, baseMs * 2 ** Math.min(failures, 30));
  return Math.floor(random() * bound);
}
