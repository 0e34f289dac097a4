import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { HawserError } from '@hawser/protocol';

/** A native library that is carried inside the executable; the system's loader takes it from a file only. */
export interface CarriedLibrary {
  /** Of its file, with the hash behind it: `better-sqlite3`. */
  readonly name: string;
  /** In hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Read when it is not in the folder yet. */
  readonly content: () => Uint8Array;
}

/** Hex digits of the hash in the name: enough that no two versions share one. What is loaded is compared by the whole hash. */
const HASH_DIGITS = 16;
/** Libraries of other versions that stay: that of the version before, so that going back writes nothing. The others are removed. */
const KEPT_OTHERS = 1;
/** What a process that was ended while writing has left is removed when it is so old, in milliseconds. */
const LEFT_OVER_MS = 60 * 60_000;
/** Names that are looked at when old ones are removed. It is our folder: it holds two or three. */
const MAX_NAMES = 1_000;
/** Of a mode: names in such a folder are removed and changed by their owners alone. */
const STICKY = 0o1000;
/** In bytes: the library is read to be compared, and not to be held. */
const PIECE_BYTES = 64 * 1024;

/**
 * The file of that library in the folder: it is compared by its hash, and written when it is missing or another. Nobody but this user may
 * write to the folder. Any number of processes may do so at the same time: each writes a file of its own and renames it.
 * @throws HawserError `native_library` which names the folder, what is wrong with it, and the setting
 */
export function libraryFile(folder: string, library: CarriedLibrary): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Links on the way are followed once, and not again when it is loaded.
    const own = join(realpathSync(dirname(resolve(folder))), basename(resolve(folder)));
    requireOwn(own);
    const file = join(own, fileNameOf(library));
    if (!isSame(file, library)) {
      write(own, file, library);
      removeOthers(own, library);
    }
    // Mode bits allow it, so a refusal is that of the mount (access(2)).
    accessSync(file, constants.X_OK);
    return file;
  } catch (cause) {
    throw cause instanceof HawserError ? cause : refusal(folder, reasonOf(cause), cause);
  }
}

/** What a person is told of a folder that cannot be used. */
export function refusal(folder: string, reason: string, cause?: unknown): HawserError {
  return new HawserError(
    'native_library',
    `the cache folder ${folder} cannot be used: ${reason}. SQLite is written there and loaded from there: name another folder ` +
      'with --cache-dir, HAWSER_CACHE_DIR or cacheDir in the file',
    { cause },
  );
}

function reasonOf(cause: unknown): string {
  const { code = '', path = '', syscall = '' } = cause instanceof Error ? (cause as NodeJS.ErrnoException) : {};
  switch (code) {
    case 'EROFS':
      return 'it is mounted read-only';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'there is no room on its disk';
    case 'ENOTDIR':
    case 'EEXIST':
      return `${path || 'part of the path'} is no folder`;
    case 'EACCES':
    case 'EPERM':
      return syscall === 'access' ? 'it is mounted noexec' : `this user may not write there (${code} for ${path})`;
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}

/** Whoever may write there could have a library of theirs run as this user. */
function requireOwn(folder: string): void {
  const found = lstatSync(folder);
  if (!found.isDirectory()) throw refusal(folder, found.isSymbolicLink() ? 'it is a symbolic link' : 'it is no folder');
  const own = process.geteuid?.();
  if (found.uid !== own) throw refusal(folder, `it belongs to user ${found.uid}, and this is user ${own}`);
  if ((found.mode & 0o022) !== 0) throw refusal(folder, `others may write there: chmod 0700 ${folder}`);
  // Whoever owns a folder above it, or may write there, could put another in its place once it was looked at.
  for (let above = dirname(folder); ; above = dirname(above)) {
    const { uid, mode } = lstatSync(above);
    if (uid !== own && uid !== 0) throw refusal(folder, `${above} belongs to user ${uid}, who could put another in its place`);
    const isAnybodys = (mode & 0o002) !== 0 && (mode & STICKY) === 0;
    if (isAnybodys) throw refusal(folder, `anybody may write to ${above} and put another in its place`);
    if (above === dirname(above)) return;
  }
}

function fileNameOf({ name, sha256 }: CarriedLibrary): string {
  return `${name}-${sha256.slice(0, HASH_DIGITS)}.node`;
}

function isSame(file: string, { bytes, sha256 }: CarriedLibrary): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false });
  // One that another may write to, by whatever name, can become another after this.
  const isOwn = found?.isFile() === true && found.nlink === 1 && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
  return isOwn && found.size === bytes && hashOf(file) === sha256;
}

function hashOf(file: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(PIECE_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    for (;;) {
      const length = readSync(descriptor, piece);
      if (length === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, length));
    }
  } finally {
    closeSync(descriptor);
  }
}

function write(folder: string, file: string, library: CarriedLibrary): void {
  const fresh = join(folder, `.${library.name}-${randomBytes(8).toString('hex')}.new`);
  const descriptor = openSync(fresh, 'wx', 0o700);
  try {
    try {
      const content = library.content();
      for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at);
      // Renamed before its bytes are on the disk, it would be found empty after a power cut, and written again.
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    // Whatever the umask.
    chmodSync(fresh, 0o700);
    if (!isSame(fresh, library)) throw refusal(folder, 'what was written there reads back as something else');
    renameSync(fresh, file);
  } catch (error) {
    unlinkSync(fresh);
    throw error;
  }
}

/** A process that has loaded one of them keeps it: only its name goes. */
function removeOthers(folder: string, library: CarriedLibrary): void {
  const { name } = library;
  const others: { readonly path: string; readonly mtimeMs: number; readonly isUnfinished: boolean }[] = [];
  const entries = opendirSync(folder);
  try {
    for (let seen = 0; seen < MAX_NAMES; seen += 1) {
      const entry = entries.readSync();
      if (entry === null) break;
      const isUnfinished = entry.name.startsWith(`.${name}-`) && entry.name.endsWith('.new');
      const isOther = entry.name.startsWith(`${name}-`) && entry.name.endsWith('.node') && entry.name !== fileNameOf(library);
      if (!isUnfinished && !isOther) continue;
      const path = join(folder, entry.name);
      const found = statSync(path, { throwIfNoEntry: false });
      if (found !== undefined) others.push({ path, mtimeMs: found.mtimeMs, isUnfinished });
    }
  } finally {
    entries.closeSync();
  }
  const now = Date.now();
  const leftOver = others.filter(({ isUnfinished, mtimeMs }) => isUnfinished && now - mtimeMs > LEFT_OVER_MS);
  const old = others.filter(({ isUnfinished }) => !isUnfinished).sort((a, b) => b.mtimeMs - a.mtimeMs);
  for (const { path } of [...leftOver, ...old.slice(KEPT_OTHERS)]) removeIfThere(path);
}

/** Another process may have done so. */
function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
