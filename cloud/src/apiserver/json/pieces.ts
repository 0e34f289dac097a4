import { HawserError } from '@hawser/protocol';

/** Room that is kept between pieces; a larger one is let go when its piece has been handed on. */
const KEPT_BYTES = 2 * 1024 * 1024;
const FIRST_BYTES = 4 * 1024;

/** Bytes of one item or line that came in several chunks, put together in one buffer that is used again for the next. */
export class Pieces {
  readonly #maxBytes: number;
  readonly #what: string;
  #buffer = new Uint8Array(0);
  #length = 0;

  /** @param maxBytes at which `append` throws; @param what for its message */
  constructor(maxBytes: number, what: string) {
    this.#maxBytes = maxBytes;
    this.#what = what;
  }

  get length(): number {
    return this.#length;
  }

  /** @throws HawserError `too_large`, before anything is allocated for it */
  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#maxBytes) throw new HawserError('too_large', `${this.#what} is over ${this.#maxBytes} bytes`);
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(this.#maxBytes, Math.max(FIRST_BYTES, length, this.#buffer.length * 2)));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  /** What was appended. Good until `clear` is followed by `append`. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = new Uint8Array(0);
  }

  /** `last` and all that was appended before it, as one view; the next piece begins. */
  join(last: Uint8Array): Uint8Array {
    if (this.#length === 0) {
      if (last.length > this.#maxBytes) throw new HawserError('too_large', `${this.#what} is over ${this.#maxBytes} bytes`);
      return last;
    }
    this.append(last);
    const whole = this.view();
    this.clear();
    return whole;
  }
}
