import type { Clock } from './clock.ts';

/**
 * Milliseconds that never go back, whatever is done to the wall clock: set back, it only loses the time since the last call. What is
 * due is due by this; a Lease must not wait for an hour because a clock was corrected.
 */
export function monotonic(clock: Pick<Clock, 'now'>): () => number {
  let last = clock.now().getTime();
  let reached = last;
  return () => {
    const now = clock.now().getTime();
    reached += Math.max(0, now - last);
    last = now;
    return reached;
  };
}
