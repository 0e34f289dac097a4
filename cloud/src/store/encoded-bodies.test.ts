import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBody } from '@hawser/protocol';
import { EncodedBodies } from './encoded-bodies.ts';
import type { KeptBody } from './object-store.ts';

function body(text: string): KeptBody {
  return { version: { uid: 'u', resourceVersion: '1', hash: '0'.repeat(16) }, text };
}

test('a body is encoded once, and the same bytes go to all', () => {
  const encoded = new EncodedBodies(10_000);
  const kept = body('x'.repeat(1_000));
  assert.equal(encoded.get(kept), encoded.get(kept));
  assert.equal(decodeBody(encoded.get(kept)), kept.text);
});

test('two bodies of equal text are two', () => {
  const encoded = new EncodedBodies(10_000);
  assert.notEqual(encoded.get(body('same')), encoded.get(body('same')));
});

test('at the bound the least recently used are forgotten', () => {
  const encoded = new EncodedBodies(300);
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((letter) => body(letter.repeat(100)));
  assert.ok(a && b && c && d);
  const first = [a, b, c].map((kept) => encoded.get(kept));
  assert.equal(encoded.bytes, 300);
  assert.equal(encoded.get(a), first[0]);
  encoded.get(d);
  assert.equal(encoded.bytes, 300);
  assert.equal(encoded.get(a), first[0], 'used lately');
  assert.notEqual(encoded.get(b), first[1], 'forgotten');
});

test('a body larger than the bound is encoded and not kept', () => {
  const encoded = new EncodedBodies(10);
  const kept = body('abcdefghijklmnopq');
  assert.equal(decodeBody(encoded.get(kept)), kept.text);
  assert.equal(encoded.bytes, 0);
});

test('what is forgotten frees its bytes, once', () => {
  const encoded = new EncodedBodies(1_000);
  const kept = body('abc');
  encoded.get(kept);
  encoded.forget(kept);
  encoded.forget(kept);
  assert.equal(encoded.bytes, 0);
});
