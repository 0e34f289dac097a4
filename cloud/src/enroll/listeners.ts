/** Who wants to know of changes. Listeners are called in the order in which they came, and must not throw. */
export class Listeners<Event extends readonly unknown[] = []> {
  readonly #listeners = new Set<(...event: Event) => void>();

  /** @returns the end of the subscription */
  add(listener: (...event: Event) => void): () => void {
    // One of its own for each subscription: the same function may be given twice.
    const own = (...event: Event) => listener(...event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  tell(...event: Event): void {
    for (const listener of [...this.#listeners]) listener(...event);
  }
}
