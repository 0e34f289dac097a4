import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { openMemoryStore } from './memory.ts';
import { readStore } from './read-store.ts';
import {
  CLUSTER,
  clock,
  create,
  openTestStore,
  removal,
  remove,
  served,
  silent,
  storageKey,
  temporaryFolder,
  testObject,
  testStore,
  upsert,
} from './testing.ts';
import type { EdgeStore, KeptAnswer } from './types.ts';

const PV = storageKey('persistentvolumes', 'disk', '');

function found(text: string, readAt = 1_000): KeptAnswer {
  return { type: 'found', readAt, from: 'live', body: JSON.stringify({ text }) };
}

function notFound(readAt = 1_000): KeptAnswer {
  return { type: 'notFound', readAt, from: 'live', message: 'persistentvolumes "disk" not found' };
}

const named = (n: number) => storageKey('persistentvolumes', `disk-${n}`, '');

describe('an answer that is kept', () => {
  it('is there again after the file was closed, byte for byte, with its time', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    const gone: KeptAnswer = { ...notFound(2_000), from: 'cache' };
    store.answers.put(PV, found('größe'));
    store.answers.put(storageKey('endpoints', 'db'), gone);
    store.close();
    const again = openTestStore(path);
    t.after(() => again.close());
    assert.deepEqual(again.answers.get(PV), found('größe'));
    assert.deepEqual(again.answers.get(storageKey('endpoints', 'db')), gone);
    assert.equal(again.answers.get(storageKey('endpoints', 'db', 'other')), undefined);
  });

  it('is replaced by the next about the same object, whether it is there or not', (t) => {
    const store = testStore(t);
    for (const answer of [found('first'), notFound(2_000), found('third', 3_000)]) {
      store.answers.put(PV, answer);
      assert.deepEqual(store.answers.get(PV), answer);
      assert.equal(store.answers.stats().answers, 1);
    }
  });

  it('can be read beside the agent and without one', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    store.answers.put(PV, found('x'));
    const beside = readStore(path);
    assert.deepEqual(beside.answer(PV), found('x'));
    beside.close();
    store.close();
    const alone = readStore(path);
    t.after(() => alone.close());
    assert.deepEqual([alone.answer(PV), alone.answer(named(1))], [found('x'), undefined]);
  });

  it('is none where a byte of its row has changed, and the next takes its place', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    for (const [column, value] of [
      ['sealed', Buffer.from('{"text":"y"}')],
      ['read_at', 1_001],
      ['type', 'notFound'],
      ['cached', 1],
      ['seal', 'plaim'],
    ] as const) {
      const store = openTestStore(path);
      store.answers.put(PV, found('x'));
      store.close();
      const db = new Database(path);
      db.prepare(`UPDATE answers SET ${column} = ?`).run(value);
      db.close();
      const again = openTestStore(path);
      assert.equal(again.answers.get(PV), undefined, column);
      again.answers.put(PV, found('new'));
      assert.deepEqual(again.answers.get(PV), found('new'));
      again.close();
    }
  });

  it('goes when the cluster was restored from a backup: it is of a past that this cluster does not have', (t) => {
    const store = testStore(t);
    store.answers.put(PV, found('x'));
    store.outdateAnswers();
    assert.equal(store.answers.get(PV), undefined);
    store.answers.put(PV, found('y'));
    store.enterEpoch(2);
    assert.deepEqual(store.answers.get(PV), found('y'));
  });

  it('lies in files that are for their owner alone', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    t.after(() => store.close());
    store.answers.put(storageKey('secrets', 'tls'), found('needle-in-the-log'));
    assert.ok(readFileSync(`${path}-wal`).includes('needle-in-the-log'));
    for (const name of readdirSync(dirname(path))) assert.equal(statSync(join(dirname(path), name)).mode & 0o777, 0o600, name);
  });
});

