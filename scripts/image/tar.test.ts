import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { type Entry, tar } from './tar.ts';

const ENTRIES: readonly Entry[] = [
  { type: 'folder', path: 'usr', mode: 0o755 },
  { type: 'file', path: 'usr/empty', mode: 0o644, content: Buffer.alloc(0) },
  { type: 'file', path: 'usr/full', mode: 0o755, content: Buffer.alloc(1024, 'x') },
  { type: 'file', path: 'usr/odd', mode: 0o600, content: Buffer.from('seven b') },
  { type: 'link', path: 'lib', target: 'usr' },
];

test('tar lists what was put in, with modes, sizes, the time, and root as owner', () => {
  const listed = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--utc', '--full-time', '--file', '-'], {
    input: tar(ENTRIES, 1_767_225_600),
    env: { ...process.env, LC_ALL: 'C' },
  });
  assert.deepEqual(
    listed
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.replaceAll(/ +/g, ' ')),
    [
      'drwxr-xr-x 0/0 0 2026-01-01 00:00:00 usr/',
      '-rw-r--r-- 0/0 0 2026-01-01 00:00:00 usr/empty',
      '-rwxr-xr-x 0/0 1024 2026-01-01 00:00:00 usr/full',
      '-rw------- 0/0 7 2026-01-01 00:00:00 usr/odd',
      'lrwxrwxrwx 0/0 0 2026-01-01 00:00:00 lib -> usr',
    ],
  );
  const odd = execFileSync('tar', ['--extract', '--to-stdout', '--file', '-', 'usr/odd'], { input: tar(ENTRIES, 0) });
  assert.equal(odd.toString(), 'seven b');
});

test('equal entries give equal bytes', () => {
  assert.ok(tar(ENTRIES, 7).equals(tar(structuredClone([...ENTRIES]).map(withBuffer), 7)));
});

test('what the format cannot hold is refused', () => {
  const path = 'x'.repeat(101);
  assert.throws(() => tar([{ type: 'folder', path, mode: 0o755 }], 0), /too long/);
  assert.throws(() => tar([{ type: 'link', path: 'a', target: path }], 0), /too long/);
});

/** A clone has plain arrays of bytes. */
function withBuffer(entry: Entry): Entry {
  return entry.type === 'file' ? { ...entry, content: Buffer.from(entry.content) } : entry;
}
