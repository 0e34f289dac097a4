/** How one direction of a link behaves. */
export interface FlowShape {
  /** From one end to the other, in milliseconds. Default 0. */
  readonly delayMs: number;
  /** Default: no limit (Infinity). */
  readonly bytesPerSecond: number;
}

/** A limited link passes pieces of so much of its time, so that bytes trickle as they do over a modem; in milliseconds. */
const PIECE_MS = 20;
/** No piece is smaller, whatever the rate; in bytes. */
const SMALLEST_PIECE = 16;
/** Bytes that may wait before the bottleneck, as in the queue of a router; at the bound `isFull` says that the source has to wait. */
const QUEUE_BYTES = 16 * 1024;
/** Bytes that may be past the bottleneck and on their way: 16 MiB is 100 MB/s over 160 ms. At the bound as above. */
const UNDER_WAY_BYTES = 16 * 1024 * 1024;

/**
 * The bytes in one direction of a link: first they pass a bottleneck at its rate, in order, then they travel for the delay. Pure:
 * time in milliseconds is given to it. A new shape holds for what has not passed the bottleneck yet.
 */
export class Flow {
  shape: FlowShape;
  readonly #queue: Buffer[] = [];
  readonly #underWay: { readonly piece: Buffer; readonly due: number }[] = [];
  #queued = 0;
  #travelling = 0;
  /** When the bottleneck is free for the next piece, by the time of the piece before. */
  #freeAt = 0;

  constructor(shape: FlowShape) {
    this.shape = shape;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#underWay.length === 0;
  }

  get isFull(): boolean {
    return this.#queued >= QUEUE_BYTES || this.#travelling >= UNDER_WAY_BYTES;
  }

  push(chunk: Buffer, now: number): void {
    if (chunk.length === 0) return;
    // An idle bottleneck does not save up the time in which nothing came.
    if (this.#queue.length === 0) this.#freeAt = Math.max(this.#freeAt, now);
    this.#queue.push(chunk);
    this.#queued += chunk.length;
  }

  /** What has arrived at the other end by now. */
  take(now: number): Buffer[] {
    this.#pass(now);
    const arrived: Buffer[] = [];
    while (this.#underWay[0] !== undefined && this.#underWay[0].due <= now) {
      const { piece } = this.#underWay[0];
      this.#underWay.shift();
      this.#travelling -= piece.length;
      arrived.push(piece);
    }
    return arrived;
  }

  /** When `take` may have something more; undefined when nothing is under way. */
  nextAt(): number | undefined {
    const [first] = this.#underWay;
    if (this.#queue.length === 0) return first?.due;
    return Math.min(first?.due ?? Number.POSITIVE_INFINITY, this.#freeAt + this.#pieceMs());
  }

  #pass(now: number): void {
    for (let chunk = this.#queue[0]; chunk !== undefined; chunk = this.#queue[0]) {
      const { bytesPerSecond, delayMs } = this.shape;
      const most = Math.max(SMALLEST_PIECE, Math.floor((bytesPerSecond * PIECE_MS) / 1000));
      const piece = chunk.subarray(0, Math.min(most, chunk.length));
      // It has passed when its last byte has.
      const passedAt = this.#freeAt + (piece.length / bytesPerSecond) * 1000;
      if (passedAt > now || this.#travelling >= UNDER_WAY_BYTES) return;
      this.#freeAt = passedAt;
      if (piece.length === chunk.length) this.#queue.shift();
      else this.#queue[0] = chunk.subarray(piece.length);
      this.#queued -= piece.length;
      this.#travelling += piece.length;
      this.#underWay.push({ piece, due: passedAt + delayMs });
    }
  }

  #pieceMs(): number {
    const { bytesPerSecond } = this.shape;
    const most = Math.max(SMALLEST_PIECE, Math.floor((bytesPerSecond * PIECE_MS) / 1000));
    return (Math.min(most, this.#queue[0]?.length ?? 0) / bytesPerSecond) * 1000;
  }
}
