import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Change, CompactedError, ConflictError, ExistsError, MissingError } from '../api/storage.ts';
import { MAX_FACTS } from './limits.ts';
import {
  CLUSTER,
  create,
  openTestStore,
  remove,
  served,
  storageKey,
  temporaryFolder,
  testObject,
  testStore,
  update,
  upsert,
} from './testing.ts';
import type { EdgeStore } from './types.ts';

const LEASES = 'coordination.k8s.io/leases';
const LEASE = storageKey(LEASES, 'edge-1', 'kube-node-lease');
const OTHER = storageKey('configmaps', 'config', 'ns');
/** Of a batch that is rolled back at its end. */
const FAILED = storageKey('pods', 'failed', 'ns');
const TOO_MANY_FACTS = Object.fromEntries(Array.from({ length: MAX_FACTS + 1 }, (_, n) => [`fact-${n}`, 'x']));

function renew(store: EdgeStore, renewTime: string): number {
  return Number(update(store, { ...served(store, LEASE), spec: { renewTime } }, LEASE).metadata.resourceVersion);
}

function leased(store: EdgeStore): number {
  return Number(create(store, LEASE, 'l1', { spec: { renewTime: '0' } }).metadata.resourceVersion);
}

function edit(store: EdgeStore, value: string): number {
  return Number(update(store, { ...served(store, OTHER), data: { value } }, OTHER).metadata.resourceVersion);
}

