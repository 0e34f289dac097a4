/** Longest wait of one of Node's timers: it fires at once for more (24.8 days). In milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface LongTimerOptions {
  /** Whether the process lives until then, if nothing else keeps it. */
  readonly keepsAlive: boolean;
}

/** Calls `callback` once after so many milliseconds, also months. Returns the way to call it off. */
export function startTimer(milliseconds: number, callback: () => void, { keepsAlive }: LongTimerOptions): () => void {
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number) => {
    const restMs = leftMs - LONGEST_TIMER_MS;
    timer = restMs > 0 ? setTimeout(() => wait(restMs), LONGEST_TIMER_MS) : setTimeout(callback, leftMs);
    if (!keepsAlive) timer.unref();
  };
  wait(milliseconds);
  return () => clearTimeout(timer);
}
