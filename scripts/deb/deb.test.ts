import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { debianChangelog, releasesIn } from './changelog.ts';
import { libraryDepends } from './depends.ts';
import { elfNeeds } from './elf-needs.ts';
import { manPage } from './man-page.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('what a library of ELF asks for is read as binutils read it', () => {
  const { libraries, versions } = elfNeeds(readFileSync(join(ROOT, 'node_modules/better-sqlite3/prebuilds/linux-x64.node')));
  // readelf -dV
  assert.ok(libraries.includes('libc.so.6') && libraries.includes('libstdc++.so.6'), String(libraries));
  assert.ok(versions.get('libc.so.6')?.includes('GLIBC_2.34'), String(versions.get('libc.so.6')));
  assert.throws(() => elfNeeds(Buffer.from('#!/bin/sh\n'.padEnd(100))), /no ELF file/);
});

test('of several files the newest version counts, of libc by number and not by letter, and of GCC its own', () => {
  const needs = (library: string, ...names: string[]) => ({ libraries: [library], versions: new Map([[library, names]]) });
  assert.deepEqual(
    libraryDepends([
      needs('libc.so.6', 'GLIBC_2.9', 'GLIBC_2.28', 'GLIBC_2.3.4'),
      needs('libm.so.6', 'GLIBC_2.29'),
      needs('libstdc++.so.6', 'GLIBCXX_3.4.29', 'CXXABI_1.3.5'),
    ]),
    ['libc6 (>= 2.29)', 'libstdc++6 (>= 11)'],
  );
  assert.deepEqual(libraryDepends([{ libraries: ['libdl.so.2'], versions: new Map() }]), ['libc6']);
  assert.throws(() => libraryDepends([needs('libssl.so.3', 'OPENSSL_3.0.0')]), /which package has libssl/);
  assert.throws(() => libraryDepends([needs('libstdc++.so.6', 'GLIBCXX_3.4.99')]), /since which GCC/);
});

test('the changelog becomes one of Debian, with no line that is too long', () => {
  const releases = releasesIn(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'));
  const text = debianChangelog(releases, 'A <a@b.example>', new Date('2026-01-02T03:04:05Z'));
  assert.match(text, /^hawser-agent \(0\.1\.0\) unstable; urgency=medium\n\n {2}\* /);
  assert.match(text, /\n\n -- A <a@b\.example> {2}Fri, 02 Jan 2026 03:04:05 \+0000\n/);
  const words = /\S{77}/;
  assert.deepEqual(
    text.split('\n').filter((line) => line.length > 80 && !words.test(line)),
    [],
  );
  assert.doesNotMatch(text, /`|\]\(/);
  assert.throws(() => releasesIn('## soon\n- x\n'), /is not "## VERSION/);
  const [dated] = releasesIn('## 1.0.0 (2026-05-06)\n\n- One\n  more.\n');
  assert.deepEqual(dated, { version: '1.0.0', date: '2026-05-06', notes: ['One more.'] });
});

test('help in a man page stays as it is, whatever roff would make of its signs', () => {
  const help = "Usage: x\n\n.hidden \\n -o\n'quoted' `$x` a^b ~\n";
  const page = manPage({
    version: '1',
    date: new Date(0),
    help: 'Usage: x\n\nKeeps it.\n\nOptions:\n',
    commands: [{ name: 'run', help }],
  });
  assert.match(page, /^\\&\.hidden \\en \\-o$/m);
  assert.match(page, /^\\\(aqquoted\\\(aq \\\(ga\$x\\\(ga a\\\(hab \\\(ti$/m);
  assert.match(page, /^Keeps it\.$/m);
});
