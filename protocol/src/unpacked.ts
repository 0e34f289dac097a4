import type { OperationChange } from './messages.ts';

/**
 * Bodies of one batch, unpacked, in bytes: with what would bring it above that the relay begins the next batch. A batch is one
 * transaction on the device.
 */
export const MAX_BATCH_BODY_BYTES = 8 * 1024 * 1024;

/**
 * What an agent takes in one batch before it unpacks anything: a frame of 4 MiB could hold 30 GB. More than a relay sends, so that
 * neither has to count as the other does.
 */
export const MAX_UNPACKED_BYTES = 4 * MAX_BATCH_BODY_BYTES;

/** What the body of an operation has unpacked, in bytes, as it states. */
export function unpackedBytes(change: OperationChange): number {
  switch (change.type) {
    case 'upsert':
      return change.body.size;
    case 'upsertDelta':
      return change.size;
    case 'touch':
    case 'delete':
      return 0;
  }
}
