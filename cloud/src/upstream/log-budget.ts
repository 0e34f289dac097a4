import type { Clock } from '../clock.ts';

/** Lines of one session in a window; of one reason of the whole relay likewise. */
const LINES = 10;
const WINDOW_MS = 60_000;

/**
 * How many lines of the log one device, or one reason, may cause: a device that repeats itself is told of ten times a minute, and
 * how often it was not told of stands in the next line.
 */
export class LogBudget {
  readonly #clock: Pick<Clock, 'now'>;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #untold = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Whether a line may be written now; then with how many had to be left out since the last one. */
  take(): { readonly untold?: number } | undefined {
    const nowMs = this.#clock.now().getTime();
    if (nowMs < this.#sinceMs || nowMs - this.#sinceMs >= WINDOW_MS) {
      this.#sinceMs = nowMs;
      this.#lines = 0;
    }
    if (this.#lines >= LINES) {
      this.#untold += 1;
      return undefined;
    }
    this.#lines += 1;
    const untold = this.#untold;
    this.#untold = 0;
    return untold === 0 ? {} : { untold };
  }
}
