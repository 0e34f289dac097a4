import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { neededBy } from './needed.ts';

test("the libraries and the loader that Node's own program names", () => {
  const { libraries, loader } = neededBy(readFileSync(process.execPath));
  assert.ok(libraries.includes('libc.so.6') && libraries.includes('libstdc++.so.6'), libraries.join());
  assert.match(loader ?? '', /^\/lib(64)?\/ld-linux-/);
});

test('another file is refused, and one that is cut off', () => {
  const program = readFileSync(process.execPath);
  assert.throws(() => neededBy(Buffer.from('#!/bin/sh\n')));
  assert.throws(() => neededBy(program.subarray(0, 100)));
  const half = Buffer.from(program.subarray(0, 64));
  half.writeUInt16LE(0, 56);
  assert.throws(() => neededBy(half), /no dynamic section/);
});
