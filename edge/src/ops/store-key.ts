import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HawserError } from '@hawser/protocol';
import { createPrivateFile, fileSteps, writePrivateFile } from '../private-files.ts';
import { requirePrivateFile, requireUnreadableByOthers } from '../private-modes.ts';
import { keySeal, PLAIN, type Seal, type SealSource } from '../store/index.ts';

/**
 * Where the key of the store comes from: the setting `store.key`.
 *
 * | setting | source |
 * |---|---|
 * | not set | `generated`: DATA_DIR/store.key, made at the first start |
 * | `none` | `none`: nothing is sealed |
 * | `credential:NAME` | `credential`: $CREDENTIALS_DIRECTORY/NAME, which systemd has put there (systemd.exec(5), "Credentials") |
 * | anything else | `file`: that path |
 */
export type KeySource =
  | { readonly type: 'none' }
  | { readonly type: 'generated'; readonly path: string; readonly next: string }
  | { readonly type: 'credential'; readonly path: string }
  | { readonly type: 'file'; readonly path: string };

/** Of AES-256. */
const KEY_BYTES = 32;
/** A key as text is at most 64 digits and the end of its line. In bytes. */
const MAX_FILE_BYTES = 128;
const HEX = /^[0-9a-fA-F]{64}$/;
/** base64 or base64url of 32 bytes. */
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;
/** What systemd allows, less what leads out of the folder. */
const CREDENTIAL = /^credential:([A-Za-z0-9_][A-Za-z0-9_.@-]{0,254})$/;

/**
 * @param credentials $CREDENTIALS_DIRECTORY
 * @throws HawserError `bad_config` for a credential without systemd's folder
 */
export function keySourceOf(key: string | undefined, dataDir: string, credentials: string | undefined): KeySource {
  if (key === undefined) return { type: 'generated', path: join(dataDir, 'store.key'), next: join(dataDir, 'store.key.next') };
  if (key === 'none') return { type: 'none' };
  if (!key.startsWith('credential:')) return { type: 'file', path: key };
  const name = CREDENTIAL.exec(key)?.[1];
  if (name === undefined)
    throw new HawserError('bad_config', `store.key: ${JSON.stringify(key)} names no credential: credential:NAME`);
  if (credentials === undefined || credentials === '') {
    throw new HawserError(
      'bad_config',
      `store.key: ${key} is a credential of systemd, and this process has none (no CREDENTIALS_DIRECTORY): ` +
        'start it by a unit with LoadCredentialEncrypted=, or with systemd-run -p LoadCredentialEncrypted=…',
    );
  }
  return { type: 'credential', path: join(credentials, name) };
}

/**
 * The seal of the store, for `openStore`. A key is made only where nothing is sealed yet.
 * @param lost `anew`: also where something is, for who gives it up
 */
export function sealOf(source: KeySource, lost: 'refuse' | 'anew' = 'refuse'): SealSource {
  return (stored) => {
    if (source.type === 'none') return PLAIN;
    if (source.type !== 'generated') return keySeal(readKey(source));
    settleNext(source, stored);
    if (!existsKey(source.path)) {
      if (stored !== undefined && lost === 'refuse') throw keyMissing(source.path, stored);
      createPrivateFile(source.path, randomBytes(KEY_BYTES));
    }
    return keySeal(readKey(source));
  };
}

/** The same for whoever only reads: no key is made, and none is needed where nothing is sealed. */
export function readingSealOf(source: KeySource): SealSource {
  return (stored) => {
    if (source.type === 'none' || stored === undefined) return PLAIN;
    if (source.type === 'generated' && existsKey(source.next)) {
      const next = keySeal(readKey({ ...source, path: source.next }));
      if (next.name === stored) return next;
    }
    return keySeal(readKey(source));
  };
}

/**
 * A new key beside the generated one, for `store rekey`: it takes the other's place once the store lies under it. Ended in between,
 * the next start finds which of the two the store needs.
 */
export function prepareNext(source: Extract<KeySource, { type: 'generated' }>): Seal {
  const key = randomBytes(KEY_BYTES);
  writePrivateFile(source.next, key);
  return keySeal(key);
}

/** Leaves the key that the store needs, of the two that an ended `store rekey` may have left. */
export function settleNext({ path, next }: Extract<KeySource, { type: 'generated' }>, stored: string | undefined): void {
  if (!existsKey(next)) return;
  if (keySeal(readKey({ type: 'generated', path: next, next })).name === stored) renameSync(next, path);
  else rmSync(next);
  fileSteps.syncFolder(dirname(path));
}

function keyMissing(path: string, stored: string): HawserError {
  return new HawserError(
    'bad_config',
    `store.key: the key file ${path} is not there, and the Secrets of the store are sealed with it (key ${stored.replace(/^.*:/, '')}). ` +
      'Put it back; where it is lost, "hawser-agent store drop-secrets" goes on without them, and the cloud sends them again',
  );
}

function existsKey(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * 32 bytes; or as text 64 hex digits, or base64 of 32 bytes, with or without the end of the line.
 * @throws HawserError `bad_config` that names the file and never what is in it
 */
export function readKey(source: Exclude<KeySource, { type: 'none' }>): Buffer {
  const { path } = source;
  const content = readSmall(source);
  const key = keyOf(content);
  if (key === undefined) {
    throw new HawserError(
      'bad_config',
      `store.key: ${path} holds no key: it must be 32 random bytes, or 64 hex digits, or base64 of 32 bytes, and has ` +
        `${content.length > MAX_FILE_BYTES ? `more than ${MAX_FILE_BYTES}` : content.length} bytes. ` +
        'To make one: head -c 32 /dev/urandom > FILE; chmod 600 FILE',
    );
  }
  // What a tool leaves that could not unseal it.
  if (key.every((byte) => byte === key[0]))
    throw new HawserError('bad_config', `store.key: ${path} holds one byte over and over: no key`);
  return key;
}

function keyOf(content: Buffer): Buffer | undefined {
  if (content.length === KEY_BYTES) {
    // 32 characters are a password, and far from 32 random bytes: among those at least one is no letter, digit or sign.
    return content.every((byte) => byte >= 0x20 && byte < 0x7f) ? undefined : content;
  }
  const text = content.toString('latin1').trim();
  if (HEX.test(text)) return Buffer.from(text, 'hex');
  const key = BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
  return key?.length === KEY_BYTES ? key : undefined;
}

function readSmall(source: Exclude<KeySource, { type: 'none' }>): Buffer {
  const { type, path } = source;
  try {
    if (type === 'generated') requirePrivateFile(path);
    // Systemd guards its own folder, by access lists that show as rights of a group.
    if (type === 'file') requireUnreadableByOthers(path);
    const file = openSync(path, 'r');
    try {
      if (!fstatSync(file).isFile()) throw new HawserError('bad_config', `store.key: ${path} is not a file`);
      const content = Buffer.alloc(MAX_FILE_BYTES + 1);
      return content.subarray(0, readSync(file, content));
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof HawserError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const why = code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be read' : `cannot be read (${String(code)})`;
    throw new HawserError('bad_config', `store.key: the key file ${path} ${why}`, { cause });
  }
}
