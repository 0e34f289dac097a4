import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { HawserError } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import { NO_VERSION } from './mend-row.ts';
import { Meta } from './meta.ts';

/**
 * SQLite removes the log beside a database when the last connection closes it, and leaves it when the process is killed or the power goes.
 * A database that was never closed and has no log beside it has lost the log, and with it the last commits: somebody copied or
 * restored the one file alone. A mark in the database itself tells the two apart: it is set while the store is open.
 */

/** Whether there is a log beside the database. To be asked before the database is opened, which makes one. */
export function hasLog(path: string): boolean {
  return existsSync(`${path}-wal`);
}

/** Whether commits are missing that this database once had. @param hadLog as `hasLog` said before it was opened */
export function hasLostLog(db: Database, hadLog: boolean): boolean {
  return !hadLog && new Meta(db).get('in_use') === '1';
}

/** Written through to the database itself: in the log it would be lost with it. */
export function markInUse(db: Database): void {
  new Meta(db).set('in_use', '1');
  db.pragma('wal_checkpoint(TRUNCATE)');
}

/** Just before the database is closed. */
export function markClosed(db: Database): void {
  new Meta(db).set('in_use', '0');
}

/**
 * Revisions that may have been given out by commits that are lost: more than a device makes in a lifetime of one log, which is some
 * megabytes. Where the clock is right the time since 1970 is above them anyway.
 */
const LOST_REVISIONS = 1_000_000_000;

/**
 * Makes of what is left something that may be served once the cloud has said what is missing:
 * - the versions of all objects are forgotten, so that the relay asks for the inventory; what has the right hash costs no body
 * - positions in the change log of before are told to list again
 * - `facts` are not so any more
 * @throws HawserError `store_damaged` where the file does not pass the whole of SQLite's check
 */
export function startOverWithoutLog(db: Database, path: string, now: Date, facts: readonly string[]): void {
  const result = db.pragma('integrity_check(1)', { simple: true });
  if (result !== 'ok') throw new HawserError('store_damaged', `${path} has lost its log and does not pass its check: ${result}`);
  const meta = new Meta(db);
  db.transaction(() => {
    db.prepare<[string]>('UPDATE objects SET resource_version = ? WHERE resource_version IS NOT NULL').run(NO_VERSION);
    meta.remove('digest');
    beginRevisions(db, Math.max(now.getTime(), lastRevision(db) + LOST_REVISIONS));
    for (const name of facts) meta.removeFact(name);
  }).immediate();
}

/** Where the revisions of a store in memory begin above those of its file, in LOST_REVISIONS. Their sum is a number that JavaScript counts exactly. */
const MEMORIES = 1_000_000;

/**
 * Of a store in memory that its file will know nothing of: revisions that neither the file will give out, nor, as good as certainly, another
 * such store does. Who comes to one with those of the other is told to list again.
 */
export function beginRevisionsInMemory(db: Database): void {
  db.transaction(() => beginRevisions(db, lastRevision(db) + LOST_REVISIONS * randomInt(1, MEMORIES))).immediate();
}

function lastRevision(db: Database): number {
  const last = db.prepare<[], { seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").get()?.seq ?? 0;
  const reserved = Number(new Meta(db).get('reserved_revision') ?? '0');
  // What is no number was damaged: see UnloggedRevisions.
  return Number.isSafeInteger(reserved) ? Math.max(last, reserved) : last;
}

/** Within a transaction. */
function beginRevisions(db: Database, from: number): void {
  db.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = 'changes'").run(from);
  new Meta(db).set('epoch', String(from));
}
