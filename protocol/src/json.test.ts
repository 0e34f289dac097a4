import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalize } from './canonical.ts';
import { parseJson } from './json.ts';

test('text that is no JSON is refused by its length, and nothing of it is said', () => {
  for (const text of ['hunter2', '{"password":"hunter2"', '["hunter2" hunter2]', '']) {
    assert.throws(
      () => parseJson(text),
      (error) =>
        error instanceof SyntaxError && !error.message.includes('hunter2') && error.message.includes(String(text.length)),
    );
  }
  assert.deepEqual(parseJson('{"a":[1,null]}'), { a: [1, null] });
});

test('an object that is no JSON is told of with none of its text, in no cause either', () => {
  assert.throws(
    () => canonicalize('{"kind":"Secret","data":hunter2}'),
    (error) => {
      for (let cause = error; cause instanceof Error; cause = cause.cause) assert.doesNotMatch(cause.message, /hunter/);
      return true;
    },
  );
});

test('texts from outside are read by no other function', () => {
  const root = join(import.meta.dirname, '..', '..');
  const own = ['protocol/src/json.ts'];
  for (const workspace of ['protocol', 'cloud', 'edge', 'settings']) {
    for (const name of readdirSync(join(root, workspace, 'src'), { recursive: true, encoding: 'utf8' })) {
      const path = `${workspace}/src/${name}`;
      if (!/(?<!\.test)\.ts$/.test(name) || name.includes('model') || name.includes('test') || own.includes(path)) continue;
      const isUsed = /JSON\.parse\((?!JSON\.stringify)/.test(readFileSync(join(root, path), 'utf8'));
      assert.equal(isUsed, false, `${path}: JSON.parse quotes the text in its errors; take parseJson`);
    }
  }
});
