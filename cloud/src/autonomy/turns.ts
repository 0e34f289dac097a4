/**
 * What is to be done, each thing once: some at once, the rest a fixed while later, each in the order in which it was put. As many as
 * there are different ones; every step costs the same however many wait.
 */
export class Turns<T> {
  readonly #laterMs: number;
  readonly #now = new Set<T>();
  /** When each is due, in milliseconds; the wait is the same for all, so they are due in the order of the map. */
  readonly #later = new Map<T, number>();

  constructor(laterMs: number) {
    this.#laterMs = laterMs;
  }

  get size(): number {
    return this.#now.size + this.#later.size;
  }

  /** What waits keeps its place; it comes forward where it is put anew as to be done at once. */
  put(item: T, when: 'now' | 'later', nowMs: number): void {
    if (when === 'now') {
      this.#later.delete(item);
      this.#now.add(item);
    } else if (!this.#now.has(item) && !this.#later.has(item)) {
      this.#later.set(item, nowMs + this.#laterMs);
    }
  }

  drop(item: T): void {
    this.#now.delete(item);
    this.#later.delete(item);
  }

  /** The next that is due; it waits no more. */
  take(nowMs: number): T | undefined {
    for (const item of this.#now) {
      this.#now.delete(item);
      return item;
    }
    for (const [item, dueMs] of this.#later) {
      if (dueMs > nowMs) return undefined;
      this.#later.delete(item);
      return item;
    }
    return undefined;
  }

  /** When something is due; Infinity while nothing waits. */
  soonestMs(): number {
    if (this.#now.size > 0) return 0;
    for (const dueMs of this.#later.values()) return dueMs;
    return Number.POSITIVE_INFINITY;
  }
}
