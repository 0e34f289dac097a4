import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { objectKey } from '@hawser/protocol';
import { openMemoryStore } from './memory.ts';
import { CLUSTER, clock, create, served, silent, storageKey, testObject, upsert } from './testing.ts';

const POD = storageKey('pods', 'web');

function open(image?: Buffer) {
  return openMemoryStore({ logger: silent, clock, ...(image === undefined ? {} : { image }) });
}

describe('a store in memory', () => {
  it('is a store like the one in a file, with full synchronisation set', () => {
    const store = open();
    store.bindCluster(CLUSTER);
    store.applyBatch(CLUSTER, [upsert(POD, '7', testObject(POD, 'p1'))]);
    assert.equal(served(store, POD).metadata.uid, 'p1');
    assert.equal(store.durability().synchronous, 'full');
    store.close();
  });

  it('goes on from an image: identity, objects, digest and open writes are those of the moment at which it was made', () => {
    const store = open();
    store.bindCluster(CLUSTER);
    store.applyBatch(CLUSTER, [upsert(POD, '7', testObject(POD, 'p1'))]);
    create(store, storageKey('events', 'started'), 'e1');
    const image = store.image();
    const before = { ...store.identity(), digest: store.digest(), waiting: store.outbox.count() };
    store.applyBatch(CLUSTER, [upsert(POD, '8', testObject(POD, 'p1', { spec: {} }))]);
    store.close();
    const again = open(image);
    assert.deepEqual({ ...again.identity(), digest: again.digest(), waiting: again.outbox.count() }, before);
    assert.deepEqual(
      [...again.inventory()].map(({ key, version }) => [key, version.resourceVersion]),
      [[objectKey('pods', 'default', 'web'), '7']],
    );
    again.close();
  });

  it('is one of its own each time', () => {
    const [one, other] = [open(), open()];
    assert.notEqual(one.identity().storeId, other.identity().storeId);
    one.close();
    other.close();
  });

  it('refuses bytes that are no database', () => {
    assert.throws(() => open(Buffer.from('not a database at all'.repeat(100))), { code: 'store_damaged' });
  });

  it('takes nothing of a batch when there is no room, and goes on when there is', () => {
    const store = open();
    store.bindCluster(CLUSTER);
    const pages = Number(store.database.pragma('page_count', { simple: true }));
    const batch = [upsert(POD, '7', testObject(POD, 'p1', { spec: { fill: 'x'.repeat(100_000) } }))];
    const digest = store.digest();
    store.database.pragma(`max_page_count = ${pages}`);
    assert.throws(() => store.applyBatch(CLUSTER, batch), { code: 'too_large' });
    assert.equal(store.digest(), digest);
    store.database.pragma('max_page_count = 1000000');
    store.applyBatch(CLUSTER, batch);
    assert.equal(served(store, POD).metadata.uid, 'p1');
    store.close();
  });
});
