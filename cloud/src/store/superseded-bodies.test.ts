import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeptBody } from './object-store.ts';
import { SupersededBodies } from './superseded-bodies.ts';

function body(hash: string, text: string): KeptBody {
  return { version: { uid: `uid-${hash}`, resourceVersion: '1', hash }, text };
}

test('a superseded body is found by its hash', () => {
  const bodies = new SupersededBodies(100);
  bodies.add(body('a', 'text of a'));
  assert.equal(bodies.get('uid-a', 'a')?.text, 'text of a');
  assert.equal(bodies.get('uid-b', 'b')?.text, undefined);
});

test('what an agent says that it holds of one object is no way to another', () => {
  const bodies = new SupersededBodies(100);
  bodies.add(body('a', 'secret'));
  assert.equal(bodies.get('uid-b', 'a'), undefined);
});

test('at the bound the oldest go, and one that was superseded again is not old', () => {
  const bodies = new SupersededBodies(30);
  for (const hash of ['a', 'b', 'c']) bodies.add(body(hash, hash.repeat(10)));
  bodies.add(body('a', 'a'.repeat(10)));
  assert.deepEqual([bodies.bytes, bodies.count], [30, 3], 'each text once');
  bodies.add(body('d', 'd'.repeat(10)));
  assert.deepEqual([bodies.bytes, bodies.count], [30, 3]);
  assert.equal(bodies.get('uid-b', 'b')?.text, undefined);
  assert.equal(bodies.get('uid-a', 'a')?.text, 'a'.repeat(10));
});

test('the bound is in bytes of UTF-8', () => {
  const bodies = new SupersededBodies(10);
  bodies.add(body('a', 'ääääää'));
  assert.equal(bodies.get('uid-a', 'a')?.text, undefined);
  bodies.add(body('b', 'äääää'));
  assert.equal(bodies.bytes, 10);
});

test('what is larger than the ring alone, or a ring of no bytes, keeps nothing', () => {
  const bodies = new SupersededBodies(0);
  bodies.add(body('a', 'text'));
  assert.deepEqual([bodies.get('uid-a', 'a')?.text, bodies.bytes, bodies.count], [undefined, 0, 0]);
});
