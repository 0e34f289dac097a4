import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  applied,
  CLUSTER,
  create,
  onlyReport,
  refused,
  removal,
  remove,
  served,
  storageKey,
  testObject,
  testStore,
  upsert,
  writeStatus,
} from './testing.ts';
import type { EdgeStore } from './types.ts';

const POD = storageKey('pods', 'web');
const OTHER = storageKey('pods', 'other');

function withPod(store: EdgeStore, resourceVersion = '10', status = {}): void {
  store.applyBatch(CLUSTER, [upsert(POD, resourceVersion, testObject(POD, 'uid-web', { spec: { nodeName: 'edge-1' }, status }))]);
}

describe('objects that are born on the device', () => {
  it('take the cloud’s uid wherever they are named', (t) => {
    const store = testStore(t);
    const event = storageKey('events', 'web.1');
    create(store, POD, 'p1');
    create(store, event, 'e1', { involvedObject: { kind: 'Pod', name: 'web', uid: 'p1' } });
    create(store, OTHER, 'p2', { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'p1' }] } });
    const before = store.storage.revision();
    assert.equal(onlyReport(store).name, 'web', 'what names an unknown uid waits');
    store.outbox.release();
    store.outbox.answer(onlyReport(store).number, applied('u1', '20'));
    assert.equal(served(store, POD).metadata.uid, 'u1');
    assert.deepEqual(Object(served(store, event).involvedObject).uid, 'u1');
    assert.equal(served(store, OTHER).metadata.ownerReferences?.[0]?.uid, 'u1');
    assert.deepEqual(
      store.storage.changesAfter('pods', before).map(({ type }) => type),
      ['MODIFIED', 'MODIFIED'],
    );
    const bodies = store.outbox.pending(10).map(({ operation }) => operation.type === 'create' && operation.body);
    assert.equal(bodies.length, 2);
    for (const body of bodies) assert.match(String(body), /"u1"/);
  });

  it('give way to the cloud’s object, which ends the create', (t) => {
    const store = testStore(t);
    create(store, POD, 'p1', { spec: { nodeName: 'edge-1' } });
    writeStatus(store, POD, { phase: 'Running' });
    const { number } = onlyReport(store);
    withPod(store, '20');
    assert.equal(served(store, POD).metadata.uid, 'uid-web');
    assert.deepEqual(served(store, POD).status, { phase: 'Running' }, 'its status is still to be told');
    store.outbox.answer(number, applied('uid-web', '19'));
    store.outbox.answer(onlyReport(store).number, applied('uid-web', '21'));
    withPod(store, '21', { phase: 'Running', more: true });
    assert.deepEqual(served(store, POD).status, { phase: 'Running', more: true });
    assert.equal(store.objectCount(), 1);
  });

  it('are gone when the cloud refuses them, with all that was written to them', (t) => {
    const store = testStore(t);
    create(store, POD, 'p1');
    writeStatus(store, POD, { phase: 'Running' });
    const revision = store.storage.revision();
    store.outbox.answer(onlyReport(store).number, refused(403, 'Forbidden'));
    assert.equal(store.storage.get(POD), undefined);
    assert.deepEqual(
      store.storage.changesAfter('pods', revision).map(({ type }) => type),
      ['DELETED'],
    );
    assert.equal(store.outbox.count(), 0);
    assert.deepEqual(
      store.outbox.refusals().map(({ key, verb, code, reason }) => ({ key, verb, code, reason })),
      [{ key: POD, verb: 'create', code: 403, reason: 'Forbidden' }],
    );
  });

  it('do not count in the digest', (t) => {
    const store = testStore(t);
    const empty = store.digest();
    create(store, POD, 'p1');
    assert.equal(store.digest(), empty);
    assert.deepEqual([...store.inventory()], []);
  });
});

