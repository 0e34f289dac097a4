import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** The median of five is not moved by one that waits for somebody else's. */
const SYNCS = 5;
/** A page of SQLite, in bytes. */
const PAGE_BYTES = 4_096;

export interface Synced {
  /** In milliseconds each. */
  readonly syncMs: readonly number[];
  readonly failure: string | undefined;
}

/** Writes and syncs a file of its own in that folder some times, and removes it. */
export function syncIn(folder: string): Synced {
  const path = join(folder, `.doctor-${process.pid}-${randomBytes(4).toString('hex')}`);
  const syncMs: number[] = [];
  let file: number | undefined;
  try {
    file = openSync(path, 'wx', 0o600);
    const page = randomBytes(PAGE_BYTES);
    for (let count = 0; count < SYNCS; count += 1) {
      const began = performance.now();
      writeSync(file, page);
      fsyncSync(file);
      syncMs.push(performance.now() - began);
    }
    return { syncMs, failure: undefined };
  } catch (error) {
    return { syncMs, failure: error instanceof Error && 'code' in error ? String(error.code) : String(error) };
  } finally {
    if (file !== undefined) {
      closeSync(file);
      rmSync(path, { force: true });
    }
  }
}
