import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { minified } from './minify.ts';

test('a program loses its comments and its layout, and does what it did', async () => {
  const source = [
    '#!/usr/bin/env node',
    '/*! kept by others */ // a remark',
    '(function () {',
    '  "use strict";',
    '  const text = `two  // lines',
    '   of text`;',
    '  return [text, "\\u{1f600}", this === undefined];',
    '})()',
  ].join('\n');
  const small = await minified(source);
  assert.match(small, /^#!\/usr\/bin\/env node\n/);
  assert.doesNotMatch(small, /kept by others|a remark|\n {2}return/);
  assert.match(small, /^[\x20-\x7e\n]*$/, 'a character that is not ASCII costs a byte for each of the others');
  assert.deepEqual([...runInNewContext(small)], ['two  // lines\n   of text', '\u{1f600}', true]);
});

test('names stand in traces, and no line is so long that it could not be shown with an error', async () => {
  const lines = Array.from({ length: 500 }, (_, index) => `function value${index}(given) { return given.unknown + ${index}; }`);
  const small = await minified(`${lines.join('\n')}\nvalue499(undefined);`);
  assert.throws(
    () => runInNewContext(small),
    ({ stack }: { stack: string }) => /at value499 /.test(stack),
  );
  assert.ok(Math.max(...small.split('\n').map(({ length }) => length)) < 250);
});
