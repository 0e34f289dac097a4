import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyDelta, DICTIONARIES, decodeBody } from '@hawser/protocol';
import { EncodedBodies } from './encoded-bodies.ts';
import type { KeptBody } from './object-store.ts';

const [DICTIONARY] = DICTIONARIES;

function body(text: string): KeptBody {
  return { version: { uid: 'u', resourceVersion: '1', hash: '0'.repeat(16) }, text };
}

function base(hash: string, text: string) {
  return { hash, text };
}

test('a body is encoded once, and the same bytes go to all', () => {
  const encoded = new EncodedBodies(10_000);
  const kept = body('x'.repeat(1_000));
  assert.equal(encoded.whole(kept, undefined, true), encoded.whole(kept, undefined, true));
  assert.equal(decodeBody(encoded.whole(kept, undefined, true)), kept.text);
  assert.equal(encoded.encodings, 1);
});

test('a body is encoded once for each dictionary and for each base', () => {
  const encoded = new EncodedBodies(10_000);
  const kept = body('{"apiVersion":"v1","kind":"ConfigMap","n":2}');
  const bases = [base('1'.repeat(16), kept.text.replace('2', '0')), base('2'.repeat(16), kept.text.replace('2', '1'))];
  for (let n = 0; n < 3; n += 1) {
    assert.equal(decodeBody(encoded.whole(kept, undefined, true)), kept.text);
    assert.equal(decodeBody(encoded.whole(kept, DICTIONARY, true)), kept.text);
    for (const one of bases) assert.equal(applyDelta(one.text, encoded.delta(kept, one, true)), kept.text);
  }
  assert.equal(encoded.encodings, 4);
});

test('two bodies of equal text are two', () => {
  const encoded = new EncodedBodies(10_000);
  assert.notEqual(encoded.whole(body('same'), undefined, true), encoded.whole(body('same'), undefined, true));
});

test('at the bound the least recently used are forgotten', () => {
  const encoded = new EncodedBodies(300);
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((letter) => body(letter.repeat(100)));
  assert.ok(a && b && c && d);
  const first = [a, b, c].map((kept) => encoded.whole(kept, undefined, true));
  assert.equal(encoded.bytes, 300);
  assert.equal(encoded.whole(a, undefined, true), first[0]);
  encoded.whole(d, undefined, true);
  assert.equal(encoded.bytes, 300);
  assert.equal(encoded.whole(a, undefined, true), first[0], 'used lately');
  assert.notEqual(encoded.whole(b, undefined, true), first[1], 'forgotten');
});

test('a body is forgotten with all its encodings', () => {
  const encoded = new EncodedBodies(10_000);
  const kept = body('abc'.repeat(100));
  const first = encoded.whole(kept, undefined, true);
  encoded.whole(kept, DICTIONARY, true);
  encoded.delta(kept, base('1'.repeat(16), 'abc'), true);
  encoded.forget(kept);
  assert.equal(encoded.bytes, 0);
  assert.notEqual(encoded.whole(kept, undefined, true), first);
});

test('a body larger than the bound is encoded and not kept', () => {
  const encoded = new EncodedBodies(10);
  const kept = body('abcdefghijklmnopq');
  assert.equal(decodeBody(encoded.whole(kept, undefined, true)), kept.text);
  assert.equal(encoded.bytes, 0);
});

test('what is forgotten frees its bytes, once', () => {
  const encoded = new EncodedBodies(1_000);
  const kept = body('abc');
  encoded.whole(kept, undefined, true);
  encoded.forget(kept);
  encoded.forget(kept);
  assert.equal(encoded.bytes, 0);
});

test('what only one session needs is encoded and not kept, and what is kept already serves it', () => {
  const encoded = new EncodedBodies(10_000);
  const [own, common] = [body('own'), body('common')];
  assert.equal(decodeBody(encoded.whole(own, DICTIONARY, false)), 'own');
  assert.equal(applyDelta('owm', encoded.delta(own, base('1'.repeat(16), 'owm'), false)), 'own');
  assert.deepEqual([encoded.bytes, encoded.encodings], [0, 2]);
  const kept = encoded.whole(common, undefined, true);
  assert.equal(encoded.whole(common, undefined, false), kept);
  assert.equal(encoded.encodings, 3);
});
