import { existsSync } from 'node:fs';
import { HawserError } from '@hawser/protocol';
import Database, { SqliteError } from 'better-sqlite3';
import { preparePrivateFile } from './files.ts';

/**
 * One agent per store, told by an SQLite lock on a file of its own (`<path>.lock`) that is held as long as the process lives:
 * the kernel lets go of it whatever way the process ends, so there are no stale locks. The database itself stays open to
 * the commands that only read.
 */
export interface StoreLock {
  release(): void;
}

/** A command that asks whether an agent runs holds the lock for a moment; an agent that starts then waits for it. */
const LOCK_WAIT_MS = 1_000;

/** @throws HawserError `store_busy` */
export function lockStore(path: string): StoreLock {
  const file = lockPath(path);
  preparePrivateFile(file);
  const db = new Database(file, { timeout: LOCK_WAIT_MS });
  try {
    // Nothing is ever written to it: a journal on the disk would want room that there may not be.
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    if (!isBusy(cause)) throw cause;
    throw new HawserError('store_busy', `another agent uses the store ${path}: stop it, or give this one a store of its own`, {
      cause,
    });
  }
  return { release: () => db.close() };
}

/** Whether an agent has the store open now. */
export function isLocked(path: string): boolean {
  const file = lockPath(path);
  if (!existsSync(file)) return false;
  const db = new Database(file, { readonly: true, timeout: 0 });
  try {
    db.pragma('schema_version');
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    db.close();
  }
}

function lockPath(path: string): string {
  return `${path}.lock`;
}

function isBusy(error: unknown): boolean {
  return error instanceof SqliteError && error.code.startsWith('SQLITE_BUSY');
}
