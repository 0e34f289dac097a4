/** Names whose turn comes at some time: each once, in the order in which their time came. Bounded by the number of names. */
export class Schedule {
  readonly #due = new Set<string>();
  readonly #later = new Map<string, number>();
  /** None of `#later` is due before. */
  #soonestMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#due.size + this.#later.size;
  }

  /** A name that is due already keeps its place. */
  put(name: string, atMs: number, nowMs: number): void {
    if (atMs <= nowMs) {
      this.#later.delete(name);
      this.#due.add(name);
    } else {
      this.#due.delete(name);
      this.#later.set(name, atMs);
      this.#soonestMs = Math.min(this.#soonestMs, atMs);
    }
  }

  drop(name: string): void {
    this.#due.delete(name);
    this.#later.delete(name);
  }

  /** The name that has been due for longest, which is then no longer in it. */
  take(nowMs: number): string | undefined {
    this.#promote(nowMs);
    const [name] = this.#due;
    if (name !== undefined) this.#due.delete(name);
    return name;
  }

  /** When a name is due; now or earlier when one is. */
  soonestMs(): number {
    return this.#due.size > 0 ? Number.NEGATIVE_INFINITY : this.#soonestMs;
  }

  #promote(nowMs: number): void {
    if (nowMs < this.#soonestMs) return;
    this.#soonestMs = Number.POSITIVE_INFINITY;
    for (const [name, atMs] of this.#later) {
      if (atMs > nowMs) this.#soonestMs = Math.min(this.#soonestMs, atMs);
      else {
        this.#later.delete(name);
        this.#due.add(name);
      }
    }
  }
}
