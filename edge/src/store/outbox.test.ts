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
  removal,
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
    remove(store, POD);
    create(store, OTHER, 'p2');
    const types = (reports: Report[]) => reports.map(({ name, operation }) => `${operation.type} ${name}`);
    const first = store.outbox.pending(10);
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
    assert.equal(store.fact('events.dropped'), '1');
    assert.equal(store.outbox.count(), 2);
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
