import { setTimeout as sleep } from 'node:timers/promises';

/** Between two looks. */
const LOOK_EVERY_MS = 25;

/**
 * Looks again and again until `look` gives something other than undefined or false, and gives that. For states of other
 * processes that no event tells.
 * @throws when the time is up or the signal comes, with the last error of `look` as cause
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  look: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      const reason = cause instanceof Error ? `: ${cause.message}` : '';
      throw new Error(`${what}: not within ${timeoutMs} ms${reason}`, { cause });
    }
    await sleep(LOOK_EVERY_MS);
  }
}
