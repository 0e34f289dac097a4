import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { ConflictError } from '../api/storage.ts';
import { openDatabase } from './connection.ts';
import { SqliteEdgeStore } from './edge-store.ts';
import { DEFAULT_STORE_LIMITS } from './limits.ts';
import { lockStore } from './lock.ts';
import { PLAIN } from './seal.ts';
import {
  CLUSTER,
  clock,
  openTestStore,
  served,
  silent,
  storageKey,
  temporaryFolder,
  testObject,
  testStore,
  update,
  upsert,
} from './testing.ts';

const MAP = storageKey('configmaps', 'settings');
const put = (n: number, size = 10) => upsert(MAP, String(n), testObject(MAP, 'uid-1', { data: { n: 'x'.repeat(size) } }));

it('a batch for which there is no room leaves everything as it was', (t) => {
  const path = join(temporaryFolder(t), 'agent.db');
  openTestStore(path).close();
  const db = openDatabase(path);
  const parts = { path, db, lock: lockStore(path), logger: silent, clock, limits: DEFAULT_STORE_LIMITS, seal: PLAIN };
  const store = new SqliteEdgeStore(parts);
  t.after(() => store.close());
  store.applyBatch(CLUSTER, [put(1)]);
  const heard: number[] = [];
  store.storage.subscribeRevision((revision) => heard.push(revision));
  const state = () => ({ digest: store.digest(), revision: store.storage.revision(), object: served(store, MAP) });
  const before = state();
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`);
  assert.throws(() => store.applyBatch(CLUSTER, [put(2, 100_000)]), { code: 'too_large', message: /no room on the disk/ });
  assert.deepEqual(state(), before);
  assert.deepEqual(heard, []);
  db.pragma('max_page_count = 1000000');
  store.applyBatch(CLUSTER, [put(2, 100_000)]);
  assert.deepEqual(heard, [before.revision + 1], 'no revision was lost');
});

it('what fails half way takes its first half with it', (t) => {
  const store = testStore(t);
  store.applyBatch(CLUSTER, [put(1)]);
  const before = { digest: store.digest(), revision: store.storage.revision(), count: store.objectCount() };
  assert.throws(() => store.applyBatch(CLUSTER, [put(2, 20), { ...put(3), key: JSON.parse('"no key"') }]), {
    code: 'malformed_object',
  });
  assert.deepEqual({ digest: store.digest(), revision: store.storage.revision(), count: store.objectCount() }, before);
});

it('a listener that writes at an old revision gets its conflict, and the first write stands', (t) => {
  const store = testStore(t);
  store.applyBatch(CLUSTER, [put(1)]);
  const old = served(store, MAP);
  let thrown: unknown;
  store.storage.subscribe('configmaps', ({ revision }) => {
    if (thrown !== undefined) return;
    try {
      const expectedRevision = Number(old.metadata.resourceVersion);
      store.storage.commit({
        type: 'update',
        key: MAP,
        expectedRevision,
        object: old,
        subresource: '',
        intent: { verb: 'update' },
      });
    } catch (error) {
      thrown = error;
    }
    assert.equal(store.storage.revision(), revision);
  });
  update(store, { ...old, data: { n: 'new' } }, MAP);
  assert.ok(thrown instanceof ConflictError);
  assert.deepEqual(served(store, MAP).data, { n: 'new' });
});
