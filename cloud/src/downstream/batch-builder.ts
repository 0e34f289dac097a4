import type { ObjectKey, Operation, OperationChange } from '@hawser/protocol';
import type { ObjectName } from './known-set.ts';
import type { DownstreamLimits } from './limits.ts';

/** What an operation takes on the wire beside its body and key: number, uid, resourceVersion, hash and their tags, rounded up. */
const OPERATION_BYTES = 64;

/** Collects the operations of one batch up to the bounds of a batch and of the window. */
export class BatchBuilder {
  readonly #limits: Pick<DownstreamLimits, 'batchBytes' | 'batchOperations'>;
  readonly #room: number;
  readonly operations: Operation[] = [];
  readonly objects = new Map<number, ObjectKey>();
  bytes = 0;

  /** @param room bytes that the window has left */
  constructor(limits: Pick<DownstreamLimits, 'batchBytes' | 'batchOperations'>, room: number) {
    this.#limits = limits;
    this.#room = room;
  }

  /** The first operation of a batch may be of any size that the window takes, so that the largest object gets through. */
  fits(key: ObjectKey, bodyBytes: number): boolean {
    const after = this.bytes + cost(key, bodyBytes);
    if (after > this.#room) return false;
    if (this.operations.length === 0) return true;
    return after <= this.#limits.batchBytes && this.operations.length < this.#limits.batchOperations;
  }

  add(key: ObjectKey, name: ObjectName, change: OperationChange): void {
    this.operations.push({ object: name.object, key: name.key, change });
    this.objects.set(name.object, key);
    this.bytes += cost(key, change.type === 'upsert' ? change.body.bytes.length : 0);
  }
}

function cost(key: ObjectKey, bodyBytes: number): number {
  return OPERATION_BYTES + key.length + bodyBytes;
}
