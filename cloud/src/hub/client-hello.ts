/**
 * The largest ClientHello that is waited for, with the headers of its records; in bytes. One with the post-quantum hybrid has some
 * 1,600; a larger one is out of bounds.
 */
export const MAX_HELLO_BYTES = 16 * 1024;
/** Records that it may come in, or it is out of bounds. Clients use one; some middleboxes cut it into two or three. */
const MAX_RECORDS = 64;

const RECORD_HEADER_BYTES = 5;
const MAX_RECORD_BYTES = 16 * 1024;
const MESSAGE_HEADER_BYTES = 4;
const RANDOM_BYTES = 32;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const ALPN = 16;

/**
 * What the first bytes of a TLS connection are.
 *
 * | type | meaning |
 * |---|---|
 * | hello | a whole ClientHello; `protocols` are its ALPN names (RFC 7301) as latin1 text, none where it has no such extension |
 * | incomplete | the beginning of one; there is no use in looking again before there are `least` bytes in all |
 * | outOfBounds | larger, or in more pieces, than a ClientHello needs to be |
 * | malformed | whatever comes after, it is none |
 */
export type FirstBytes =
  | { readonly type: 'hello'; readonly protocols: readonly string[] }
  | { readonly type: 'incomplete'; readonly least: number }
  | { readonly type: 'outOfBounds' }
  | { readonly type: 'malformed' };

type NoHello = Exclude<FirstBytes, { type: 'hello' }>;

const MALFORMED: NoHello = { type: 'malformed' };
const OUT_OF_BOUNDS: NoHello = { type: 'outOfBounds' };

/**
 * Reads the ALPN names of a ClientHello (RFC 8446, sections 4.1.2 and 5.1), which may be cut into records anywhere, and looks at
 * nothing else in it. It only says who is to go on with the connection: TLS itself then reads the same bytes and decides.
 */
export function readFirstBytes(bytes: Uint8Array): FirstBytes {
  const message = readMessage(bytes);
  if (message.type !== 'message') return message;
  try {
    return { type: 'hello', protocols: protocolsOf(new Reader(message.body)) };
  } catch (error) {
    if (error instanceof NotAllowed) return MALFORMED;
    throw error;
  }
}

/** Puts the first handshake message together from its records. */
function readMessage(bytes: Uint8Array): { type: 'message'; body: Uint8Array } | NoHello {
  const fragments: Uint8Array[] = [];
  let at = 0;
  let have = 0;
  for (let record = 0; record < MAX_RECORDS; record += 1) {
    if (at < bytes.length && bytes[at] !== HANDSHAKE) return MALFORMED;
    if (bytes.length < at + RECORD_HEADER_BYTES) return incomplete(at + RECORD_HEADER_BYTES);
    const length = numberAt(bytes, at + 3, 2);
    if (bytes[at + 1] !== 3 || length === 0 || length > MAX_RECORD_BYTES) return MALFORMED;
    at += RECORD_HEADER_BYTES;
    fragments.push(bytes.subarray(at, at + length));
    const there = Math.min(length, bytes.length - at);
    have += there;
    let whole = MESSAGE_HEADER_BYTES;
    if (have >= MESSAGE_HEADER_BYTES) {
      const start = Buffer.concat(fragments, have);
      whole = MESSAGE_HEADER_BYTES + numberAt(start, 1, 3);
      if (start[0] !== CLIENT_HELLO) return MALFORMED;
      if (whole > MAX_HELLO_BYTES) return OUT_OF_BOUNDS;
      if (have >= whole) return { type: 'message', body: start.subarray(MESSAGE_HEADER_BYTES, whole) };
    }
    // The message may end before its record does: what follows then is not waited for.
    if (there < length) return incomplete(at + Math.min(length, there + whole - have));
    at += length;
  }
  return OUT_OF_BOUNDS;
}

function incomplete(least: number): NoHello {
  return least > MAX_HELLO_BYTES ? OUT_OF_BOUNDS : { type: 'incomplete', least };
}

function protocolsOf(hello: Reader): readonly string[] {
  hello.skip(2 + RANDOM_BYTES);
  hello.vector(1); // legacy_session_id
  hello.vector(2); // cipher_suites
  hello.vector(1); // legacy_compression_methods
  if (hello.isAtEnd) return [];
  const extensions = hello.vector(2);
  hello.end();
  let protocols: string[] | undefined;
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (type !== ALPN) continue;
    if (protocols !== undefined) throw new NotAllowed();
    const names = data.vector(2);
    data.end();
    protocols = [];
    do protocols.push(names.vector(1).text(1));
    while (!names.isAtEnd);
  }
  return protocols ?? [];
}

/** A length or a value that TLS does not allow. */
class NotAllowed extends Error {}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  skip(length: number): void {
    this.#take(length);
  }

  number(width: 1 | 2): number {
    return numberAt(this.#take(width), 0, width);
  }

  /** A vector whose length stands before it in that many bytes. */
  vector(width: 1 | 2): Reader {
    return new Reader(this.#take(this.number(width)));
  }

  /** All of it, at least so many bytes long. */
  text(least: number): string {
    if (this.#bytes.length < least) throw new NotAllowed();
    return Buffer.from(this.#bytes).toString('latin1');
  }

  end(): void {
    if (!this.isAtEnd) throw new NotAllowed();
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new NotAllowed();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** Big-endian; the bytes are there. */
function numberAt(bytes: Uint8Array, at: number, width: 1 | 2 | 3): number {
  let value = 0;
  for (let index = at; index < at + width; index += 1) value = value * 256 + (bytes[index] ?? 0);
  return value;
}
