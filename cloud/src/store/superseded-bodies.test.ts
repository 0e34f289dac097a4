import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SupersededBodies } from './superseded-bodies.ts';

test('a superseded body is found by its hash', () => {
  const bodies = new SupersededBodies(100);
  bodies.add('a', 'text of a');
  assert.equal(bodies.get('a'), 'text of a');
  assert.equal(bodies.get('b'), undefined);
});

test('at the bound the oldest go, and one that was superseded again is not old', () => {
  const bodies = new SupersededBodies(30);
  for (const hash of ['a', 'b', 'c']) bodies.add(hash, hash.repeat(10));
  bodies.add('a', 'a'.repeat(10));
  assert.deepEqual([bodies.bytes, bodies.count], [30, 3], 'each text once');
  bodies.add('d', 'd'.repeat(10));
  assert.deepEqual([bodies.bytes, bodies.count], [30, 3]);
  assert.equal(bodies.get('b'), undefined);
  assert.equal(bodies.get('a'), 'a'.repeat(10));
});

test('the bound is in bytes of UTF-8', () => {
  const bodies = new SupersededBodies(10);
  bodies.add('a', 'ääääää');
  assert.equal(bodies.get('a'), undefined);
  bodies.add('b', 'äääää');
  assert.equal(bodies.bytes, 10);
});

test('what is larger than the ring alone, or a ring of no bytes, keeps nothing', () => {
  const bodies = new SupersededBodies(0);
  bodies.add('a', 'text');
  assert.deepEqual([bodies.get('a'), bodies.bytes, bodies.count], [undefined, 0, 0]);
});
