import type { Base } from './encoded-bodies.ts';
import type { KeptBody } from './object-store.ts';

/**
 * Bodies that agents may still hold and that have been replaced since: the bases of deltas. One ring for all sessions, each text
 * once, bounded in bytes of UTF-8: at the bound the oldest superseded go, and what would have been a delta to them is sent
 * whole. Texts are those that the store had, not copies.
 */
export class SupersededBodies {
  readonly #limit: number;
  /** By hash, oldest superseded first. */
  readonly #bodies = new Map<string, Superseded>();
  #bytes = 0;

  /** @param limitBytes 0 keeps none */
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#bodies.size;
  }

  /** One that is there already counts as superseded anew. */
  add({ version: { uid, hash }, text }: KeptBody): void {
    this.#drop(hash);
    const bytes = Buffer.byteLength(text);
    this.#bodies.set(hash, { uid, hash, text, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#bodies.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#drop(oldest);
    }
  }

  /**
   * An older body of the object with that uid. The hash is what an agent says that it holds: of another object it is told nothing,
   * not even by what its own object is compressed with.
   */
  get(uid: string, hash: string): Base | undefined {
    const body = this.#bodies.get(hash);
    return body?.uid === uid ? body : undefined;
  }

  #drop(hash: string): void {
    this.#bytes -= this.#bodies.get(hash)?.bytes ?? 0;
    this.#bodies.delete(hash);
  }
}

interface Superseded extends Base {
  readonly uid: string;
  readonly bytes: number;
}
