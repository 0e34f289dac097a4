import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTokenCheck } from './token-check.ts';
import type { Tokens } from './token-files.ts';

const FIRST: Tokens = { administrator: 'a1', viewer: 'v1', kubelet: 'k1' };
const SECOND: Tokens = { administrator: 'a2', viewer: 'v2', kubelet: 'k2' };

/** A check over tokens that may be changed, at a time that the test sets. */
function running() {
  let at = 0;
  let written: Tokens | undefined;
  const counts = { looks: 0, changes: 0 };
  const check = createTokenCheck({
    tokens: FIRST,
    changed() {
      counts.looks += 1;
      const found = written;
      written = undefined;
      return found;
    },
    now: () => at,
    onChange: () => {
      counts.changes += 1;
    },
  });
  return {
    check,
    counts,
    pass: (ms: number) => {
      at += ms;
    },
    write: (tokens: Tokens) => {
      written = tokens;
    },
  };
}

test("a token is its holder's, and what is no token is nobody's", () => {
  const { check } = running();
  assert.deepEqual(['a1', 'v1', 'k1', 'a', '', 'a11', 'A1'].map(check), [
    'administrator',
    'viewer',
    'kubelet',
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('a new token is good at once, and the old ones of people are not good any more', () => {
  const { check, counts, write } = running();
  write(SECOND);
  assert.equal(check('a2'), 'administrator');
  assert.deepEqual(['a1', 'v1', 'v2', 'k2'].map(check), [undefined, undefined, 'viewer', 'kubelet']);
  assert.equal(counts.changes, 1);
});

test('old tokens are good for a second at most where nobody shows a new one', () => {
  const { check, pass, write } = running();
  write(SECOND);
  assert.equal(check('a1'), 'administrator');
  pass(1_000);
  assert.equal(check('a1'), undefined);
});

test('the former token of a kubelet is good until it has read its file again', () => {
  const { check, pass, write } = running();
  write(SECOND);
  pass(1_000);
  assert.equal(check('k1'), 'kubelet');
  pass(60_000);
  assert.deepEqual([check('k1'), check('k2')], ['kubelet', 'kubelet']);
  pass(60_000);
  assert.deepEqual([check('k1'), check('k2')], [undefined, 'kubelet']);
});

test('only the last former token of a kubelet is good', () => {
  const { check, write } = running();
  write(SECOND);
  check('k2');
  write({ ...SECOND, kubelet: 'k3' });
  check('k3');
  assert.deepEqual(['k1', 'k2', 'k3'].map(check), [undefined, 'kubelet', 'kubelet']);
});

test('files are looked at once a second while known tokens are shown', () => {
  const { check, counts, pass } = running();
  for (let request = 0; request < 100; request++) {
    check('k1');
    pass(100);
  }
  assert.equal(counts.looks, 9);
});
