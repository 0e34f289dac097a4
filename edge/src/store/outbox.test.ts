import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Report } from '@hawser/protocol';
import {
  applied,
  CLUSTER,
  create,
  onlyReport,
  openTestStore,
  refused,
  remove,
  served,
  storageKey,
  temporaryFolder,
  testObject,
  testStore,
  update,
  upsert,
  writeStatus,
} from './testing.ts';
import type { EdgeStore } from './types.ts';

const POD = storageKey('pods', 'web');
const OTHER = storageKey('pods', 'other');

function withPod(store: EdgeStore, resourceVersion = '10', status = {}): void {
  store.applyBatch(CLUSTER, [upsert(POD, resourceVersion, testObject(POD, 'uid-web', { spec: { nodeName: 'edge-1' }, status }))]);
}

function patchBody({ operation }: Report): unknown {
  assert.equal(operation.type, 'patch');
  return operation.type === 'patch' && JSON.parse(operation.body);
}

describe('state in the outbox', () => {
  it('becomes one report, latest wins field by field', (t) => {
    const store = testStore(t);
    withPod(store);
    writeStatus(store, POD, { phase: 'Pending', hostIP: '10.0.0.1' });
    writeStatus(store, POD, { phase: 'Running' });
    writeStatus(store, POD, { podIP: '10.1.0.1' });
    assert.equal(store.outbox.count(), 1);
    const report = onlyReport(store);
    assert.deepEqual(patchBody(report), { status: { phase: 'Running', hostIP: '10.0.0.1', podIP: '10.1.0.1' } });
    assert.deepEqual({ uid: report.uid, subresource: report.subresource }, { uid: 'uid-web', subresource: 'status' });
  });

  it('is as old as its oldest write without an answer', (t) => {
    const store = testStore(t);
    withPod(store);
    assert.equal(store.outbox.oldest(), undefined);
    writeStatus(store, POD, { phase: 'Running' });
    assert.equal(store.outbox.oldest(), '2026-03-01T12:00:00.000Z');
    store.outbox.answer(onlyReport(store).number, applied('uid-web', '13'));
    assert.equal(store.outbox.oldest(), undefined);
  });

  it('is served from the write until the cloud shows it, and then as the cloud has it', (t) => {
    const store = testStore(t);
    withPod(store);
    writeStatus(store, POD, { phase: 'Running' });
    const { number } = onlyReport(store);
    withPod(store, '11', { phase: 'Pending' });
    assert.deepEqual(served(store, POD).status, { phase: 'Running' }, 'not answered');
    store.outbox.answer(number, applied('uid-web', '13'));
    withPod(store, '12', { phase: 'Pending' });
    assert.deepEqual(served(store, POD).status, { phase: 'Running' }, 'older than the answer');
    withPod(store, '14', { phase: 'Failed' });
    assert.deepEqual(served(store, POD).status, { phase: 'Failed' });
  });

  it('ends with the answer when the cloud was faster', (t) => {
    const store = testStore(t);
    withPod(store);
    writeStatus(store, POD, { phase: 'Running' });
    const { number } = onlyReport(store);
    withPod(store, '9999', { phase: 'Failed' });
    store.outbox.answer(number, applied('uid-web', '999'));
    assert.deepEqual(served(store, POD).status, { phase: 'Failed' });
  });

  it('is not changed once it was handed out', (t) => {
    const store = testStore(t);
    withPod(store);
    writeStatus(store, POD, { phase: 'Pending' });
    const first = onlyReport(store);
    writeStatus(store, POD, { phase: 'Running' });
    assert.deepEqual(store.outbox.pending(10), [], 'one in flight per object');
    store.outbox.answer(first.number, applied('uid-web', '11'));
    const second = onlyReport(store);
    assert.ok(second.number > first.number);
    assert.deepEqual(patchBody(second), { status: { phase: 'Running' } });
  });

  it('leaves nothing to report when a write is taken back', (t) => {
    const store = testStore(t);
    withPod(store, '10', { phase: 'Pending' });
    const before = served(store, POD);
    writeStatus(store, POD, { phase: 'Running' });
    writeStatus(store, POD, { phase: 'Pending' });
    assert.equal(store.outbox.count(), 0);
    assert.deepEqual(served(store, POD).status, before.status);
  });

  it('reports an update as the items that differ, so that other writers keep theirs', (t) => {
    const store = testStore(t);
    const conditions = [
      { type: 'Ready', status: 'False' },
      { type: 'Gate', status: 'False' },
    ];
    withPod(store, '10', { conditions });
    update(
      store,
      { ...served(store, POD), status: { conditions: [{ type: 'Ready', status: 'True' }, conditions[1]] } },
      POD,
      'status',
    );
    assert.deepEqual(patchBody(onlyReport(store)), { status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    withPod(store, '11', { conditions: [conditions[0], { type: 'Gate', status: 'True' }] });
    assert.deepEqual(served(store, POD).status, {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Gate', status: 'True' },
      ],
    });
  });

  it('does not pile up where answers come and the cloud’s object does not', (t) => {
    const store = testStore(t);
    withPod(store);
    const before = store.storage.revision();
    for (let n = 0; n < 20; n++) {
      writeStatus(store, POD, { phase: `phase-${n}`, [`field${n}`]: n });
      store.outbox.answer(onlyReport(store).number, applied('uid-web', String(100 + n)));
    }
    assert.equal(store.storage.revision(), before + 20, 'answers change nothing that is served');
    assert.equal(Object.keys(Object(served(store, POD).status)).length, 21);
    withPod(store, '118', { phase: 'older' });
    assert.deepEqual(Object(served(store, POD).status).phase, 'phase-19');
    withPod(store, '119', { phase: 'newest' });
    assert.deepEqual(served(store, POD).status, { phase: 'newest' });
  });
});

describe('entries of the outbox', () => {
  it('come in order per object and side by side for several', (t) => {
    const store = testStore(t);
    create(store, POD, 'p1');
    writeStatus(store, POD, { phase: 'Running' });
    create(store, OTHER, 'p2');
    const types = (reports: Report[]) => reports.map(({ name, operation }) => `${operation.type} ${name}`);
    const first = store.outbox.pending(10);
    remove(store, POD);
    assert.deepEqual(types(first), ['create web', 'create other']);
    store.outbox.answer(first[0]?.number ?? 0, applied('u1', '20'));
    const second = store.outbox.pending(10);
    assert.deepEqual(types(second), ['patch web']);
    assert.equal(second[0]?.uid, 'u1', 'the cloud’s uid, learned from the answer before');
    store.outbox.answer(second[0]?.number ?? 0, applied('u1', '21'));
    assert.deepEqual(types(store.outbox.pending(10)), ['remove web']);
  });

  it('are pending again after unavailable, after release and after a restart', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    create(store, POD, 'p1');
    const { number } = onlyReport(store);
    assert.deepEqual(store.outbox.pending(10), []);
    store.outbox.answer(number, { type: 'unavailable', retryAfterMs: 5, message: 'try later' });
    assert.equal(onlyReport(store).number, number);
    store.outbox.release();
    assert.equal(onlyReport(store).number, number);
    store.close();
    const reopened = openTestStore(path);
    t.after(() => reopened.close());
    assert.equal(onlyReport(reopened).number, number);
  });

  it('never use a number twice, not even after a restart', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    create(store, POD, 'p1');
    const { number } = onlyReport(store);
    store.outbox.answer(number, refused(403, 'Forbidden'));
    store.close();
    const reopened = openTestStore(path);
    t.after(() => reopened.close());
    create(reopened, POD, 'p2');
    assert.ok(onlyReport(reopened).number > number);
  });

  it('carry nothing that only the API server sets', (t) => {
    const store = testStore(t);
    create(store, POD, 'p1', { metadata: { creationTimestamp: '2026-03-01T12:00:00Z', generation: 1, labels: { a: 'b' } } });
    const { operation, uid } = onlyReport(store);
    assert.equal(uid, undefined);
    assert.deepEqual(operation.type === 'create' && JSON.parse(operation.body).metadata, {
      name: 'web',
      namespace: 'default',
      labels: { a: 'b' },
    });
  });

  it('tells a graceful delete as one removal, whichever half comes first', (t) => {
    const store = testStore(t);
    withPod(store);
    const { metadata, ...rest } = served(store, POD);
    update(
      store,
      { ...rest, metadata: { ...metadata, deletionTimestamp: '2026-03-01T12:00:30Z', deletionGracePeriodSeconds: 30 } },
      POD,
    );
    assert.deepEqual(onlyReport(store).operation, { type: 'remove', gracePeriodSeconds: 30 });
    store.outbox.release();
    remove(store, POD, 0);
    assert.deepEqual(onlyReport(store).operation, { type: 'remove', gracePeriodSeconds: 0 });
    assert.equal(store.outbox.count(), 1);
  });

  it('keeps heartbeats on the device', (t) => {
    const store = testStore(t);
    const lease = storageKey('coordination.k8s.io/leases', 'edge-1', 'kube-node-lease');
    create(store, lease, 'l1', { spec: { renewTime: '1' } });
    update(store, { ...served(store, lease), spec: { renewTime: '2' } }, lease);
    assert.deepEqual(served(store, lease).spec, { renewTime: '2' });
    assert.equal(store.outbox.count(), 0);
    assert.equal(store.objectCount(), 0);
    remove(store, lease);
    assert.equal(store.storage.get(lease), undefined);
  });

  it('refuses writes over its bound and keeps what it has', (t) => {
    const store = testStore(t, { outboxEntries: 2 });
    create(store, storageKey('pods', 'a'), 'a');
    create(store, storageKey('pods', 'b'), 'b');
    const revision = store.storage.revision();
    assert.throws(() => create(store, storageKey('pods', 'c'), 'c'), { code: 'too_large' });
    assert.equal(store.storage.revision(), revision);
    assert.equal(store.outbox.count(), 2);
    assert.equal(store.storage.get(storageKey('pods', 'c')), undefined);
  });

  it('drops the oldest events over their bound, and counts those that were not told', (t) => {
    const store = testStore(t, { events: 2 });
    const event = (n: number) => storageKey('events', `web.${n}`);
    create(store, event(1), 'e1');
    store.outbox.answer(onlyReport(store).number, applied('u1', '5'));
    for (const n of [2, 3, 4]) create(store, event(n), `e${n}`);
    assert.deepEqual(
      store.storage.list('events').map(({ metadata }) => metadata.name),
      ['web.3', 'web.4'],
    );
    assert.deepEqual(store.outbox.dropped(), { total: { count: 1, bytes: 0, age: 0 }, untold: 1 });
    assert.equal(store.outbox.count(), 2);
  });

  it('keeps an event that the cloud has already, because the first answer was lost', (t) => {
    const store = testStore(t);
    const event = storageKey('events', 'web.1');
    create(store, event, 'e1');
    store.outbox.answer(onlyReport(store).number, refused(409, 'AlreadyExists'));
    assert.ok(store.storage.get(event));
    assert.equal(store.outbox.count(), 0);
    assert.deepEqual(store.outbox.refusals(), []);
  });

  it('tells its listeners of each write', (t) => {
    const store = testStore(t);
    let told = 0;
    const end = store.outbox.onEntry(() => told++);
    create(store, POD, 'p1');
    assert.equal(told, 1);
    end();
    create(store, OTHER, 'p2');
    assert.equal(told, 1);
  });

  it('ignores answers to what it does not know', (t) => {
    const store = testStore(t);
    store.outbox.answer(12_345, applied('u', '1'));
    store.outbox.answer(12_345, refused(404, 'NotFound'));
    assert.deepEqual(store.outbox.refusals(), []);
  });
});
