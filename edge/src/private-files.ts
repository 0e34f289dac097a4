import {
  closeSync,
  fchownSync,
  fsyncSync,
  linkSync,
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
import { requirePrivateFile } from './private-modes.ts';

/** What changes a folder of private files, step by step: a test stops between any two. */
export interface FileSteps {
  /** A file that is not there yet, mode 0600. @returns its descriptor */
  create(path: string): number;
  write(file: number, content: string | Uint8Array): void;
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
  write: (file, content) => writeFileSync(file, content),
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
export function writePrivateFile(path: string, content: string | Uint8Array, steps: FileSteps = fileSteps): void {
  const temporary = temporaryOf(path);
  try {
    writeWhole(temporary, content, steps);
    steps.rename(temporary, path);
  } catch (error) {
    // A full disk must not be filled further by what was not written.
    steps.remove(temporary);
    throw error;
  }
  steps.syncFolder(dirname(path));
}

/**
 * The same where nothing is there yet.
 * @returns false where somebody was first: then that stays
 */
export function createPrivateFile(path: string, content: string | Uint8Array): boolean {
  const temporary = temporaryOf(path);
  try {
    writeWhole(temporary, content, fileSteps);
    linkSync(temporary, path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    fileSteps.remove(temporary);
  }
  fileSteps.syncFolder(dirname(path));
  return true;
}

function temporaryOf(path: string): string {
  return `${path}.${process.pid}.new`;
}

/** On the disk when it returns; what another process of that id has left goes. */
function writeWhole(path: string, content: string | Uint8Array, steps: FileSteps): void {
  steps.remove(path);
  const file = steps.create(path);
  try {
    steps.write(file, content);
    steps.sync(file);
  } finally {
    steps.close(file);
  }
}

/**
 * Undefined where there is no such file.
 * @param mostBytes a larger one is another file
 * @throws HawserError `bad_config` for one that others may read, that we may not, or that is too large
 */
export function readPrivateFile(path: string, mostBytes: number): string | undefined {
  try {
    requirePrivateFile(path);
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