describe('deletes on the device', () => {
  it('take the object away at once and keep it counted until the cloud has deleted it', (t) => {
    const store = testStore(t);
    withPod(store);
    const digest = store.digest();
    remove(store, POD);
    assert.equal(store.storage.get(POD), undefined);
    assert.equal(store.digest(), digest);
    const report = onlyReport(store);
    assert.deepEqual(report.operation, { type: 'remove', gracePeriodSeconds: 0 });
    assert.equal(report.uid, 'uid-web');
    withPod(store, '11');
    assert.equal(store.storage.get(POD), undefined);
    store.outbox.answer(report.number, applied('uid-web', undefined));
    withPod(store, '12');
    assert.equal(store.storage.get(POD), undefined);
    store.applyBatch(CLUSTER, [removal(POD, 'uid-web')]);
    assert.equal(store.objectCount(), 0);
    withPod(store, '13');
    assert.ok(store.storage.get(POD), 'nothing is left of the delete');
  });

  it('are taken back when the cloud refuses them', (t) => {
    const store = testStore(t);
    withPod(store);
    remove(store, POD);
    store.outbox.answer(onlyReport(store).number, refused(403, 'Forbidden'));
    assert.equal(served(store, POD).metadata.uid, 'uid-web');
  });

  it('are not taken back when the object was gone already', (t) => {
    const store = testStore(t);
    withPod(store);
    remove(store, POD);
    store.outbox.answer(onlyReport(store).number, refused(404, 'NotFound'));
    assert.equal(store.storage.get(POD), undefined);
    assert.deepEqual(store.outbox.refusals(), []);
  });

  it('wait for finalizers where the cloud has them', (t) => {
    const store = testStore(t);
    withPod(store);
    remove(store, POD);
    store.outbox.answer(onlyReport(store).number, applied('uid-web', '15'));
    withPod(store, '15', { phase: 'Terminating' });
    assert.deepEqual(served(store, POD).status, { phase: 'Terminating' });
  });

  it('let a successor be made under the same name before the cloud knows', (t) => {
    const store = testStore(t);
    withPod(store);
    remove(store, POD);
    create(store, POD, 'p2');
    writeStatus(store, POD, { phase: 'Pending' });
    withPod(store, '11', { phase: 'Running' });
    assert.equal(served(store, POD).metadata.uid, 'p2', 'the predecessor does not come back');
    store.outbox.answer(onlyReport(store).number, applied('uid-web', undefined));
    store.outbox.answer(onlyReport(store).number, applied('u2', '30'));
    assert.equal(served(store, POD).metadata.uid, 'u2');
    const revision = store.storage.revision();
    store.applyBatch(CLUSTER, [removal(POD, 'uid-web')]);
    assert.equal(store.storage.revision(), revision);
    store.applyBatch(CLUSTER, [upsert(POD, '30', testObject(POD, 'u2', { spec: {} }))]);
    assert.deepEqual(served(store, POD).status, { phase: 'Pending' });
    assert.equal(onlyReport(store).uid, 'u2');
  });
});

const NODE = storageKey('nodes', 'edge-1', '');

describe('a Node that the cloud has lost', () => {
  function withNode(store: EdgeStore, uid: string, resourceVersion: string): void {
    store.applyBatch(CLUSTER, [upsert(NODE, resourceVersion, testObject(NODE, uid, { spec: { podCIDR: uid } }))]);
  }

  it('is taken back on the device alone, and the new one is all that the cloud is told', (t) => {
    const store = testStore(t);
    withNode(store, 'lost', '10');
    remove(store, NODE);
    assert.equal(store.storage.get(NODE), undefined);
    assert.equal(store.outbox.count(), 0);
    create(store, NODE, 'p1');
    const { number, operation } = onlyReport(store);
    assert.equal(operation.type, 'create');
    store.outbox.answer(number, applied('new', '20'));
    assert.equal(served(store, NODE).metadata.uid, 'new');
    withNode(store, 'new', '21');
    assert.deepEqual(served(store, NODE).spec, { podCIDR: 'new' });
    assert.equal(store.objectCount(), 1);
  });

  it('may go before its successor comes', (t) => {
    const store = testStore(t);
    withNode(store, 'lost', '10');
    remove(store, NODE);
    create(store, NODE, 'p1');
    store.outbox.answer(onlyReport(store).number, applied('new', '20'));
    store.applyBatch(CLUSTER, [removal(NODE, 'lost')]);
    assert.equal(served(store, NODE).metadata.uid, 'new');
    withNode(store, 'new', '21');
    assert.deepEqual(served(store, NODE).spec, { podCIDR: 'new' });
  });

  it('was there all the time, when the cloud finds it in the place of the new one', (t) => {
    const store = testStore(t);
    withNode(store, 'kept', '10');
    remove(store, NODE);
    create(store, NODE, 'p1');
    store.outbox.answer(onlyReport(store).number, applied('kept', '10'));
    assert.deepEqual(served(store, NODE).spec, { podCIDR: 'kept' });
    writeStatus(store, NODE, { phase: 'Running' });
    assert.equal(onlyReport(store).uid, 'kept');
  });

  it('may be taken back when the outbox is full', (t) => {
    const store = testStore(t, { outboxEntries: 1 });
    withNode(store, 'lost', '10');
    create(store, storageKey('events', 'one'), 'e1');
    remove(store, NODE);
    assert.equal(store.storage.get(NODE), undefined);
  });
});
