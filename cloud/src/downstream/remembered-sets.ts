import type { KnownSet } from './known-set.ts';

/**
 * What agents held when their sessions ended. One that comes back with just that digest is told the difference at once: no
 * inventory crosses the link, and no round trip is spent on it. A cache and nothing more: what is forgotten is asked for.
 * Bounded in entries, some 200 bytes each; at the bound the sets that were remembered longest ago go.
 */
export class RememberedSets {
  readonly #limit: number;
  /** By node, the longest remembered first. */
  readonly #sets = new Map<string, KnownSet>();
  #entries = 0;

  /** @param limitEntries 0 remembers nothing */
  constructor(limitEntries: number) {
    this.#limit = limitEntries;
  }

  /** Entries of all sets. */
  get entries(): number {
    return this.#entries;
  }

  /** The session of that node has ended, and its agent holds this once what was under way has arrived. */
  remember(node: string, known: KnownSet): void {
    this.#drop(node);
    this.#sets.set(node, known);
    this.#entries += known.size;
    for (const oldest of this.#sets.keys()) {
      if (this.#entries <= this.#limit) break;
      this.#drop(oldest);
    }
  }

  /** The set of that node, if it has that digest; it is remembered no longer. */
  recall(node: string, digest: string): KnownSet | undefined {
    const known = this.#sets.get(node);
    this.#drop(node);
    return known?.digest() === digest ? known : undefined;
  }

  #drop(node: string): void {
    this.#entries -= this.#sets.get(node)?.size ?? 0;
    this.#sets.delete(node);
  }
}
