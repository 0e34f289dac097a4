import { type Ack, type Digest, HawserError, type ObjectKey, type Version } from '@hawser/protocol';
import type { Clock } from '../clock.ts';
import type { DownstreamLimits } from './limits.ts';
import { Pace } from './pace.ts';

/** One batch under way. */
export interface InflightBatch {
  readonly number: number;
  /** Encoded bytes of its bodies, and a little for each operation. */
  readonly bytes: number;
  /** What the agent's digest has to be after exactly this batch. */
  readonly digest: Digest;
  /** Its objects by their number in the session. */
  readonly objects: ReadonlyMap<number, ObjectKey>;
  /** Its deltas by the number of their objects. */
  readonly deltas: ReadonlyMap<number, DeltaStep>;
  /** Those of its objects of which only the resourceVersion was sent, by their number. */
  readonly touches: ReadonlySet<number>;
}

/** A batch, when it left, and what was under way then, its own bytes among it. */
interface Departure {
  readonly batch: InflightBatch;
  /** In ms since the epoch. */
  readonly at: number;
  readonly underWay: number;
}

export interface DeltaStep {
  readonly from: Version;
  readonly to: Version;
}

/**
 * The batches that the agent has not acknowledged. Their number is bounded, their bytes by what the link has shown to take, and at
 * last by the limits; a batch that is larger alone goes when nothing else is under way.
 */
export class Window {
  readonly #limits: DownstreamLimits;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #inflight: Departure[] = [];
  readonly #keys = new Set<ObjectKey>();
  readonly #changed = new Set<ObjectKey>();
  #bytes = 0;
  #lastNumber = 0;

  constructor(limits: DownstreamLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#pace = new Pace(limits.windowBytes, limits.batchBytes);
  }

  get batches(): number {
    return this.#inflight.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Encoded bytes that may be sent now. */
  room(): number {
    if (this.#inflight.length === 0) return Number.POSITIVE_INFINITY;
    return this.#inflight.length >= this.#limits.windowBatches ? 0 : Math.max(0, this.#pace.windowBytes - this.#bytes);
  }

  /** Encoded bytes of a batch that is sent now; one object that is larger makes a batch of its own. */
  get batchBytes(): number {
    return this.#pace.batchBytes;
  }

  /** The batch whose ack comes next, and when it left, in ms since the epoch. */
  oldest(): { readonly batch: InflightBatch; readonly at: number } | undefined {
    return this.#inflight[0];
  }

  /** Returns whether the key is under way; if so it comes back from `ack`. */
  noteChange(key: ObjectKey): boolean {
    if (!this.#keys.has(key)) return false;
    this.#changed.add(key);
    return true;
  }

  /** Whether the key is under way. */
  holds(key: ObjectKey): boolean {
    return this.#keys.has(key);
  }

  /** Keys under way that have changed since they were sent. */
  get changed(): Iterable<ObjectKey> {
    return this.#changed;
  }

  /** Returns the batch's number: 1, 2, … */
  send(batch: Omit<InflightBatch, 'number'>): number {
    this.#lastNumber += 1;
    this.#bytes += batch.bytes;
    const numbered = { ...batch, number: this.#lastNumber };
    this.#inflight.push({ batch: numbered, at: this.#clock.now().getTime(), underWay: this.#bytes });
    for (const key of batch.objects.values()) this.#keys.add(key);
    return this.#lastNumber;
  }

  /**
   * Returns the batch and those of its keys that have changed since it was sent.
   * @throws HawserError `protocol` when it is not the oldest under way, or a nack names none of its objects
   */
  ack({ number, nacks }: Ack): { readonly batch: InflightBatch; readonly changed: readonly ObjectKey[] } {
    const [oldest] = this.#inflight;
    if (oldest === undefined || oldest.batch.number !== number) {
      throw new HawserError('protocol', `ack of batch ${number}, expected ${oldest?.batch.number ?? 'none'}`);
    }
    const { batch, at, underWay } = oldest;
    const unknown = nacks.find(({ object }) => !batch.objects.has(object));
    if (unknown !== undefined) throw new HawserError('protocol', `nack of object ${unknown.object} is not of batch ${number}`);
    this.#inflight.shift();
    this.#bytes -= batch.bytes;
    this.#pace.acked({ underWay, tookMs: this.#clock.now().getTime() - at });
    const keys = [...batch.objects.values()];
    for (const key of keys) this.#keys.delete(key);
    const changed = keys.filter((key) => this.#changed.delete(key));
    return { batch, changed };
  }

  /**
   * A delta of the batch that was just acknowledged could not be applied, and the agent has stayed with what it had: so it is
   * after that batch and after those behind it, none of which can hold the same key.
   */
  stayed(batch: InflightBatch, key: ObjectKey, { from, to }: DeltaStep): void {
    for (const { digest } of [batch, ...this.#inflight.map((departure) => departure.batch)]) {
      digest.remove(key, to);
      digest.add(key, from);
    }
  }
}
