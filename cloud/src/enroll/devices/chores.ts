import type { Logger } from 'pino';
import { createBackoff, pause } from '../../apiserver/index.ts';
import type { Clock } from '../../clock.ts';

/** Chores that wait: a device or two for each session that a relay may have. Over it the oldest are dropped, and told. */
const MAX_WAITING = 20_000;

export interface ChoresOptions {
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** Writes that nobody waits for: one after the other, each tried until it works. */
export interface Chores {
  /** Returns at once. Another chore under the same name takes the place of one that waits. */
  add(name: string, chore: () => Promise<void>): void;
  waiting(): number;
  /** What waits is dropped; resolves when nothing runs. */
  stop(): Promise<void>;
}

export function createChores({ clock, random, logger }: ChoresOptions): Chores {
  const stopping = new AbortController();
  const backoff = createBackoff(random);
  const waiting = new Map<string, () => Promise<void>>();
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    for (const [name, chore] of waiting) {
      if (stopping.signal.aborted) return;
      waiting.delete(name);
      try {
        await chore();
        backoff.reset();
      } catch (err) {
        if (stopping.signal.aborted) return;
        // Behind the others, unless a newer one has come.
        if (!waiting.has(name)) waiting.set(name, chore);
        const waitMs = backoff.next();
        logger.warn({ err, name, waitMs, waiting: waiting.size }, 'record of a device not written yet');
        await pause(clock, waitMs, stopping.signal);
      }
    }
  }

  function start(): void {
    running ??= run().finally(() => {
      running = undefined;
      if (waiting.size > 0 && !stopping.signal.aborted) start();
    });
  }

  return {
    add(name, chore) {
      if (stopping.signal.aborted) return;
      waiting.delete(name);
      waiting.set(name, chore);
      if (waiting.size > MAX_WAITING) {
        const [oldest] = waiting.keys();
        if (oldest !== undefined) waiting.delete(oldest);
        logger.error({ name: oldest, most: MAX_WAITING }, 'record of a device not written: too many wait');
      }
      start();
    },
    waiting: () => waiting.size,
    async stop() {
      stopping.abort();
      waiting.clear();
      await running;
    },
  };
}
