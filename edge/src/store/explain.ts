import { HawserError } from '@hawser/protocol';
import { SqliteError } from 'better-sqlite3';
import { messageOf } from './files.ts';
import { NoRoomError } from './no-room.ts';

const DAMAGED = ['SQLITE_NOTADB', 'SQLITE_CORRUPT'];

/** SQLite's error as one that a person can act on; every other as it is. */
export function explain(cause: unknown, path: string): unknown {
  if (!(cause instanceof SqliteError)) return cause;
  if (DAMAGED.some((code) => cause.code.startsWith(code))) {
    const message = `${path} is damaged: ${messageOf(cause)}. At its next start the agent keeps it aside and begins a new one`;
    return new HawserError('store_damaged', message, { cause });
  }
  if (cause.code === 'SQLITE_FULL') {
    return new NoRoomError(`there is no room on the disk for ${path}: free some, nothing that was stored is lost`, { cause });
  }
  return new HawserError('bad_config', `${path} cannot be read or written: ${messageOf(cause)} (${cause.code})`, { cause });
}
