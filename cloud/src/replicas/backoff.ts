const FIRST_STEP_MS = 500;
const MOST_STEP_MS = 30_000;

/** When to try again after failures: exponential, with jitter between half and the whole of the step, and never before it was asked. */
export class Backoff {
  readonly #mostMs: number;
  #failures = 0;
  #atMs = Number.NEGATIVE_INFINITY;

  /** @param mostMs the longest step; default 30 s */
  constructor(mostMs = MOST_STEP_MS) {
    this.#mostMs = mostMs;
  }

  get failures(): number {
    return this.#failures;
  }

  nextAtMs(): number {
    return this.#atMs;
  }

  /** @param random from 0 to 1, 1 excluded */
  failed(nowMs: number, random: number, retryAfterMs = 0): void {
    // Several that were under way together count once.
    if (nowMs < this.#atMs) return;
    const step = Math.min(FIRST_STEP_MS * 2 ** Math.min(this.#failures, 10), this.#mostMs);
    this.#failures += 1;
    this.#atMs = nowMs + Math.max(retryAfterMs, Math.round(step * (0.5 + random / 2)));
  }

  reset(): void {
    this.#failures = 0;
    this.#atMs = Number.NEGATIVE_INFINITY;
  }
}
