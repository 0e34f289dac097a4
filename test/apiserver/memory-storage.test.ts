import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CompactedError, ConflictError, ExistsError, MissingError } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import fc from 'fast-check';
import { MemoryStorage } from './memory-storage.ts';

const key = (name: string, namespace = 'ns', resource = 'configmaps') => ({ resource, namespace, name });

function configMap(name: string, namespace = 'ns', value = '1'): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, uid: `uid-${name}` }, data: { value } };
}

function create(storage: MemoryStorage, name: string, namespace = 'ns', value = '1'): number {
  const object = storage.commit({ type: 'create', key: key(name, namespace), object: configMap(name, namespace, value) });
  return Number(object.metadata.resourceVersion);
}

function update(storage: MemoryStorage, name: string, expectedRevision: number, value: string): number {
  const object = storage.commit({
    type: 'update',
    key: key(name),
    expectedRevision,
    object: configMap(name, 'ns', value),
    subresource: '',
    intent: { verb: 'update' },
  });
  return Number(object.metadata.resourceVersion);
}

function remove(storage: MemoryStorage, name: string, expectedRevision: number): KubeObject {
  return storage.commit({
    type: 'delete',
    key: key(name),
    expectedRevision,
    expectedUid: `uid-${name}`,
    gracePeriodSeconds: undefined,
  });
}

const values = (objects: KubeObject[]) => objects.map((object) => [object.metadata.name, object.data]);

describe('MemoryStorage', () => {
  it('counts revisions up from the start revision over all resources', () => {
    const storage = new MemoryStorage({ startRevision: 1500 });
    assert.equal(storage.revision(), 1500);
    assert.equal(create(storage, 'a'), 1501);
    storage.commit({ type: 'create', key: key('n', '', 'nodes'), object: configMap('n', '') });
    assert.equal(create(storage, 'b'), 1503);
  });

  it('lists by namespace and then by name', () => {
    const storage = new MemoryStorage();
    for (const [name, namespace] of [
      ['b', 'z'],
      ['a', 'z'],
      ['c', 'a-b'],
      ['d', 'a'],
    ] as const)
      create(storage, name, namespace);
    assert.deepEqual(
      storage.list('configmaps').map((object) => `${object.metadata.namespace}/${object.metadata.name}`),
      ['a/d', 'a-b/c', 'z/a', 'z/b'],
    );
    assert.equal(storage.list('configmaps', 'z').length, 2);
  });

  it('refuses what does not fit the state', () => {
    const storage = new MemoryStorage();
    const revision = create(storage, 'a');
    assert.throws(() => create(storage, 'a'), ExistsError);
    assert.throws(() => update(storage, 'a', revision - 1, 'x'), ConflictError);
    assert.throws(() => update(storage, 'b', revision, 'x'), MissingError);
    assert.throws(
      () =>
        storage.commit({
          type: 'delete',
          key: key('a'),
          expectedRevision: revision,
          expectedUid: 'other',
          gracePeriodSeconds: 0,
        }),
      ConflictError,
    );
    assert.equal(storage.revision(), revision);
  });

  it('gives the deleted object the revision of its delete, and its last state as previous', () => {
    const storage = new MemoryStorage();
    const revision = create(storage, 'a');
    assert.equal(remove(storage, 'a', revision).metadata.resourceVersion, String(revision + 1));
    const change = storage.changesAfter('configmaps', revision)[0];
    assert.equal(change?.type, 'DELETED');
    assert.equal(change?.previous?.metadata.resourceVersion, String(revision));
  });

  it('tells changes in order even when a listener commits', () => {
    const storage = new MemoryStorage();
    const seen: number[] = [];
    storage.subscribe('configmaps', (change) => {
      if (change.key.name === 'a') create(storage, 'made-by-listener');
    });
    storage.subscribe('configmaps', (change) => seen.push(change.revision));
    create(storage, 'a');
    assert.deepEqual(seen, [2, 3]);
  });

  it('forgets the oldest changes at the bound', () => {
    const storage = new MemoryStorage({ changeLogLimit: 3 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) create(storage, name);
    assert.equal(storage.compactedRevision(), 3);
    assert.throws(() => storage.changesAfter('configmaps', 2), CompactedError);
    assert.throws(() => storage.listAt('configmaps', 2), CompactedError);
    assert.equal(storage.changesAfter('configmaps', 3).length, 3);
    assert.equal(storage.listAt('configmaps', 3).length, 2);
  });

  it('rewinds to an older state', () => {
    const storage = new MemoryStorage();
    const revision = create(storage, 'a');
    update(storage, 'a', revision, 'changed');
    create(storage, 'b');
    storage.rewind(revision);
    assert.equal(storage.revision(), revision);
    assert.deepEqual(values(storage.list('configmaps')), [['a', { value: '1' }]]);
    assert.equal(create(storage, 'c'), revision + 1);
  });

  it('lists the past as it was, whatever was written since', () => {
    const operation = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      remove: fc.boolean(),
      value: fc.string({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const storage = new MemoryStorage();
        const then: [number, unknown][] = [];
        for (const { name, remove: removes, value } of operations) {
          const current = storage.get(key(name));
          const revision = Number(current?.metadata.resourceVersion);
          if (current === undefined) create(storage, name, 'ns', value);
          else if (removes) remove(storage, name, revision);
          else update(storage, name, revision, value);
          then.push([storage.revision(), values(storage.list('configmaps'))]);
        }
        for (const [revision, state] of then) assert.deepEqual(values(storage.listAt('configmaps', revision)), state);
      }),
    );
  });
});
