import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bodyHash, encodeBody, MAX_BODY_BYTES } from '@hawser/protocol';
import { digestOf } from './held-set.ts';
import { CLUSTER, keyText, removal, served, storageKey, testObject, testStore, touch, upsert } from './testing.ts';
import type { EdgeStore, ResolvedOperation } from './types.ts';

const MAP = storageKey('configmaps', 'settings');

function settings(resourceVersion: string, data: Readonly<Record<string, string>>, uid = 'uid-1'): ResolvedOperation {
  return upsert(MAP, resourceVersion, testObject(MAP, uid, { data }));
}

/** Version 2 with that body, whatever it is. */
function withBody(body: string): ResolvedOperation {
  const version = { uid: 'uid-1', resourceVersion: '2', hash: bodyHash(body) };
  return { key: keyText(MAP), change: { type: 'upsert', version, body: encodeBody(body) } };
}

/** The same operation with one field of its change replaced. */
function altered(operation: ResolvedOperation, fields: object): ResolvedOperation {
  return { ...operation, change: { ...operation.change, ...fields } };
}

function apply(store: EdgeStore, ...operations: ResolvedOperation[]) {
  const result = store.applyBatch(CLUSTER, operations);
  assert.equal(result.digest, digestOf(store.inventory()).toString(), 'kept in step');
  assert.equal(result.digest, store.digest());
  return result.nacks;
}

describe('a batch', () => {
  it('is applied in order, and local watchers hear of it', (t) => {
    const store = testStore(t);
    const heard: string[] = [];
    store.storage.subscribe('configmaps', ({ type, object }) => heard.push(`${type} ${Object(object.data).a}`));
    assert.deepEqual(apply(store, settings('1', { a: '1' }), settings('2', { a: '2' }), settings('3', { a: '3' })), []);
    assert.deepEqual(heard, ['ADDED 1', 'MODIFIED 2', 'MODIFIED 3']);
    apply(store, removal(MAP, 'uid-1'));
    assert.deepEqual(heard.slice(3), ['DELETED 3']);
    assert.equal(store.objectCount(), 0);
  });

  it('makes no change where only the version differs', (t) => {
    const store = testStore(t);
    apply(store, settings('1', { a: '1' }));
    const before = { revision: store.storage.revision(), digest: store.digest() };
    apply(store, touch(MAP, '2'), settings('3', { a: '1' }));
    assert.equal(store.storage.revision(), before.revision);
    assert.notEqual(store.digest(), before.digest);
    assert.equal([...store.inventory()][0]?.version.resourceVersion, '3');
  });

  it('shows another uid under a key as a delete and an add', (t) => {
    const store = testStore(t);
    apply(store, settings('1', { a: '1' }, 'uid-1'));
    const revision = store.storage.revision();
    apply(store, settings('2', { a: '1' }, 'uid-2'));
    const changes = store.storage.changesAfter('configmaps', revision);
    assert.deepEqual(
      changes.map(({ type, object }) => [type, object.metadata.uid]),
      [
        ['DELETED', 'uid-1'],
        ['ADDED', 'uid-2'],
      ],
    );
  });

  it('ignores the delete of a predecessor and of what is not there', (t) => {
    const store = testStore(t);
    assert.deepEqual(
      apply(store, settings('2', { a: '2' }, 'uid-2'), removal(MAP, 'uid-1'), removal(storageKey('pods', 'x'), 'y')),
      [],
    );
    assert.equal(served(store, MAP).metadata.uid, 'uid-2');
  });

  it('keeps numbers and unknown fields as the cloud wrote them', (t) => {
    const store = testStore(t);
    const body =
      '{"apiVersion":"v1","big":12345678901234567890,"kind":"ConfigMap","metadata":{"name":"settings","namespace":"default","uid":"uid-1"}}';
    assert.deepEqual(apply(store, withBody(body)), []);
    assert.equal([...store.inventory()][0]?.version.hash, bodyHash(body));
  });
});

