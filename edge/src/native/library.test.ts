import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { type CarriedLibrary, libraryFile } from './library.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-library-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'below', 'cache');
}

function library(content: Buffer = randomBytes(200_000)): CarriedLibrary & { readonly reads: () => number } {
  let reads = 0;
  return {
    name: 'lib',
    sha256: createHash('sha256').update(content).digest('hex'),
    bytes: content.length,
    content: () => {
      reads += 1;
      return content;
    },
    reads: () => reads,
  };
}

function isRefused(folder: string, reason: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof HawserError && error.code === 'native_library', String(error));
    assert.match(error.message, reason);
    assert.ok(error.message.includes(folder) && error.message.includes('HAWSER_CACHE_DIR'), error.message);
    return true;
  };
}

test('the library is written once, for its user alone, and found the next time', (t) => {
  const folder = folderFor(t);
  const carried = library();
  const file = libraryFile(folder, carried);
  assert.deepEqual(readFileSync(file), Buffer.from(carried.content()));
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(file).mode & 0o777, 0o700);
  assert.equal(carried.reads(), 2);
  assert.equal(libraryFile(folder, carried), file);
  assert.equal(carried.reads(), 2, 'it is not read again');
  assert.deepEqual(readdirSync(folder).length, 1, 'nothing else is left');
});

test('a file that is another than the one carried is never given out: cut short, changed in one byte, or a link', (t) => {
  const folder = folderFor(t);
  const carried = library();
  const file = libraryFile(folder, carried);
  const whole = readFileSync(file);
  const changed = Buffer.from(whole);
  changed[100_000] = (changed[100_000] ?? 0) ^ 1;
  for (const wrong of [whole.subarray(1), changed, Buffer.alloc(0)]) {
    writeFileSync(file, wrong);
    libraryFile(folder, carried);
    assert.deepEqual(readFileSync(file), whole);
  }
  const elsewhere = join(folder, '..', 'elsewhere');
  writeFileSync(elsewhere, whole);
  rmSync(file);
  symlinkSync(elsewhere, file);
  libraryFile(folder, carried);
  assert.ok(statSync(file).ino !== statSync(elsewhere).ino, 'the link was replaced');
});

test('a carried library that does not have its own hash is not left in the folder', (t) => {
  const folder = folderFor(t);
  const wrong = { ...library(), sha256: 'a'.repeat(64) };
  assert.throws(() => libraryFile(folder, wrong), isRefused(folder, /reads back as something else/));
  assert.deepEqual(readdirSync(folder), []);
});

test('a folder that others may write to, a link and a file are refused', (t) => {
  const folder = folderFor(t);
  const carried = library();
  libraryFile(folder, carried);
  for (const mode of [0o770, 0o702]) {
    chmodSync(folder, mode);
    assert.throws(() => libraryFile(folder, carried), isRefused(folder, /chmod 0700/));
  }
  chmodSync(folder, 0o755);
  libraryFile(folder, carried);
  const link = `${folder}-link`;
  symlinkSync(folder, link);
  assert.throws(() => libraryFile(link, carried), isRefused(link, /symbolic link/));
  const file = `${folder}-file`;
  writeFileSync(file, '');
  assert.throws(() => libraryFile(file, carried), isRefused(file, /is no folder/));
  assert.throws(() => libraryFile(join(file, 'below'), carried), isRefused(file, /is no folder/));
});

test('a folder is refused in which another could take its place, and a sticky one is none of these', (t) => {
  const folder = folderFor(t);
  const above = join(folder, '..');
  mkdirSync(above, { recursive: true });
  chmodSync(above, 0o777);
  assert.throws(() => libraryFile(folder, library()), isRefused(folder, /anybody may write to .*below/));
  chmodSync(above, 0o1777);
  libraryFile(folder, library());
  const link = join(above, '..', 'link');
  symlinkSync(above, link);
  assert.equal(libraryFile(join(link, 'cache'), library()).startsWith(link), false, 'the link is not followed again');
  if (process.geteuid?.() !== 0) return;
  chmodSync(above, 0o755);
  chownSync(above, 65_534, 65_534);
  assert.throws(() => libraryFile(folder, library()), isRefused(folder, /below belongs to user 65534/));
});

test('a file that others may write to is written anew: by its mode, by another name, as its owner', (t) => {
  const folder = folderFor(t);
  const carried = library();
  const file = libraryFile(folder, carried);
  const isNew = (spoil: () => void) => {
    spoil();
    const { ino } = statSync(file);
    libraryFile(folder, carried);
    assert.notEqual(statSync(file).ino, ino);
  };
  isNew(() => chmodSync(file, 0o777));
  isNew(() => linkSync(file, join(folder, '..', 'elsewhere')));
  if (process.geteuid?.() === 0) isNew(() => chownSync(file, 65_534, 65_534));
});

test('of other versions one stays, unfinished files go after an hour, and what is not ours is left alone', (t) => {
  const folder = folderFor(t);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const aged = (name: string, hours: number) => {
    writeFileSync(join(folder, name), name);
    const time = Date.now() / 1000 - hours * 3600;
    utimesSync(join(folder, name), time, time);
  };
  aged('lib-0000000000000001.node', 3);
  aged('lib-0000000000000002.node', 2);
  aged('lib-0000000000000003.node', 4);
  aged('.lib-dead.new', 2);
  aged('.lib-writing.new', 0.5);
  aged('notes.txt', 100);
  const file = libraryFile(folder, library());
  assert.deepEqual(
    new Set(readdirSync(folder)),
    new Set(['lib-0000000000000002.node', '.lib-writing.new', 'notes.txt', file.slice(folder.length + 1)]),
  );
});
