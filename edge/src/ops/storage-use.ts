import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { spaceIn } from './space.ts';

/** In bytes. */
export interface StorageUse {
  /** The store's file and its log. */
  readonly storeBytes: number;
  /** Of the file system that the store is on: what others than root may still write. */
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** @throws what the file system says */
export function storageUse(store: string): StorageUse {
  const { freeBytes, totalBytes } = spaceIn(dirname(store));
  const storeBytes = [store, `${store}-wal`].map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  return { storeBytes: storeBytes.reduce((sum, size) => sum + size), freeBytes, sizeBytes: totalBytes };
}
