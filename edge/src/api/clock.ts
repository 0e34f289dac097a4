/** Time as the API sees it, so that tests can drive it. */
export interface Clock {
  now(): Date;
  /** Calls `callback` once after so many milliseconds. Returns the way to call it off. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** Longest wait of one of Node's timers: it fires at once for more (24.8 days). In milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  after: (milliseconds, callback) => {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      const restMs = leftMs - LONGEST_TIMER_MS;
      timer = restMs > 0 ? setTimeout(() => wait(restMs), LONGEST_TIMER_MS) : setTimeout(callback, leftMs);
    };
    wait(milliseconds);
    return () => clearTimeout(timer);
  },
};

/** RFC 3339 in whole seconds, the form of metadata times. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
