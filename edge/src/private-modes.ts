import { existsSync, lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { HawserError } from '@hawser/protocol';

/**
 * Files that may hold secrets: mode 0600, in a folder of mode 0700, owned by the user that the agent runs as. What is not so is refused
 * with the command that mends it, and never mended in silence: others may have read it by then, and whoever runs the agent should know.
 */

/** Bits of a mode (chmod). */
const GROUP_AND_OTHERS = 0o077;
const WRITING_GROUP_AND_OTHERS = 0o037;
const ROOT = 0;

/** Makes the folder where it is missing. A link to a folder is followed. @throws HawserError `bad_config` */
export function preparePrivateFolder(path: string): void {
  if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o700 });
  requirePrivateFolder(path);
}

/** @throws HawserError `bad_config` */
export function requirePrivateFolder(path: string): void {
  const stats = statSync(path);
  if (!stats.isDirectory()) throw new HawserError('bad_config', `${path} is not a folder: move it away`);
  // Root works in the folder of the agent's user: `sudo hawser-agent join`.
  const user = userOf(stats);
  requireOwner(path, stats, user === ROOT ? stats.uid : user);
  requireMode(path, stats, GROUP_AND_OTHERS, '700');
}

/** A file that the agent has made. Does nothing where there is none. @throws HawserError `bad_config` */
export function requirePrivateFile(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (stats.isSymbolicLink()) {
    throw new HawserError(
      'bad_config',
      `${path} is a symbolic link, and what it leads to may be open to others: put the file itself there (dataDir may be a link)`,
    );
  }
  if (!stats.isFile()) throw new HawserError('bad_config', `${path} is not a file: move it away`);
  const user = userOf(stats);
  requireOwner(path, stats, user === ROOT ? statSync(dirname(path)).uid : user);
  requireMode(path, stats, GROUP_AND_OTHERS, '600');
}

/**
 * A file that somebody else has put there, a link followed. One of root's may be read by a group: so root gives it to a service.
 * @throws HawserError `bad_config` where others may read it
 */
export function requireUnreadableByOthers(path: string): void {
  const stats = statSync(path);
  const user = userOf(stats);
  requireOwner(path, stats, user);
  requireMode(path, stats, stats.uid === ROOT && user !== ROOT ? WRITING_GROUP_AND_OTHERS : GROUP_AND_OTHERS, '600');
}

function userOf({ uid }: Stats): number {
  return process.geteuid?.() ?? uid;
}

/** Root reads everything anyway, and puts keys where services find them. */
function requireOwner(path: string, { uid }: Stats, owner: number): void {
  if (uid === owner || uid === ROOT) return;
  throw new HawserError(
    'bad_config',
    `${path} belongs to the user ${uid} and may hold secrets of the user ${owner}. To mend: chown ${owner} ${path}`,
  );
}

function requireMode(path: string, { mode }: Stats, forbidden: number, right: string): void {
  if ((mode & forbidden) === 0) return;
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  throw new HawserError(
    'bad_config',
    `${path} has mode ${shown} and may hold secrets: others must not reach it. To mend: chmod ${right} ${path}`,
  );
}
