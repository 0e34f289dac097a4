import {
  closeSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { HawserError } from '@hawser/protocol';

/** Bits of a mode (chmod) that a file with secrets may not have. */
export const OTHERS = 0o007;
export const GROUP_AND_OTHERS = 0o077;

/** What changes a folder of private files, step by step: a test stops between any two. */
export interface FileSteps {
  /** A file that is not there yet, mode 0600. @returns its descriptor */
  create(path: string): number;
  write(file: number, text: string): void;
  sync(file: number): void;
  close(file: number): void;
  /** Mode 0700. */
  createFolder(path: string): void;
  syncFolder(path: string): void;
  rename(from: string, to: string): void;
  /** Nothing there is fine. */
  remove(path: string): void;
}

export const fileSteps: FileSteps = {
  create(path) {
    const file = openSync(path, 'wx', 0o600);
    giveToOwnerOf(dirname(path), file);
    return file;
  },
  write: (file, text) => writeFileSync(file, text),
  sync: fsyncSync,
  close: closeSync,
  createFolder(path) {
    mkdirSync(path, { mode: 0o700 });
    withFolder(path, (folder) => giveToOwnerOf(dirname(path), folder));
  },
  syncFolder: (path) => withFolder(path, fsyncSync),
  rename: renameSync,
  remove: (path) => rmSync(path, { force: true }),
};

/**
 * Writes beside the place, and renames into it: whoever reads, or comes back after a power loss, finds the old text or the new one. Durable
 * when it returns.
 */
export function writePrivateFile(path: string, text: string, steps: FileSteps = fileSteps): void {
  const temporary = `${path}.${process.pid}.new`;
  steps.remove(temporary);
  const file = steps.create(temporary);
  try {
    try {
      steps.write(file, text);
      steps.sync(file);
    } finally {
      steps.close(file);
    }
    steps.rename(temporary, path);
  } catch (error) {
    // A full disk must not be filled further by what was not written.
    steps.remove(temporary);
    throw error;
  }
  steps.syncFolder(dirname(path));
}

/**
 * @param mask bits that may not be set
 * @param remedy "chmod 600"
 * @throws HawserError `bad_config` with the command that mends it
 */
export function requirePrivate(path: string, mask: number, remedy: string): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & mask) === 0) return;
  throw new HawserError(
    'bad_config',
    `${path} has mode ${mode.toString(8).padStart(4, '0')} and may hold secrets: others must not reach it. To mend: ${remedy} ${path}`,
  );
}

/**
 * Undefined where there is no such file.
 * @param mostBytes a larger one is another file
 * @throws HawserError `bad_config` for one that others may read, that we may not, or that is too large
 */
export function readPrivateFile(path: string, mostBytes: number): string | undefined {
  try {
    requirePrivate(path, GROUP_AND_OTHERS, 'chmod 600');
    const { size } = statSync(path);
    if (size > mostBytes) throw new HawserError('bad_config', `${path} has ${size} bytes, and at most ${mostBytes} are expected`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof HawserError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT') return undefined;
    const why =
      code === 'EACCES' ? 'may not be read by this user: run it as the user of the agent' : `cannot be read (${String(code)})`;
    throw new HawserError('bad_config', `${path} ${why}`, { cause });
  }
}

/** What root makes in a folder of the agent's user (`sudo hawser-agent join`) is to be readable for the agent. */
function giveToOwnerOf(folder: string, file: number): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(folder);
  if (uid !== 0) fchownSync(file, uid, gid);
}

function withFolder(path: string, work: (folder: number) => void): void {
  const folder = openSync(path, 'r');
  try {
    work(folder);
  } finally {
    closeSync(folder);
  }
}
