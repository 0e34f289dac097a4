/** What was under way when a batch left, and what became of it. */
export interface AckedBatch {
  /** Unacknowledged bytes when it left, its own among them: all of them have arrived before its ack. */
  readonly underWay: number;
  /** From leaving to ack, in milliseconds. */
  readonly tookMs: number;
}

/** Before anything is known of a link: 32 s of one that takes 1 KB/s, and on a good one a moment. In bytes. */
const FIRST_WINDOW_BYTES = 32 * 1024;
/** Two batches, so that the next one is there when the first has arrived. In bytes. */
const SMALLEST_WINDOW_BYTES = 4 * 1024;
/** A window is filled by so many batches: acks come steadily, and what a lost link takes along is little. */
const BATCHES_PER_WINDOW = 8;
/** Below it what surrounds a batch (frame, TLS, ack, a transaction on the device) would weigh too much. In bytes. */
const SMALLEST_BATCH_BYTES = 2 * 1024;
/** What may be under way is what the link carries in its round trip and so much longer: news wait no longer behind it. In ms. */
const QUEUE_MS = 1_000;

/**
 * How much a session may have under way, learned from its acks. An ack says that `underWay` bytes have passed in `tookMs`; the
 * window is what passes in one round trip and QUEUE_MS at that pace, which is never more than the link takes. A quick ack lets it
 * grow to that at once; a slow one lets it shrink to that, by half at most. The round trip is the quickest ack of the session: a
 * session lasts as long as its connection, and so does the way that it goes.
 */
export class Pace {
  readonly #mostBytes: number;
  readonly #mostBatchBytes: number;
  #windowBytes: number;
  #roundTripMs = Number.POSITIVE_INFINITY;

  /** @param mostBytes of the window, @param mostBatchBytes of a batch, whatever the link takes */
  constructor(mostBytes: number, mostBatchBytes: number) {
    this.#mostBytes = mostBytes;
    this.#mostBatchBytes = mostBatchBytes;
    this.#windowBytes = Math.min(FIRST_WINDOW_BYTES, mostBytes);
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get batchBytes(): number {
    const share = Math.floor(this.#windowBytes / BATCHES_PER_WINDOW);
    return Math.min(Math.max(share, SMALLEST_BATCH_BYTES), this.#mostBatchBytes);
  }

  acked({ underWay, tookMs }: AckedBatch): void {
    // The clock was set back.
    if (tookMs < 0) return;
    const took = Math.max(1, tookMs);
    this.#roundTripMs = Math.min(this.#roundTripMs, took);
    const aimMs = this.#roundTripMs + QUEUE_MS;
    const passes = Math.round((underWay * aimMs) / took);
    const before = this.#windowBytes;
    // With little under way a quick ack says nothing of more, and nothing against it.
    const wanted = Math.max(passes, took > aimMs ? Math.floor(before / 2) : before);
    this.#windowBytes = Math.min(Math.max(wanted, SMALLEST_WINDOW_BYTES), this.#mostBytes);
  }
}
