/** Bytes that are no message, or not the one that they should be. The text is in the manner of Go's decoder and names nothing of the content. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

export const VARINT = 0;
const FIXED64 = 1;
export const LENGTH = 2;
const FIXED32 = 5;

/** Reads the wire format (Protocol Buffers, "Encoding") from a place in bytes on; never beyond the end that it is given. */
export class Reader {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Number of the field times 8 plus its wire type. */
  tag(end: number): number {
    const tag = this.#small(end);
    if (tag >>> 3 === 0) throw new ProtobufError(`proto: illegal tag ${tag >>> 3} (wire type ${tag & 7})`);
    return tag;
  }

  /** The end of what is length-delimited here, before anything of it is read. */
  lengthEnd(end: number): number {
    const length = this.#small(end);
    if (length > end - this.at) throw new ProtobufError('unexpected EOF');
    return this.at + length;
  }

  /** A varint as int32: what is above its 32 bits is cut off, as in Go. */
  int32(end: number): number {
    return this.#varint(end) | 0;
  }

  /** A varint as int64; above 2^53 the nearest number that JavaScript has, as for JSON. */
  int64(end: number): number {
    const low = this.#varint(end) >>> 0;
    return this.#high * 4294967296 + low;
  }

  bool(end: number): boolean {
    const low = this.#varint(end);
    return (low | this.#high) !== 0;
  }

  text(end: number): string {
    const start = this.at;
    this.at = end;
    return this.bytes.toString('utf8', start, end);
  }

  /** Steps over the value of a field. */
  skip(wireType: number, end: number): void {
    switch (wireType) {
      case VARINT:
        this.#varint(end);
        break;
      case FIXED64:
        this.#forward(8, end);
        break;
      case LENGTH:
        this.at = this.lengthEnd(end);
        break;
      case FIXED32:
        this.#forward(4, end);
        break;
      default:
        // Groups, which proto3 has dropped and Kubernetes never had.
        throw new ProtobufError(`proto: illegal wireType ${wireType}`);
    }
  }

  #forward(count: number, end: number): void {
    if (count > end - this.at) throw new ProtobufError('unexpected EOF');
    this.at += count;
  }

  /** A varint of at most 31 bits, for tags and lengths. */
  #small(end: number): number {
    const low = this.#varint(end);
    if (low < 0 || this.#high !== 0) throw new ProtobufError('proto: integer overflow');
    return low;
  }

  /** The upper half of the last varint, signed. */
  #high = 0;

  /** The lower half of a varint, signed. */
  #varint(end: number): number {
    const { bytes } = this;
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      if (this.at >= end) throw new ProtobufError('unexpected EOF');
      const byte = bytes[this.at++] ?? 0;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * index - 32);
      if (byte < 0x80) {
        this.#high = high;
        return low;
      }
    }
    throw new ProtobufError('proto: integer overflow');
  }
}
