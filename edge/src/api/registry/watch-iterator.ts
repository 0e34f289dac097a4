import type { StopWatch, WatchEvent, WatchSink } from './watch.ts';

/** Events that an iterator holds for a slow reader. At the bound the watch ends, and the reader resumes from what it has seen. */
export const MAX_BUFFERED_EVENTS = 1000;

/**
 * A watch as an async iterable, for readers in the same process. Initial events do not count against the bound: they are what a
 * list would have returned. Leaving the loop, or the signal, ends the watch.
 */
export async function* iterateWatch(
  start: (sink: WatchSink) => Promise<StopWatch>,
  signal?: AbortSignal,
): AsyncGenerator<WatchEvent, void, undefined> {
  let buffered: WatchEvent[] = [];
  let ended = false;
  let overflowed = false;
  let bound = Number.POSITIVE_INFINITY;
  let wake = () => {};
  const finish = () => {
    ended = true;
    wake();
  };
  const stop = await start({
    event: (event) => {
      if (buffered.length >= bound) overflowed = true;
      else buffered.push(event);
      wake();
    },
    end: finish,
  });
  bound = buffered.length + MAX_BUFFERED_EVENTS;
  signal?.addEventListener('abort', finish);
  try {
    while (!signal?.aborted) {
      const events = buffered;
      buffered = [];
      if (events.length > 0) {
        if (!overflowed) bound = MAX_BUFFERED_EVENTS;
        for (const event of events) {
          if (signal?.aborted) return;
          yield event;
        }
      } else if (ended || overflowed) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    stop();
    signal?.removeEventListener('abort', finish);
  }
}