describe('over the bound', () => {
  it('of their number the answer goes that was not asked for longest', (t) => {
    const store = testStore(t, { answers: 3 });
    for (const n of [1, 2, 3]) store.answers.put(named(n), found(String(n)));
    assert.ok(store.answers.get(named(1)));
    store.answers.put(named(4), found('4'));
    assert.deepEqual(
      [1, 2, 3, 4].map((n) => store.answers.get(named(n)) !== undefined),
      [true, false, true, true],
    );
  });

  it('of their bytes as many go as it takes, and never the newest', (t) => {
    const store = testStore(t, { answersSize: 100 });
    for (const n of [1, 2, 3]) store.answers.put(named(n), found('x'.repeat(20)));
    assert.equal(store.answers.stats().answers, 3);
    store.answers.put(named(4), found('x'.repeat(40)));
    assert.deepEqual(
      [2, 3, 4].map((n) => store.answers.get(named(n)) !== undefined),
      [false, true, true],
    );
    store.answers.put(named(5), found('x'.repeat(200)));
    assert.deepEqual(
      [4, 5].map((n) => store.answers.get(named(n)) !== undefined),
      [false, true],
    );
  });

  it('whatever is asked in whichever order, what is kept are the last that were asked for, over restarts too', () => {
    const step = fc.record({ n: fc.nat(8), action: fc.constantFrom('put', 'put', 'get', 'restart'), length: fc.nat(60) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const limits = { answers: 5, answersSize: 160 };
        const open = (image?: Buffer) =>
          openMemoryStore({ logger: silent, clock, limits, ...(image === undefined ? {} : { image }) });
        let store = open();
        /** By the number, the last asked for at the end. */
        let model = new Map<number, KeptAnswer>();
        /** As it would be after a crash: the order in which answers were read is lost. */
        let onDisk = model;
        const size = () =>
          [...model.values()].reduce((sum, answer) => sum + (answer.type === 'found' ? Buffer.byteLength(answer.body) : 0), 0);
        for (const { n, action, length } of steps) {
          const before = model.get(n);
          if (action === 'put') {
            const answer = found('x'.repeat(length));
            store.answers.put(named(n), answer);
            model.delete(n);
            model.set(n, answer);
            for (const [oldest] of model)
              if (model.size > limits.answers || (model.size > 1 && size() > limits.answersSize)) model.delete(oldest);
            onDisk = new Map(model);
          } else if (action === 'get') {
            assert.deepEqual(store.answers.get(named(n)), before);
            if (before === undefined) continue;
            model.delete(n);
            model.set(n, before);
          } else {
            const image = store.image();
            store.close();
            store = open(image);
            model = new Map(onDisk);
          }
          assert.deepEqual(store.answers.stats(), { answers: model.size, size: size() });
        }
        store.close();
      }),
      { numRuns: 40 },
    );
  });
});

describe('the synced set', () => {
  const map = storageKey('configmaps', 'settings');
  const synced = (store: EdgeStore) => store.synced(map)?.metadata.uid;

  it('is what the cloud sends here by itself', (t) => {
    const store = testStore(t);
    assert.equal(synced(store), undefined);
    store.applyBatch(CLUSTER, [upsert(map, '1', testObject(map, 'u1'))]);
    assert.deepEqual(store.synced(map), served(store, map));
    store.applyBatch(CLUSTER, [removal(map, 'u1')]);
    assert.equal(synced(store), undefined);
  });

  it('has neither what was made here, nor what was removed here', (t) => {
    const store = testStore(t);
    const pod = storageKey('pods', 'web');
    create(store, pod, 'p1');
    assert.equal(store.synced(pod), undefined);
    store.applyBatch(CLUSTER, [upsert(pod, '1', testObject(pod, 'p1'))]);
    assert.equal(store.synced(pod)?.metadata.uid, 'p1');
    remove(store, pod);
    assert.equal(store.synced(pod), undefined);
  });

  it('does not pass an older version off for one that could not be taken', (t) => {
    const store = testStore(t);
    store.applyBatch(CLUSTER, [upsert(map, '1', testObject(map, 'u1'))]);
    const next = upsert(map, '2', testObject(map, 'u1', { data: { a: '1' } }));
    assert.equal(next.change.type, 'upsert');
    if (next.change.type !== 'upsert') return;
    const wrong = { ...next.change, version: { ...next.change.version, hash: '0'.repeat(16) } };
    const { nacks } = store.applyBatch(CLUSTER, [{ key: next.key, change: wrong }]);
    assert.equal(nacks.length, 1);
    assert.ok(store.storage.get(map));
    assert.equal(synced(store), undefined);
  });
});
