import type { Clock } from '../../clock.ts';

/** A clock that a test moves. Timers fire in order of their time, within `advance`. */
export class ManualClock implements Clock {
  #now = Date.parse('2030-01-01T00:00:00Z');
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  #setForward = 0;

  now(): Date {
    return new Date(this.#now + this.#setForward);
  }

  /** The wall clock is set, and no timer minds. */
  set(milliseconds: number): void {
    this.#setForward += milliseconds;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }
}
