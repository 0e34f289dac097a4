import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { CompactedError, ConflictError, ExistsError, MissingError, type Storage } from '../api/storage.ts';
import { create, openTestStore, remove, served, storageKey, temporaryFolder, testObject, testStore, update } from './testing.ts';
import type { EdgeStore } from './types.ts';

const key = (name: string, namespace = 'ns', resource = 'configmaps') => storageKey(resource, name, namespace);

function made(store: EdgeStore, name: string, namespace = 'ns', value = '1'): number {
  return Number(create(store, key(name, namespace), `uid-${name}`, { data: { value } }).metadata.resourceVersion);
}

function changed(store: EdgeStore, name: string, value: string): number {
  return Number(update(store, { ...served(store, key(name)), data: { value } }, key(name)).metadata.resourceVersion);
}

const values = (objects: ReturnType<Storage['list']>) => objects.map(({ metadata, data }) => [metadata.name, data]);

describe('the local API’s storage', () => {
  it('counts revisions up over all resources, from a place that no other file shares', (t) => {
    const store = testStore(t);
    const start = store.storage.revision();
    assert.ok(start > 0 && start % 2 ** 32 === 0 && start < 2 ** 52, String(start));
    assert.equal(store.storage.compactedRevision(), start);
    assert.equal(made(store, 'a'), start + 1);
    create(store, storageKey('nodes', 'n', ''), 'uid-n');
    assert.equal(made(store, 'b'), start + 3);
    assert.equal(served(store, key('b')).metadata.resourceVersion, String(start + 3));
  });

  it('lists by namespace and then by name', (t) => {
    const store = testStore(t);
    const order: [string, string][] = [
      ['b', 'z'],
      ['a', 'z'],
      ['c', 'a-b'],
      ['d', 'a'],
    ];
    for (const [name, namespace] of order) made(store, name, namespace);
    assert.deepEqual(
      store.storage.list('configmaps').map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
      ['a/d', 'a-b/c', 'z/a', 'z/b'],
    );
    assert.equal(store.storage.list('configmaps', 'z').length, 2);
    assert.deepEqual(store.storage.list('pods'), []);
  });

  it('refuses what does not fit the state, and changes nothing', (t) => {
    const store = testStore(t);
    const revision = made(store, 'a');
    const object = testObject(key('a'), 'uid-a', { data: { value: 'x' } });
    const write = { subresource: '', intent: { verb: 'update' }, object } as const;
    const commit = (name: string, expectedRevision: number) =>
      store.storage.commit({ type: 'update', key: key(name), expectedRevision, ...write });
    const erase = (name: string, expectedRevision: number, expectedUid: string) =>
      store.storage.commit({ type: 'delete', key: key(name), expectedRevision, expectedUid, gracePeriodSeconds: 0 });
    assert.throws(() => made(store, 'a'), ExistsError);
    assert.throws(() => commit('a', revision - 1), ConflictError);
    assert.throws(() => commit('b', revision), MissingError);
    assert.throws(() => erase('a', revision, 'other'), ConflictError);
    assert.throws(() => erase('a', revision - 1, 'uid-a'), ConflictError);
    assert.throws(() => erase('b', revision, 'uid-b'), MissingError);
    assert.equal(store.storage.revision(), revision);
    assert.equal(store.outbox.count(), 1);
  });

  it('answers a write with what it serves', (t) => {
    const store = testStore(t);
    const answer = create(store, key('a'), 'uid-a', { data: { value: '1' } });
    assert.deepEqual(answer, store.storage.get(key('a')));
    const second = update(store, { ...answer, data: { value: '2' } }, key('a'));
    assert.deepEqual(second, store.storage.get(key('a')));
    assert.deepEqual(second.data, { value: '2' });
  });

  it('gives the deleted object the revision of its delete, and its last state as previous', (t) => {
    const store = testStore(t);
    const revision = made(store, 'a');
    assert.equal(remove(store, key('a')).metadata.resourceVersion, String(revision + 1));
    const [change] = store.storage.changesAfter('configmaps', revision);
    assert.equal(change?.type, 'DELETED');
    assert.equal(change.object.metadata.resourceVersion, String(revision + 1));
    assert.equal(change.previous?.metadata.resourceVersion, String(revision));
    assert.deepEqual(change.object.data, { value: '1' });
  });

  it('tells changes in order even when a listener writes, and after they are on disk', (t) => {
    const store = testStore(t);
    const start = store.storage.revision();
    const seen: number[] = [];
    store.storage.subscribe('configmaps', (change) => {
      if (change.key.name === 'a') made(store, 'made-by-listener');
    });
    const end = store.storage.subscribe('configmaps', (change) => {
      assert.equal(store.storage.get(change.key)?.metadata.resourceVersion, String(change.revision));
      seen.push(change.revision);
    });
    store.storage.subscribeRevision((revision) => seen.push(-revision));
    made(store, 'a');
    assert.deepEqual(seen, [start + 1, -(start + 1), start + 2, -(start + 2)]);
    end();
    made(store, 'b');
    assert.equal(seen.length, 5);
  });

  it('goes on after a listener that throws', (t) => {
    const store = testStore(t);
    let heard = 0;
    store.storage.subscribe('configmaps', () => {
      throw new Error('on purpose');
    });
    store.storage.subscribe('configmaps', () => heard++);
    made(store, 'a');
    assert.equal(heard, 1);
  });

  it('forgets the oldest changes at the bound, and keeps every state that is served', (t) => {
    const store = testStore(t, { changeLogEntries: 3 });
    const start = store.storage.revision();
    for (const name of ['a', 'b', 'c', 'd', 'e']) made(store, name);
    assert.equal(store.storage.compactedRevision(), start + 2);
    assert.throws(() => store.storage.changesAfter('configmaps', start + 1), CompactedError);
    assert.throws(() => store.storage.listAt('configmaps', start + 1), CompactedError);
    assert.equal(store.storage.changesAfter('configmaps', start + 2).length, 3);
    assert.equal(store.storage.listAt('configmaps', start + 2).length, 2);
    assert.equal(store.storage.list('configmaps').length, 5);
    changed(store, 'a', '2');
    const [change] = store.storage.changesAfter('configmaps', start + 5);
    assert.deepEqual(change?.previous?.data, { value: '1' }, 'of before the bound');
  });

  it('forgets them at the bound of their size too, but for the newest', (t) => {
    const store = testStore(t, { changeLogSize: 1_000 });
    const start = store.storage.revision();
    made(store, 'a', 'ns', 'x'.repeat(5_000));
    assert.equal(store.storage.compactedRevision(), start);
    made(store, 'b', 'ns', 'x'.repeat(600));
    assert.equal(store.storage.compactedRevision(), start + 1);
  });

  it('goes on after a restart where it was', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const limits = { changeLogEntries: 4 };
    const store = openTestStore(path, limits);
    for (const name of ['a', 'b', 'c']) made(store, name);
    changed(store, 'a', '2');
    changed(store, 'a', '3');
    remove(store, key('b'));
    const before = { compacted: store.storage.compactedRevision(), revision: store.storage.revision() };
    const changes = store.storage.changesAfter('configmaps', before.compacted);
    store.close();
    const reopened = openTestStore(path, limits);
    t.after(() => reopened.close());
    assert.deepEqual({ compacted: reopened.storage.compactedRevision(), revision: reopened.storage.revision() }, before);
    assert.deepEqual(reopened.storage.changesAfter('configmaps', before.compacted), changes);
    assert.equal(made(reopened, 'd'), before.revision + 1);
  });

  it('lists the past as it was, whatever was written since, with no more rows than the bounds allow', (t) => {
    const folder = temporaryFolder(t);
    const operation = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      remove: fc.boolean(),
      value: fc.string({ maxLength: 3 }),
    });
    let run = 0;
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 25 }), fc.integer({ min: 1, max: 12 }), (operations, changeLogEntries) => {
        const store = openTestStore(join(folder, `${run++}.db`), { changeLogEntries });
        try {
          const then: [number, unknown][] = [];
          for (const { name, remove: removes, value } of operations) {
            if (store.storage.get(key(name)) === undefined) made(store, name, 'ns', value);
            else if (removes) remove(store, key(name));
            else changed(store, name, value);
            then.push([store.storage.revision(), values(store.storage.list('configmaps'))]);
          }
          const rows = countChanges(store.path);
          assert.ok(rows <= 2 * changeLogEntries + 3, `${rows} rows for ${changeLogEntries} changes`);
          for (const [revision, state] of then) {
            if (revision < store.storage.compactedRevision()) {
              assert.throws(() => store.storage.listAt('configmaps', revision), CompactedError);
            } else {
              assert.deepEqual(values(store.storage.listAt('configmaps', revision)), state);
            }
          }
        } finally {
          store.close();
        }
      }),
      { numRuns: 40 },
    );
  });
});

function countChanges(path: string): number {
  const db = new Database(path, { readonly: true });
  try {
    return Number(db.prepare('SELECT count(*) FROM changes').pluck().get());
  } finally {
    db.close();
  }
}
