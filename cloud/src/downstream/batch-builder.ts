import { MAX_BATCH_BODY_BYTES, type ObjectKey, type Operation, type OperationChange, unpackedBytes } from '@hawser/protocol';
import { bodyBytes } from './encoding.ts';
import type { KnownObject, ObjectName } from './known-set.ts';
import type { DownstreamLimits } from './limits.ts';
import type { DeltaStep } from './window.ts';

/** What an operation takes on the wire beside its body and key: number, uid, resourceVersion, hashes and their tags, rounded up. */
const OPERATION_BYTES: Readonly<Record<OperationChange['type'], number>> = { upsert: 80, upsertDelta: 56, touch: 32, delete: 32 };

/** Collects the operations of one batch up to the bounds of a batch and of the window. */
export class BatchBuilder {
  readonly #limits: Pick<DownstreamLimits, 'batchBytes' | 'batchOperations'>;
  readonly #room: number;
  readonly operations: Operation[] = [];
  readonly objects = new Map<number, ObjectKey>();
  readonly deltas = new Map<number, DeltaStep>();
  readonly touches = new Set<number>();
  bytes = 0;
  #unpacked = 0;

  /** @param room bytes that the window has left */
  constructor(limits: Pick<DownstreamLimits, 'batchBytes' | 'batchOperations'>, room: number) {
    this.#limits = limits;
    this.#room = room;
  }

  /** The first operation of a batch may be of any size that the window takes, so that the largest object gets through. */
  fits(key: ObjectKey, known: KnownObject | undefined, change: OperationChange): boolean {
    const after = this.bytes + cost(known?.number === undefined ? key : undefined, change);
    if (after > this.#room) return false;
    if (this.operations.length === 0) return true;
    if (this.#unpacked + unpackedBytes(change) > MAX_BATCH_BODY_BYTES) return false;
    return after <= this.#limits.batchBytes && this.operations.length < this.#limits.batchOperations;
  }

  /** @param known what the agent held before; a delta has to be from it */
  add(key: ObjectKey, name: ObjectName, change: OperationChange, known: KnownObject | undefined): void {
    this.operations.push({ object: name.object, key: name.key, change });
    this.objects.set(name.object, key);
    if (change.type === 'upsertDelta' && known !== undefined) {
      const { resourceVersion, hash } = change;
      this.deltas.set(name.object, { from: known.version, to: { uid: known.version.uid, resourceVersion, hash } });
    }
    if (change.type === 'touch') this.touches.add(name.object);
    this.bytes += cost(name.key, change);
    this.#unpacked += unpackedBytes(change);
  }
}

/** @param key where the operation carries it */
function cost(key: ObjectKey | undefined, change: OperationChange): number {
  return OPERATION_BYTES[change.type] + (key?.length ?? 0) + bodyBytes(change);
}
