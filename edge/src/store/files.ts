import { closeSync, existsSync, openSync, readSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { HawserError } from '@hawser/protocol';
import { preparePrivateFolder, requirePrivateFile } from '../private-modes.ts';

/** What SQLite keeps beside a database in WAL mode; the log holds commits that are not in the database yet. */
export const SIDE_FILES = ['-wal', '-shm'] as const;

/** The first bytes of every SQLite database (SQLite, "Database File Format" §1.3). */
const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');

/**
 * Makes folder and file with modes 0700 and 0600 where they are missing, before SQLite would make them with the process's umask.
 * The log beside a database gets the database's mode from SQLite.
 * @throws HawserError `bad_config` where they exist and others may read them: secrets lie in there
 */
export function preparePrivateFile(path: string): void {
  try {
    preparePrivateFolder(dirname(path));
    for (const suffix of ['', ...SIDE_FILES]) requirePrivateFile(path + suffix);
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  } catch (cause) {
    if (cause instanceof HawserError) throw cause;
    throw new HawserError('bad_config', `the store ${path} cannot be made: ${messageOf(cause)}`, { cause });
  }
}

/** Whether the file is empty or begins as an SQLite database does. Not to be called while this process has it open. */
export function looksLikeDatabase(path: string): boolean {
  const head = Buffer.alloc(MAGIC.length);
  const file = openSync(path, 'r');
  try {
    const bytes = readSync(file, head, 0, head.length, 0);
    return bytes === 0 || head.equals(MAGIC);
  } finally {
    closeSync(file);
  }
}

/**
 * Renames the file, and what belongs to it, out of the way: the log first, as a log that is left without its database could be taken
 * for that of the next one.
 * @returns the new path, `<path>.<why>-<time>`
 */
export function setAside(path: string, why: 'damaged' | 'aside', now: Date): string {
  const stamp = now.toISOString().replaceAll(':', '-');
  const aside = `${path}.${why}-${stamp}`;
  if (existsSync(aside))
    throw new HawserError(
      why === 'damaged' ? 'store_damaged' : 'bad_config',
      `${path} cannot be set aside: ${aside} exists already`,
    );
  for (const suffix of [...SIDE_FILES, '']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
