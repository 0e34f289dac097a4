import { HawserError } from '@hawser/protocol';
import Database, { SqliteError } from 'better-sqlite3';
import { setAside } from './files.ts';
import { lockStore } from './lock.ts';
import { readStore } from './read-store.ts';

/** For a command that reads the store. */
const FOLD_WAIT_MS = 2_000;

/** Reports that the cloud has not been told of; `unknown` in a store that this version cannot read. */
export type Untold = number | 'unknown';

export type SetAside =
  | { readonly type: 'moved'; readonly to: string; readonly untold: Untold }
  /** Nothing was changed. */
  | { readonly type: 'wouldLose'; readonly untold: Untold };

/**
 * Moves a store away, whatever is in it: of another cluster, of a newer agent, damaged. The next start begins a new one.
 * Interrupted, the same call goes on.
 * @param evenIfUntold whether reports that the cloud has not been told of, or may not have been, may go with it
 * @throws HawserError `store_busy` while an agent has it open; `bad_config` where there is none
 */
export function setStoreAside(path: string, evenIfUntold: boolean, now: Date): SetAside {
  const untold = untoldIn(path);
  if (untold !== 0 && !evenIfUntold) return { type: 'wouldLose', untold };
  const lock = lockStore(path);
  try {
    foldLog(path);
    return { type: 'moved', to: setAside(path, 'aside', now), untold };
  } finally {
    lock.release();
  }
}

/**
 * Writes what is only in the log into the database, so that one file is renamed, and a process that is ended or a power cut in the middle leaves
 * no database without its log: an agent would start with the commits of long ago. Where that cannot be, as in a damaged store, on a full disk or
 * beside a command that reads, the log is renamed with it.
 */
function foldLog(path: string): void {
  try {
    const db = new Database(path, { fileMustExist: true, timeout: FOLD_WAIT_MS });
    try {
      // Closing the last connection removes an empty log.
      db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      db.close();
    }
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error;
  }
}

function untoldIn(path: string): Untold {
  try {
    const store = readStore(path);
    try {
      return store.outboxCount();
    } finally {
      store.close();
    }
  } catch (error) {
    if (error instanceof HawserError && UNREADABLE.has(error.code)) return 'unknown';
    throw error;
  }
}

const UNREADABLE: ReadonlySet<string> = new Set(['store_damaged', 'store_newer', 'unsupported']);
