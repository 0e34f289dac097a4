import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import fc from 'fast-check';
import { LineSplitter } from './lines.ts';

function split(chunks: readonly Uint8Array[], max = 1000): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter(max, 'a line');
  for (const chunk of chunks) splitter.push(chunk, (line) => lines.push(Buffer.from(line).toString()));
  return lines;
}

test('lines come out whole wherever the chunks end, and empty ones do not', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replaceAll('\n', ''));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), fc.array(fc.nat(200)), (lines, places) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const cuts = [0, ...places.sort((a, b) => a - b), bytes.length];
      const chunks = cuts.slice(1).map((to, i) => bytes.subarray(cuts[i], to));
      assert.deepEqual(
        split(chunks),
        lines.filter((text) => text !== ''),
      );
    }),
  );
});

test('what comes after the last line break is no line', () => {
  assert.deepEqual(split([Buffer.from('one\ntw'), Buffer.from('o\nthree')]), ['one', 'two']);
});

test('a line over its bound is refused, in one chunk or many, ended or not', () => {
  const tooLarge = (error: unknown) => error instanceof HawserError && error.code === 'too_large';
  assert.throws(() => split([Buffer.from(`${'x'.repeat(1001)}\n`)]), tooLarge);
  assert.throws(() => split(Array.from({ length: 11 }, () => Buffer.from('x'.repeat(100)))), tooLarge);
  assert.deepEqual(split([Buffer.from(`${'x'.repeat(1000)}\n`)]), ['x'.repeat(1000)]);
});
