import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canonicalize, MAX_BODY_BYTES, objectKey } from '@hawser/protocol';
import type { Observed } from '../merge/change.ts';
import { type KeptBody, ObjectStore, resourceOf } from './object-store.ts';

const KEY = objectKey('configmaps', 'shop', 'cart');

function observed(resourceVersion: string, data: Record<string, string>, uid = 'uid-1'): Observed {
  const text = JSON.stringify({ metadata: { name: 'cart', namespace: 'shop', uid, resourceVersion }, data });
  return { key: KEY, uid, resourceVersion, text, type: { apiVersion: 'v1', kind: 'ConfigMap' } };
}

function setUp() {
  const released: KeptBody[] = [];
  return { released, store: new ObjectStore((body) => released.push(body)) };
}

describe('the store', () => {
  test('keeps the canonical body and its hash of what is needed', () => {
    const { store } = setUp();
    const object = observed('7', { b: '2', a: '1' });
    store.put(object, true);
    const { body, version } = canonicalize(object.text ?? '', object.type);
    assert.deepEqual(store.get(KEY)?.body, { version, text: body });
    assert.deepEqual(store.stats(), { objects: { configmaps: 1 }, bodies: 1, bodyCharacters: body.length });
  });

  test('has no body of what is needed and came without its text', () => {
    const { store } = setUp();
    store.put({ ...observed('7', {}), text: undefined }, true);
    assert.equal(store.get(KEY)?.body, 'none');
  });

  test('keeps of what is not needed the version only, and does not read the text', () => {
    const { store } = setUp();
    store.put({ ...observed('7', {}), text: 'not even JSON' }, false);
    assert.deepEqual(store.get(KEY), {
      uid: 'uid-1',
      resourceVersion: '7',
      body: 'none',
      isFetched: false,
      isOrphaned: false,
      epochs: 0,
    });
  });

  test('tells of each body that it lets go, once', () => {
    const { store, released } = setUp();
    const bodies = [1, 2, 3].map((n) => {
      store.put(observed(String(n), { n: String(n) }), true);
      return store.get(KEY)?.body;
    });
    assert.deepEqual(released, bodies.slice(0, 2));
    store.dropBody(KEY);
    store.dropBody(KEY);
    assert.deepEqual(released, bodies);
    store.put(observed('4', {}), true);
    assert.equal(store.remove(KEY, 'uid-1'), true);
    assert.equal(released.length, 4);
    assert.deepEqual(store.stats(), { objects: { configmaps: 0 }, bodies: 0, bodyCharacters: 0 });
  });

  test('removes by uid', () => {
    const { store } = setUp();
    store.put(observed('7', {}, 'uid-2'), true);
    assert.equal(store.remove(KEY, 'uid-1'), false);
    assert.equal(store.get(KEY)?.uid, 'uid-2');
  });

  const unreadable: [string, Observed, string][] = [
    ['a text that is no JSON', { ...observed('8', {}), text: '{' }, 'malformed_object'],
    ['a text of another version', { ...observed('8', {}), text: observed('9', {}).text }, 'malformed_object'],
    ['a text of another uid', { ...observed('8', {}), text: observed('8', {}, 'uid-2').text }, 'malformed_object'],
    ['a body over the bound', observed('8', { x: 'x'.repeat(MAX_BODY_BYTES) }), 'too_large'],
  ];
  for (const [what, object, code] of unreadable) {
    test(`takes ${what} as a version that cannot be used, and keeps no older body under it`, () => {
      const { store, released } = setUp();
      store.put(observed('7', {}), true);
      assert.throws(() => store.put(object, true), { code });
      assert.equal(store.get(KEY)?.body, 'unusable');
      assert.equal(store.get(KEY)?.resourceVersion, '8');
      assert.equal(released.length, 1);
    });
  }
});

test('the resource of a key is what stands before namespace and name', () => {
  assert.equal(resourceOf(objectKey('nodes', '', 'edge-1')), 'nodes');
  assert.equal(resourceOf(objectKey('pods', 'shop', 'cart')), 'pods');
  assert.equal(resourceOf(objectKey('apps/deployments', 'shop', 'cart')), 'apps/deployments');
});
