/**
 * Bodies that agents may still hold and that have been replaced since: the bases of deltas. One ring for all sessions, each text
 * once, bounded in bytes of UTF-8: at the bound the oldest superseded go, and what would have been a delta to them is sent
 * whole. Texts are those that the store had, not copies.
 */
export class SupersededBodies {
  readonly #limit: number;
  /** By hash, oldest superseded first. */
  readonly #texts = new Map<string, Superseded>();
  #bytes = 0;

  /** @param limitBytes 0 keeps none */
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#texts.size;
  }

  /** @param hash 16 hex digits, of the text. One that is there already counts as superseded anew. */
  add(hash: string, text: string): void {
    this.#drop(hash);
    const bytes = Buffer.byteLength(text);
    this.#texts.set(hash, { text, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#texts.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#drop(oldest);
    }
  }

  get(hash: string): string | undefined {
    return this.#texts.get(hash)?.text;
  }

  #drop(hash: string): void {
    this.#bytes -= this.#texts.get(hash)?.bytes ?? 0;
    this.#texts.delete(hash);
  }
}

interface Superseded {
  readonly text: string;
  readonly bytes: number;
}
