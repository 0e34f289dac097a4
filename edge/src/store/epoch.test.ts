import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import {
  applied,
  CLUSTER,
  create,
  onlyReport,
  openTestStore,
  remove,
  served,
  storageKey,
  temporaryFolder,
  testObject,
  testStore,
  upsert,
  writeStatus,
} from './testing.ts';
import type { EdgeStore } from './types.ts';

const POD = storageKey('pods', 'web');
const pod = (phase: string) => testObject(POD, 'uid-web', { status: { phase } });

/** A pod of the cloud at 140 that the device has reported Running; the answer named 150, which has not come. */
function answered(t: TestContext): EdgeStore {
  const store = testStore(t);
  store.applyBatch(CLUSTER, [upsert(POD, '140', pod('Pending'))]);
  writeStatus(store, POD, { phase: 'Running' });
  store.outbox.answer(onlyReport(store).number, applied('uid-web', '150'));
  return store;
}

const phase = (store: EdgeStore) => (served(store, POD).status as { phase: string }).phase;

describe('an epoch of the cluster', () => {
  it('is remembered across restarts, and there is none in a new store', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    assert.equal(store.identity().epoch, undefined);
    store.enterEpoch(3);
    store.close();
    const again = openTestStore(path);
    assert.equal(again.identity().epoch, 3);
    again.close();
  });

  it('that the file no longer gives as a number is none: all is compared, and the next is entered', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    openTestStore(path).close();
    for (const value of ['x3', '-3', '1e300', '']) {
      const db = new Database(path);
      db.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('cluster_epoch', ?)").run(value);
      db.close();
      const store = openTestStore(path);
      assert.equal(store.identity().epoch, undefined, value);
      store.enterEpoch(3);
      assert.equal(store.identity().epoch, 3);
      store.close();
    }
  });

  it('ends a write that was answered in the one before with whatever comes of its object', (t) => {
    const store = answered(t);
    store.applyBatch(CLUSTER, [upsert(POD, '145', pod('Pending'))]);
    assert.equal(phase(store), 'Running', 'not in the same epoch');
    store.outdateAnswers();
    assert.equal(phase(store), 'Running', 'it is served until then');
    store.applyBatch(CLUSTER, [upsert(POD, '100', pod('Pending'))]);
    assert.equal(phase(store), 'Pending');
  });

  it('ends it when all is compared, where the object itself did not have to be sent', (t) => {
    const store = answered(t);
    store.outdateAnswers();
    store.enterEpoch(2);
    assert.equal(phase(store), 'Pending');
  });

  it('leaves writes that wait for their answer, and those that were answered in it', (t) => {
    const store = answered(t);
    store.outdateAnswers();
    writeStatus(store, POD, { reason: 'new' });
    const report = onlyReport(store);
    store.applyBatch(CLUSTER, [upsert(POD, '100', pod('Pending'))]);
    store.outbox.answer(report.number, applied('uid-web', '120'));
    store.enterEpoch(2);
    assert.deepEqual(served(store, POD).status, { phase: 'Pending', reason: 'new' });
    writeStatus(store, POD, { message: 'waits' });
    store.enterEpoch(3);
    assert.equal(store.outbox.count(), 1);
  });

  it('brings back a pod whose removal the restored cluster has forgotten', (t) => {
    const store = testStore(t);
    store.applyBatch(CLUSTER, [upsert(POD, '140', pod('Running'))]);
    remove(store, POD);
    store.outbox.answer(onlyReport(store).number, applied('uid-web', undefined));
    assert.equal(store.storage.get(POD), undefined);
    store.outdateAnswers();
    assert.equal(store.storage.get(POD), undefined);
    store.enterEpoch(2);
    assert.equal(phase(store), 'Running');
  });

  it('lets go of what was made here and is not in the restored cluster, and keeps events', (t) => {
    const store = testStore(t);
    const mirror = storageKey('pods', 'static');
    const event = storageKey('events', 'started');
    for (const [key, uid] of [
      [mirror, 'uid-static'],
      [event, 'uid-event'],
    ] as const) {
      create(store, key, uid);
      store.outbox.answer(onlyReport(store).number, applied(uid, '150'));
    }
    store.outdateAnswers();
    store.enterEpoch(2);
    assert.equal(store.storage.get(mirror), undefined);
    assert.notEqual(store.storage.get(event), undefined);
  });
});
