import { type EncodedBody, type EncodedDelta, encodeBody, encodeDelta, type StaticDictionary } from '@hawser/protocol';
import type { KeptBody } from './object-store.ts';

/** A body that an agent is known to hold. */
export interface Base {
  readonly hash: string;
  readonly text: string;
}

interface Variants {
  readonly whole: Map<StaticDictionary | undefined, EncodedBody>;
  /** By the hash of the base. */
  readonly deltas: Map<string, EncodedDelta>;
  bytes: number;
}

/**
 * Each body encoded once for all sessions that send it about the same time: whole once for each static dictionary, and once for
 * each older body that some of them hold. Bounded in bytes: beyond that the least recently used bodies are forgotten with all
 * their encodings, and encoded again when another session wants them. What only one session needs, its Node and pods, is not kept at all: it
 * would be 9 KB for each device with four pods, for nobody.
 */
export class EncodedBodies {
  readonly #limit: number;
  readonly #encoded = new Map<KeptBody, Variants>();
  #bytes = 0;
  #encodings = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Encodings made since the start: what fan-out does not multiply. */
  get encodings(): number {
    return this.#encodings;
  }

  /** @param dictionary undefined: without one @param isShared whether others may want the same */
  whole(body: KeptBody, dictionary: StaticDictionary | undefined, isShared: boolean): EncodedBody {
    if (!isShared && !this.#encoded.has(body)) {
      this.#encodings += 1;
      return encodeBody(body.text, dictionary);
    }
    const variants = this.#variants(body);
    const known = variants.whole.get(dictionary);
    if (known !== undefined) return known;
    const encoded = encodeBody(body.text, dictionary);
    variants.whole.set(dictionary, encoded);
    this.#count(variants, encoded.bytes.length);
    return encoded;
  }

  delta(body: KeptBody, base: Base, isShared: boolean): EncodedDelta {
    if (!isShared && !this.#encoded.has(body)) {
      this.#encodings += 1;
      return encodeDelta(base.text, body.text);
    }
    const variants = this.#variants(body);
    const known = variants.deltas.get(base.hash);
    if (known !== undefined) return known;
    const encoded = encodeDelta(base.text, body.text);
    variants.deltas.set(base.hash, encoded);
    this.#count(variants, encoded.bytes.length);
    return encoded;
  }

  /** The body was superseded or is no longer needed. */
  forget(body: KeptBody): void {
    this.#bytes -= this.#encoded.get(body)?.bytes ?? 0;
    this.#encoded.delete(body);
  }

  /** Those of the body, which is the most recently used one from here on. */
  #variants(body: KeptBody): Variants {
    const known = this.#encoded.get(body) ?? { whole: new Map(), deltas: new Map(), bytes: 0 };
    this.#encoded.delete(body);
    this.#encoded.set(body, known);
    return known;
  }

  #count(variants: Variants, bytes: number): void {
    this.#encodings += 1;
    variants.bytes += bytes;
    this.#bytes += bytes;
    for (const oldest of this.#encoded.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.forget(oldest);
    }
  }
}
