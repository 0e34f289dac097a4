/** What a writer begins with, and keeps for the next one, in bytes: most objects fit. What needs more gets more, for as long as it takes. */
const SCRATCH_BYTES = 64 * 1024;
/** Shorter texts are looked at letter by letter first, which is faster than Node's writer where all are ASCII. */
const SHORT_TEXT = 64;

/** Of a varint of at most 32 bits. */
const MAX_TAG_BYTES = 5;

let scratch: Buffer | undefined;

/**
 * Writes the wire format from its end to its beginning, as Go's generated code does: the length of a message is known once its content
 * stands, and nothing is written twice.
 */
export class Writer {
  #buffer: Buffer;
  /** Where the last byte written stands. */
  #at: number;

  constructor() {
    this.#buffer = scratch ?? Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    scratch = undefined;
    this.#at = this.#buffer.length;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#at;
  }

  /** A copy of what was written; the writer is of no use after it. */
  finish(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.length);
    this.#buffer.copy(bytes, 0, this.#at);
    if (this.#buffer.length === SCRATCH_BYTES) scratch = this.#buffer;
    return bytes;
  }

  /** A field of a scalar that is empty. */
  zero(tag: number): void {
    this.#room(MAX_TAG_BYTES + 1);
    this.#buffer[--this.#at] = 0;
    this.varint(tag);
  }

  /** Length and tag of what was written since `start`. */
  close(tag: number, start: number): void {
    this.varint(this.length - start);
    this.varint(tag);
  }

  /** At most 2^53. */
  varint(value: number): void {
    if (value < 0x80) {
      this.#room(1);
      this.#buffer[--this.#at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
    this.#room(size);
    this.#at -= size;
    let rest = value;
    for (let at = this.#at; at < this.#at + size - 1; at++) {
      this.#buffer[at] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#at + size - 1] = rest;
  }

  /** A whole number as int64: negative ones take ten bytes. */
  int64(value: number): void {
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) {
      this.varint(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    const bytes: number[] = [];
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.bytes(Uint8Array.from(bytes));
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  text(text: string): void {
    if (text.length <= SHORT_TEXT && this.#ascii(text)) return;
    const size = Buffer.byteLength(text);
    this.#room(size);
    this.#at -= size;
    this.#buffer.write(text, this.#at, size, 'utf8');
  }

  /** Writes nothing and says so where there is anything but ASCII. */
  #ascii(text: string): boolean {
    this.#room(text.length);
    const buffer = this.#buffer;
    const start = this.#at - text.length;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      buffer[start + index] = code;
    }
    this.#at = start;
    return true;
  }

  #room(size: number): void {
    if (size <= this.#at) return;
    const { length } = this;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, length + size));
    this.#buffer.copy(grown, grown.length - length, this.#at);
    this.#at = grown.length - length;
    this.#buffer = grown;
  }
}
