/** What a session may have under way, and how long things wait. */
export interface DownstreamLimits {
  /** Unacknowledged batches per session; at the bound `pump` waits for an ack. */
  readonly windowBatches: number;
  /**
   * Encoded bytes in them, however quick the link; at the bound as above. A session begins with 32 KiB, and its acks show how much it
   * may have: see pace.ts. One object that is larger alone goes when nothing else is under way.
   */
  readonly windowBytes: number;
  /** Encoded bytes of one batch, an eighth of the session's window or this; at the bound the next batch begins. One object that is larger makes a batch of its own. */
  readonly batchBytes: number;
  /** Operations of one batch, which is one transaction on the device; at the bound the next batch begins. */
  readonly batchOperations: number;
  /** How long a Node has to be without its label before its device is cleared, in ms. */
  readonly labelGraceMs: number;
  /** How long a handshake waits for bodies before it asks for the inventory without them, in ms. */
  readonly bodyWaitMs: number;
  /**
   * How long an ack or the next frame of an inventory is waited for since the last of them, in ms, beside the time that its bytes
   * take at 256 bytes a second. After that the session is given up: see patience.ts.
   */
  readonly answerMs: number;
  /** An inventory after a digest that did not match comes at the earliest so long after the one before, in ms. */
  readonly inventoryIntervalMs: number;
  /** Entries of an inventory. More are a protocol error: a device runs some hundred pods, and may be sent all Services of a cluster. */
  readonly inventoryEntries: number;
  /**
   * Numbers given to objects since the last inventory; above it another inventory begins them afresh. A device refuses more than
   * 50,000 in one session, those of its inventory and of a full window included.
   */
  readonly sessionNumbers: number;
  /** Bytes of encoded bodies kept for further sessions; at the bound the least recently used go and are encoded again. */
  readonly encodedBytes: number;
  /** Bytes of superseded bodies kept as bases of deltas; at the bound the oldest go, and objects are sent whole in their place. */
  readonly supersededBytes: number;
  /** Entries of what agents held when their sessions ended, see remembered-sets.ts; at the bound the oldest sets go. */
  readonly rememberedEntries: number;
}

/** 1 MiB under way fills 80 Mbit/s at 100 ms; batches of 128 KiB fill it, and keep a device's transactions short. */
export const DEFAULT_DOWNSTREAM_LIMITS: DownstreamLimits = {
  windowBatches: 8,
  windowBytes: 1024 * 1024,
  batchBytes: 128 * 1024,
  batchOperations: 500,
  labelGraceMs: 5 * 60_000,
  bodyWaitMs: 10_000,
  answerMs: 300_000,
  inventoryIntervalMs: 10_000,
  inventoryEntries: 20_000,
  sessionNumbers: 25_000,
  encodedBytes: 16 * 1024 * 1024,
  supersededBytes: 64 * 1024 * 1024,
  rememberedEntries: 100_000,
};