describe('Leases on the device', () => {
  it('are renewed without a write to the disk', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    t.after(() => store.close());
    leased(store);
    const written = () => [path, `${path}-wal`].map((file) => [statSync(file).size, statSync(file).mtimeMs]);
    const before = written();
    for (let n = 1; n < 500; n++) renew(store, `${n}`);
    assert.deepEqual(written(), before);
    assert.deepEqual(served(store, LEASE).spec, { renewTime: '499' });
  });

  it('have their place in the one row of revisions, and are told like everything else', (t) => {
    const store = testStore(t);
    const start = store.storage.revision();
    const seen: string[] = [];
    store.storage.subscribe(LEASES, ({ type, revision, previous }) =>
      seen.push(
        `${type} ${revision - start}${previous === undefined ? '' : ` over ${Number(previous.metadata.resourceVersion) - start}`}`,
      ),
    );
    const reached: number[] = [];
    store.storage.subscribeRevision((revision) => reached.push(revision - start));
    leased(store);
    create(store, OTHER, 'c1', { data: { value: '1' } });
    renew(store, '1');
    edit(store, '2');
    assert.equal(renew(store, '2'), start + 5);
    remove(store, LEASE);
    assert.deepEqual(seen, ['ADDED 1', 'MODIFIED 3 over 1', 'MODIFIED 5 over 3', 'DELETED 6 over 5']);
    assert.deepEqual(reached, [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(
      store.storage.changesAfter(LEASES, start + 1).map(({ revision }) => revision - start),
      [3, 5, 6],
    );
    assert.deepEqual(
      store.storage.changesAfter('configmaps', start).map(({ revision }) => revision - start),
      [2, 4],
    );
    assert.deepEqual(store.storage.list(LEASES), []);
    assert.deepEqual(
      store.storage.listAt(LEASES, start + 4, 'kube-node-lease').map(({ spec, metadata }) => [spec, metadata.resourceVersion]),
      [[{ renewTime: '1' }, String(start + 3)]],
    );
    assert.deepEqual(store.storage.listAt(LEASES, start + 4, 'default'), []);
  });

  it('are written only over the version that was read', (t) => {
    const store = testStore(t);
    const revision = leased(store);
    const object = served(store, LEASE);
    renew(store, '1');
    const stale = {
      type: 'update',
      key: LEASE,
      expectedRevision: revision,
      object,
      subresource: '',
      intent: { verb: 'update' },
    } as const;
    assert.throws(() => store.storage.commit(stale), ConflictError);
    assert.throws(() => leased(store), ExistsError);
    const absent = { ...LEASE, name: 'edge-2' };
    assert.throws(() => store.storage.commit({ ...stale, key: absent }), MissingError);
    const wrong = { type: 'delete', key: LEASE, expectedUid: 'l2', gracePeriodSeconds: 0 } as const;
    const expectedRevision = Number(served(store, LEASE).metadata.resourceVersion);
    assert.throws(() => store.storage.commit({ ...wrong, expectedRevision }), ConflictError);
    assert.deepEqual(served(store, LEASE).spec, { renewTime: '1' });
  });

  it('are told behind what a listener is being told of, when it writes one', (t) => {
    const store = testStore(t);
    const start = store.storage.revision();
    leased(store);
    const reached: number[] = [];
    store.storage.subscribe('configmaps', () => renew(store, 'now'));
    store.storage.subscribeRevision((revision) => reached.push(revision - start));
    create(store, OTHER, 'c1');
    assert.deepEqual(reached, [2, 3]);
  });

  it('are bounded in number, and in the changes that a watch may resume behind', (t) => {
    const store = testStore(t);
    const start = leased(store);
    for (let n = 1; n < 16; n++) create(store, { ...LEASE, name: `edge-${n + 1}` }, `u${n}`);
    assert.throws(() => create(store, { ...LEASE, name: 'one-more' }, 'u16'), { code: 'too_large' });
    for (let n = 0; n < 100; n++) renew(store, `${n}`);
    assert.throws(() => store.storage.changesAfter(LEASES, start), CompactedError);
    assert.throws(() => store.storage.listAt(LEASES, start), CompactedError);
    assert.equal(store.storage.changesAfter(LEASES, store.storage.revision() - 100).length, 100);
  });

  it('are gone after a restart: who watches them lists again, who watches anything else goes on', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    create(store, OTHER, 'c1', { data: { value: '1' } });
    leased(store);
    const seen = edit(store, '2');
    const last = renew(store, '1');
    edit(store, '3');
    const newest = renew(store, '2');
    store.close();
    const reopened = openTestStore(path);
    t.after(() => reopened.close());
    assert.equal(reopened.storage.get(LEASE), undefined);
    assert.throws(() => reopened.storage.changesAfter(LEASES, last), CompactedError);
    assert.deepEqual(
      reopened.storage.changesAfter('configmaps', seen).map(({ object }) => object.data),
      [{ value: '3' }],
      'across the revisions that have no row',
    );
    assert.ok(leased(reopened) > newest);
    const before = reopened.storage.revision();
    assert.equal(edit(reopened, '4'), before + 1);
    assert.deepEqual(
      reopened.storage.changesAfter('configmaps', last).map(({ object }) => object.data),
      [{ value: '3' }, { value: '4' }],
    );
  });

  it('never take a revision twice, and lose no change of the others, whatever is written and whenever it restarts or fails', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    let runs = 0;
    const step = fc.constantFrom('renew', 'edit', 'fail', 'reopen');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const file = `${path}-${runs++}`;
        const limits = { changeLogEntries: 6 };
        let store = openTestStore(file, limits);
        create(store, OTHER, 'c1', { data: { value: 'first' } });
        const told: Change[] = [];
        const listen = () => {
          for (const resource of [LEASES, 'configmaps']) store.storage.subscribe(resource, (change) => told.push(change));
        };
        listen();
        let newest = store.storage.revision();
        for (const [n, what] of steps.entries()) {
          if (what === 'reopen') {
            store.close();
            store = openTestStore(file, limits);
            listen();
            assert.ok(store.storage.revision() >= newest);
          } else if (what === 'fail') {
            const batch = [upsert(FAILED, '7', testObject(FAILED, 'f1'))];
            assert.throws(() => store.applyBatch(CLUSTER, batch, TOO_MANY_FACTS), { code: 'too_large' });
            assert.equal(store.storage.revision(), newest);
          } else {
            if (what === 'renew' && store.storage.get(LEASE) === undefined) leased(store);
            else if (what === 'renew') renew(store, `${n}`);
            else edit(store, `${n}`);
            assert.ok(store.storage.revision() > newest, `step ${n}`);
          }
          newest = store.storage.revision();
        }
        assert.deepEqual(
          told.map(({ revision }) => revision),
          [...new Set(told.map(({ revision }) => revision))].sort((a, b) => a - b),
        );
        const edits = told.filter(({ key }) => key.resource === 'configmaps').slice(-5);
        const from = (edits[0]?.revision ?? newest + 1) - 1;
        assert.deepEqual(
          store.storage.changesAfter('configmaps', from).map(({ revision, object }) => [revision, object.data]),
          edits.map(({ revision, object }) => [revision, object.data]),
        );
        store.close();
      }),
      { numRuns: 30 },
    );
  });
});
