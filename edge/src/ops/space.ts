import { statfsSync } from 'node:fs';

/** Less than that on the disk of the store, in bytes, and somebody should make room: its outbox alone may take 32 MiB, and half as much again in its log. */
export const LOW_DISK_BYTES = 128 * 1024 * 1024;

/** A file system, as a user sees it that is not root. */
export interface Space {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** 0 of 0 where the file system has no such bound (btrfs). */
  readonly freeInodes: number;
  readonly totalInodes: number;
}

/** @throws what the file system says */
export function spaceIn(folder: string): Space {
  const { bsize, blocks, bavail, files, ffree } = statfsSync(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: ffree, totalInodes: files };
}

/** Undefined where the folder is not there, or may not be looked at. */
export function spaceOf(folder: string): Space | undefined {
  try {
    return spaceIn(folder);
  } catch {
    return undefined;
  }
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `512 bytes`, `3.4 MiB`, `120 GiB`: two digits at least, and no more than needed. */
export function bytesInWords(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${UNITS[unit]}`;
}
