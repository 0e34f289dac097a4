/**
 * How fast something may be done: `burst` times at once, and over time once each `gapMs`. Holds one number (the generic cell rate
 * algorithm, as in ITU-T I.371).
 */
export class Pace {
  readonly #gapMs: number;
  readonly #slackMs: number;
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor(gapMs: number, burst: number) {
    this.#gapMs = gapMs;
    this.#slackMs = gapMs * (burst - 1);
  }

  /** From when on it may be done once more. */
  nextAtMs(): number {
    return this.#fullAtMs - this.#slackMs;
  }

  done(nowMs: number): void {
    this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#gapMs;
  }
}
