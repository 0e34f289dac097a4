/** What a piece of a message that waits for the rest costs beside its bytes, rounded up: a Buffer, and its memory. */
const PIECE_COST = 512;
/** Of a frame of a client (RFC 6455, section 5.2): two bytes and a mask of four, and its length where it does not fit. */
const HEADER_BYTES = 6;

/**
 * What has come of messages whose end has not, over all links: each may be as long as a frame, so that a few hundred links could fill the
 * memory of a relay with beginnings. At the bound the link that has the most of it is told to end.
 */
export class Receiving {
  readonly #most: number;
  readonly #parts = new Set<Part>();
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Over all links. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param onMost called when all together have too much and this link has the most; it ends, and calls `close` before this returns */
  open(onMost: (bytes: number) => void): Part {
    const part = new Part(this, onMost);
    this.#parts.add(part);
    return part;
  }

  forget(part: Part): void {
    this.#parts.delete(part);
  }

  changed(part: Part, by: number): void {
    this.#bytes += by;
    if (by <= 0 || this.#bytes <= this.#most) return;
    let largest = part;
    for (const other of this.#parts) if (other.bytes > largest.bytes) largest = other;
    largest.onMost(largest.bytes);
  }
}

/** Of one link. What a WebSocket reads is told here chunk by chunk, after the messages that it has found in the chunk. */
export class Part {
  readonly #all: Receiving;
  readonly onMost: (bytes: number) => void;
  #waiting = 0;
  #cost = 0;
  /** Of messages that were found since the last chunk was told. */
  #handled = 0;

  constructor(all: Receiving, onMost: (bytes: number) => void) {
    this.#all = all;
    this.onMost = onMost;
  }

  get bytes(): number {
    return this.#waiting + this.#cost;
  }

  /** A message, ping or pong with so much in it was complete. */
  handled(payload: number): void {
    this.#handled += HEADER_BYTES + (payload < 126 ? 0 : payload < 65_536 ? 2 : 8) + payload;
  }

  /** So much was read, and the messages in it were handled. */
  read(bytes: number): void {
    const before = this.bytes;
    if (this.#handled === 0) {
      this.#waiting += bytes;
      this.#cost += PIECE_COST;
    } else {
      // What was there before was the beginning of the first of them: what waits now lies in this chunk. A message in fragments
      // has more headers than were counted.
      this.#waiting = Math.min(Math.max(this.#waiting + bytes - this.#handled, 0), bytes);
      this.#cost = this.#waiting === 0 ? 0 : PIECE_COST;
      this.#handled = 0;
    }
    if (this.bytes !== before) this.#all.changed(this, this.bytes - before);
  }

  close(): void {
    const before = this.bytes;
    this.#waiting = 0;
    this.#cost = 0;
    this.#all.forget(this);
    if (before > 0) this.#all.changed(this, -before);
  }
}
