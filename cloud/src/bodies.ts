import type { ObjectKey } from '@hawser/protocol';
import type { Observed } from './merge/change.ts';
import { type RetryOptions, untilDone } from './retry.ts';

/**
 * Bodies that become needed after they were let go: each is read once, live, so that it is not older than what is known. Reads
 * that fail are tried again with backoff until they work; an error never stands for an object or for its absence.
 */
export interface Bodies {
  /** What waits is bounded by the number of objects that edge nodes need: one wish per key, as asked. */
  request(key: ObjectKey): void;
  counts(): { readonly waiting: number; readonly running: number };
}

/** Reads at a time. After a relay starts there may be one for each ConfigMap and Secret at the edge. */
const CONCURRENCY = 16;

export interface BodiesOptions extends RetryOptions {
  /** One live GET. @throws HawserError for anything but an object or a 404 */
  readonly fetch: (key: ObjectKey) => Promise<Observed | 'notFound'>;
  readonly provide: (answer: Observed | { readonly notFound: ObjectKey }) => void;
}

export function createBodies({ fetch, provide, ...retry }: BodiesOptions): Bodies {
  const waiting = new Set<ObjectKey>();
  const running = new Set<ObjectKey>();

  function fill(): void {
    for (const key of waiting) {
      if (running.size >= CONCURRENCY || retry.signal.aborted) return;
      // The same key may be wished for again while its read is under way: that read may be too old, so it waits.
      if (running.has(key)) continue;
      waiting.delete(key);
      running.add(key);
      void read(key);
    }
  }

  async function read(key: ObjectKey): Promise<void> {
    const answer = await untilDone(() => fetch(key), retry);
    running.delete(key);
    if (answer !== undefined) provide(answer === 'notFound' ? { notFound: key } : answer);
    fill();
  }

  return {
    request(key) {
      waiting.add(key);
      // In a later turn: the wish comes from within a change that is being applied.
      queueMicrotask(fill);
    },
    counts: () => ({ waiting: waiting.size, running: running.size }),
  };
}
