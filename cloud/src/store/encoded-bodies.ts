import { type EncodedBody, encodeBody } from '@hawser/protocol';
import type { KeptBody } from './object-store.ts';

/**
 * Each body encoded once for all sessions that send it about the same time. Bounded in bytes: beyond that the least recently
 * used are forgotten, and encoded again when another session wants them.
 */
export class EncodedBodies {
  readonly #limit: number;
  readonly #encoded = new Map<KeptBody, EncodedBody>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(body: KeptBody): EncodedBody {
    const known = this.#encoded.get(body);
    if (known !== undefined) {
      this.#encoded.delete(body);
      this.#encoded.set(body, known);
      return known;
    }
    const encoded = encodeBody(body.text);
    this.#encoded.set(body, encoded);
    this.#bytes += encoded.bytes.length;
    for (const [oldest, { bytes }] of this.#encoded) {
      if (this.#bytes <= this.#limit) break;
      this.#encoded.delete(oldest);
      this.#bytes -= bytes.length;
    }
    return encoded;
  }

  /** The body was superseded or is no longer needed. */
  forget(body: KeptBody): void {
    this.#bytes -= this.#encoded.get(body)?.bytes.length ?? 0;
    this.#encoded.delete(body);
  }
}
