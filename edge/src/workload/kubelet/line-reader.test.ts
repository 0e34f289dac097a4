import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLineReader } from './line-reader.ts';

function read(...chunks: (string | Buffer)[]): string[] {
  const lines: string[] = [];
  const reader = createLineReader((line) => lines.push(line));
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  reader.end();
  return lines;
}

test('lines are the same however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[^\p{Cc}]{1,40}$/u), { maxLength: 10 }),
      fc.array(fc.nat(400), { maxLength: 10 }),
      (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        assert.deepEqual(
          read(...chunks),
          lines.map((line) => line.toWellFormed()),
        );
      },
    ),
  );
});

test('empty lines are left out, the last one needs no end', () => {
  assert.deepEqual(read('a\n\n\r\nb\r\nc'), ['a', 'b', 'c']);
});

test('a line that has no end is cut, and no more of it is held', () => {
  const [line, next] = read('x'.repeat(3_000), 'y'.repeat(3_000), 'z'.repeat(100_000), '\nnext\n');
  assert.equal(line, `${'x'.repeat(3_000)}${'y'.repeat(1_096)}… (101904 more)`);
  assert.equal(next, 'next');
});

test('what a terminal would obey is taken out', () => {
  assert.deepEqual(read('a\u001b[2Jb\tc\u0007\n'), ['a [2Jb c ']);
});
