import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isJsonObject, type JsonValue, type KubeObject, type Report } from '@hawser/protocol';
import { applied, create, onlyReport, refused, served, storageKey, testStore, update } from './testing.ts';
import type { EdgeStore } from './types.ts';

const EVENT = storageKey('events', 'web.1');

function countUp(store: EdgeStore, count: number): KubeObject {
  const intent = { verb: 'patch', patchType: 'strategic', patch: { count } } as const;
  return update(store, { ...served(store, EVENT), count }, EVENT, '', intent);
}

function bodyOf({ operation }: Report): { readonly [field: string]: JsonValue | undefined } {
  const body: JsonValue = operation.type === 'remove' ? {} : JSON.parse(operation.body);
  return isJsonObject(body) ? body : {};
}

/** Told to the cloud as `old`, and counted up. */
function countedUp(store: EdgeStore): Report {
  create(store, EVENT, 'e1', { reason: 'BackOff', message: 'back-off', count: 1 });
  store.outbox.answer(onlyReport(store).number, applied('old', '10', 'web.1'));
  countUp(store, 2);
  const report = onlyReport(store);
  assert.deepEqual([report.operation.type, report.uid], ['patch', 'old']);
  return report;
}

describe('an Event that the cluster has forgotten', () => {
  for (const [code, reason] of [[404, 'NotFound'] as const, [409, 'Conflict'] as const]) {
    it(`is made anew, whole, when it is counted up and the answer is ${code}`, (t) => {
      const store = testStore(t);
      store.outbox.answer(countedUp(store).number, refused(code, reason));
      assert.deepEqual(store.outbox.refusals(), []);
      assert.equal(served(store, EVENT).count, 2);
      const again = onlyReport(store);
      assert.deepEqual([again.operation.type, again.uid], ['create', undefined]);
      const { reason: said, message, count, metadata } = bodyOf(again);
      assert.deepEqual([said, message, count], ['BackOff', 'back-off', 2]);
      assert.equal(isJsonObject(metadata ?? null) && Object.hasOwn(Object(metadata), 'uid'), false);
      store.outbox.answer(again.number, applied('new', '20', 'web.1'));
      assert.equal(served(store, EVENT).metadata.uid, 'new');
      countUp(store, 3);
      const next = onlyReport(store);
      assert.deepEqual([next.operation.type, next.uid, bodyOf(next).count], ['patch', 'new', 3]);
    });
  }

  it('takes along what was counted up meanwhile', (t) => {
    const store = testStore(t);
    const { number } = countedUp(store);
    countUp(store, 3);
    store.outbox.answer(number, refused(404, 'NotFound'));
    assert.equal(bodyOf(onlyReport(store)).count, 3);
    assert.equal(store.outbox.count(), 1);
  });

  it('is given up with its namespace', (t) => {
    const store = testStore(t);
    store.outbox.answer(countedUp(store).number, refused(404, 'NotFound'));
    store.outbox.answer(onlyReport(store).number, refused(404, 'NotFound'));
    assert.equal(store.outbox.count(), 0);
    assert.equal(store.storage.get(EVENT), undefined);
    assert.deepEqual(
      store.outbox.refusals().map(({ verb, code }) => [verb, code]),
      [['create', 404]],
    );
  });

  it('is refused for any other reason as ever', (t) => {
    const store = testStore(t);
    store.outbox.answer(countedUp(store).number, refused(422, 'Invalid'));
    assert.equal(store.outbox.count(), 0);
    assert.deepEqual(
      store.outbox.refusals().map(({ verb, code }) => [verb, code]),
      [['patch', 422]],
    );
  });
});
