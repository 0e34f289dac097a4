import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { bodyHash, canonicalize, encodeDelta } from '@hawser/protocol';
import Database from 'better-sqlite3';
import { digestOf } from './held-set.ts';
import { CLUSTER, keyText, openTestStore, removal, served, storageKey, temporaryFolder, testObject, upsert } from './testing.ts';
import type { EdgeStore, OperationNack, ResolvedOperation } from './types.ts';

const MAP = storageKey('configmaps', 'settings');

function body(data: Readonly<Record<string, string>>, fields: object = {}): string {
  const object = testObject(MAP, 'uid-1', { data, ...fields });
  return canonicalize(JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion: '1' } })).body;
}

function whole(resourceVersion: string, data: Readonly<Record<string, string>>, uid = 'uid-1'): ResolvedOperation {
  return upsert(MAP, resourceVersion, testObject(MAP, uid, { data }));
}

/** From one canonical body to another; `fields` replace those of the change. */
function delta(resourceVersion: string, from: string, to: string, fields: object = {}): ResolvedOperation {
  const change = { type: 'upsertDelta', resourceVersion, baseHash: bodyHash(from), hash: bodyHash(to) } as const;
  return { key: keyText(MAP), change: { ...change, ...encodeDelta(from, to), ...fields } };
}

function reasons(nacks: readonly OperationNack[]): string[] {
  return nacks.map(({ reason }) => reason);
}

function setUp(t: TestContext): { store: EdgeStore; path: string } {
  const path = join(temporaryFolder(t), 'agent.db');
  const store = openTestStore(path);
  t.after(() => store.close());
  assert.deepEqual(store.applyBatch(CLUSTER, [whole('1', { a: '1' })]).nacks, []);
  return { store, path };
}

/** Whatever the agent cannot follow leaves rows and digest as they were. */
function assertUnchanged(store: EdgeStore, before: string): void {
  assert.equal(store.digest(), before);
  assert.equal(store.digest(), digestOf(store.inventory()).toString());
  assert.deepEqual(served(store, MAP).data, { a: '1' });
}

describe('a delta', () => {
  it('leads from the body that is held to the next, and to the one after that in the same batch', (t) => {
    const { store } = setUp(t);
    const [a, b, c] = [body({ a: '1' }), body({ a: '2' }), body({ a: '2', b: 'x' })];
    const { nacks, digest } = store.applyBatch(CLUSTER, [delta('2', a, b), delta('3', b, c)]);
    assert.deepEqual(nacks, []);
    assert.deepEqual(served(store, MAP).data, { a: '2', b: 'x' });
    assert.deepEqual(
      [...store.inventory()],
      [{ key: keyText(MAP), version: { uid: 'uid-1', resourceVersion: '3', hash: bodyHash(c) }, refused: false }],
    );
    assert.equal(digest, digestOf(store.inventory()).toString());
  });

  it('from another body than the one that is held is asked for whole', (t) => {
    const { store } = setUp(t);
    const before = store.digest();
    const { nacks } = store.applyBatch(CLUSTER, [delta('3', body({ a: '2' }), body({ a: '3' }))]);
    assert.deepEqual(reasons(nacks), ['baseUnknown']);
    assertUnchanged(store, before);
    assert.deepEqual(store.applyBatch(CLUSTER, [whole('3', { a: '3' })]).nacks, []);
    assert.deepEqual(served(store, MAP).data, { a: '3' });
  });

  it('that was damaged, or leads to another body than it says, is asked for whole', (t) => {
    const { store } = setUp(t);
    const before = store.digest();
    const [a, b] = [body({ a: '1' }), body({ a: '2' })];
    const { bytes, size } = encodeDelta(a, b);
    const damaged = Buffer.from(bytes);
    damaged[damaged.length - 1] = (damaged[damaged.length - 1] ?? 0) ^ 1;
    for (const fields of [{ bytes: damaged }, { hash: 'f'.repeat(16) }, { size: size + 1 }, { bytes: Buffer.from('no frame') }]) {
      assert.deepEqual(reasons(store.applyBatch(CLUSTER, [delta('2', a, b, fields)]).nacks), ['hashMismatch']);
      assertUnchanged(store, before);
    }
  });

  it('on a row whose text was altered on disk is asked for whole, and the whole object mends the row', (t) => {
    const { store, path } = setUp(t);
    const db = new Database(path);
    const { changes } = db.prepare(`UPDATE objects SET body = replace(body, '"a":"1"', '"a":"7"')`).run();
    db.close();
    assert.equal(changes, 1);
    const [a, b] = [body({ a: '1' }), body({ a: '1', b: '2' })];
    assert.deepEqual(reasons(store.applyBatch(CLUSTER, [delta('2', a, b)]).nacks), ['baseUnknown']);
    assert.deepEqual(store.applyBatch(CLUSTER, [whole('2', { a: '1', b: '2' })]).nacks, []);
    assert.deepEqual(served(store, MAP).data, { a: '1', b: '2' });
    const c = body({ a: '1', b: '3' });
    assert.deepEqual(store.applyBatch(CLUSTER, [delta('3', b, c)]).nacks, [], 'the next one goes as a delta again');
  });

  it('to what is not held, or was refused, is asked for whole and not counted', (t) => {
    const { store } = setUp(t);
    const [a, b] = [body({ a: '1' }), body({ a: '2' })];
    store.applyBatch(CLUSTER, [removal(MAP, 'uid-1')]);
    assert.deepEqual(reasons(store.applyBatch(CLUSTER, [delta('2', a, b)]).nacks), ['baseUnknown']);
    assert.equal(store.objectCount(), 0);
    const nonsense = upsert(MAP, '3', testObject(storageKey('configmaps', 'other'), 'uid-1'));
    assert.deepEqual(reasons(store.applyBatch(CLUSTER, [nonsense]).nacks), ['malformed']);
    const [held] = store.inventory();
    const change = { baseHash: held?.version.hash ?? '' };
    assert.deepEqual(reasons(store.applyBatch(CLUSTER, [delta('4', a, b, change)]).nacks), ['baseUnknown']);
    assert.deepEqual([...store.inventory()], [held]);
  });

  it('to an object of another name is refused as a whole one is, and counted', (t) => {
    const { store } = setUp(t);
    const a = body({ a: '1' });
    const other = a.replace('"name":"settings"', '"name":"sett1ngs"');
    assert.deepEqual(reasons(store.applyBatch(CLUSTER, [delta('2', a, other)]).nacks), ['malformed']);
    assert.deepEqual(served(store, MAP).data, { a: '1' });
    assert.deepEqual(
      [...store.inventory()],
      [{ key: keyText(MAP), version: { uid: 'uid-1', resourceVersion: '2', hash: bodyHash(other) }, refused: true }],
    );
  });
});