describe('an operation that cannot be taken', () => {
  const cases: Readonly<Record<string, [ResolvedOperation, string]>> = {
    'has a body of another hash': [
      altered(settings('2', { a: '2' }), { version: { uid: 'uid-1', resourceVersion: '2', hash: '0'.repeat(16) } }),
      'hashMismatch',
    ],
    'is no JSON': [withBody('nonsense'), 'malformed'],
    'is no object': [withBody('[]'), 'malformed'],
    'has no name': [withBody('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"uid":"uid-1"}}'), 'malformed'],
    'is another object': [
      withBody('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"default","uid":"uid-1"}}'),
      'malformed',
    ],
    'is of another kind': [
      withBody('{"apiVersion":"v1","kind":"Pod","metadata":{"name":"settings","namespace":"default","uid":"uid-1"}}'),
      'malformed',
    ],
    'has another uid': [
      withBody('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"default","uid":"u"}}'),
      'malformed',
    ],
    'has no uid': [
      withBody('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"default"}}'),
      'malformed',
    ],
    'does not unpack': [
      altered(settings('2', {}), { body: { encoding: 'zstd', bytes: Buffer.from('xx'), size: 10 } }),
      'malformed',
    ],
    'claims to be too large': [
      altered(settings('2', {}), { body: { encoding: 'zstd', bytes: Buffer.from('xx'), size: MAX_BODY_BYTES + 1 } }),
      'tooLarge',
    ],
  };
  for (const [name, [operation, reason]] of Object.entries(cases)) {
    it(`${name}: is refused by key, counted, and changes nothing that is served`, (t) => {
      const store = testStore(t);
      const other = storageKey('configmaps', 'other');
      apply(store, settings('1', { a: '1' }));
      const nacks = apply(store, operation, upsert(other, '5', testObject(other, 'uid-o')));
      assert.deepEqual(
        nacks.map((nack) => [nack.operation, nack.reason]),
        [[0, reason]],
      );
      assert.deepEqual(served(store, MAP).data, { a: '1' }, 'an error never stands for an object or for its absence');
      assert.ok(served(store, other), 'the rest stands');
      const held = [...store.inventory()].find(({ key }) => key === keyText(MAP));
      assert.deepEqual(
        { refused: held?.refused, resourceVersion: held?.version.resourceVersion },
        { refused: true, resourceVersion: '2' },
      );
      assert.equal(apply(store, touch(MAP, '3'))[0]?.reason, 'baseUnknown');
      assert.deepEqual(apply(store, settings('4', { a: '4' })), [], 'the next good version heals it');
      assert.deepEqual(served(store, MAP).data, { a: '4' });
      assert.ok([...store.inventory()].every(({ refused }) => !refused));
    });
  }

  it('is kept as a version without a body when it is new, and can be deleted', (t) => {
    const store = testStore(t);
    apply(store, withBody('nonsense'));
    assert.equal(store.storage.get(MAP), undefined);
    assert.equal(store.objectCount(), 1);
    apply(store, removal(MAP, 'uid-1'));
    assert.equal(store.objectCount(), 0);
  });

  it('takes a predecessor of another uid away', (t) => {
    const store = testStore(t);
    apply(store, settings('1', { a: '1' }, 'uid-0'), withBody('nonsense'));
    assert.equal(store.storage.get(MAP), undefined);
  });

  it('is a touch of something unknown: refused, and nothing is counted', (t) => {
    const store = testStore(t);
    assert.deepEqual(
      apply(store, touch(MAP, '2')).map(({ reason }) => reason),
      ['baseUnknown'],
    );
    assert.equal(store.objectCount(), 0);
  });
});

describe('the cluster that a store belongs to', () => {
  it('is asked before anything is applied', (t) => {
    const store = testStore(t);
    assert.throws(() => store.applyBatch('another', [settings('1', {})]), { code: 'wrong_cluster' });
    assert.throws(() => store.bindCluster('another'), { code: 'wrong_cluster' });
    assert.equal(store.objectCount(), 0);
    assert.equal(store.identity().clusterUid, CLUSTER);
  });
});

it('200 objects of 1 KB in one batch', (t) => {
  const store = testStore(t);
  const data = { text: 'x'.repeat(700), more: 'abcdefghij'.repeat(30) };
  const operations = Array.from({ length: 200 }, (_, n) => {
    const key = storageKey('configmaps', `map-${n}`);
    return upsert(key, String(n + 1), testObject(key, `uid-${n}`, { data: { ...data, n: String(n) } }));
  });
  const start = performance.now();
  apply(store, ...operations);
  t.diagnostic(`applied in ${(performance.now() - start).toFixed(1)} ms`);
  assert.equal(store.storage.list('configmaps').length, 200);
});
