import { readFileSync, statSync } from 'node:fs';
import Database, { SqliteError } from 'better-sqlite3';
import { NoRoomError } from './no-room.ts';

/** Less than that on the disk, in bytes, and a store that could not be opened for want of room is not tried again: twice what its log may have. */
export const ROOM_TO_OPEN_BYTES = 8 * 1024 * 1024;

/** What is full: the disk, the user's quota, or the disk when the index of the log is made. */
const SQLITE_NO_ROOM = ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'SQLITE_IOERR_SHMOPEN'];
const SYSTEM_NO_ROOM = ['ENOSPC', 'EDQUOT'];

/** Whether that, or what it was caused by, is a disk without room. */
export function isNoRoom(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof SqliteError && SQLITE_NO_ROOM.includes(error.code)) return true;
  if ('code' in error && SYSTEM_NO_ROOM.includes(String(error.code))) return true;
  return isNoRoom(error.cause);
}

/**
 * What the database holds, log included, as an image for memory; nothing on the disk is written but the index of the log, in the place of the
 * one that was left there. Undefined where there is no database yet.
 * @throws what SQLite says
 */
export function imageOf(path: string): Buffer | undefined {
  if (sizeOf(path) === 0) return undefined;
  // One that was closed has none, and the try to open it may have left an empty one: without its index, for which there was no room.
  return withoutWalMode(sizeOf(`${path}-wal`) > 0 ? readWithLog(path) : readFileSync(path));
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function readWithLog(path: string): Buffer {
  const db = new Database(path, { readonly: true });
  try {
    return db.serialize();
  } finally {
    db.close();
  }
}

/** A database in memory has no log: its header (bytes 18 and 19 of the file format) must not ask for one. */
export function withoutWalMode(file: Buffer): Buffer {
  if (file.length >= 20) file.fill(1, 18, 20);
  return file;
}

/** Why nothing is written to a store that lies in memory, since there was no room to open it on the disk. */
export function refusal(path: string): NoRoomError {
  return new NoRoomError(
    `there was no room on the disk to open ${path}: what it holds is served, and nothing is taken until there is room again`,
  );
}
