import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { API_RESOURCES, type KubeObject } from '@hawser/protocol';
import { CompactedError } from '../api/storage.ts';
import { openStore } from './open.ts';
import {
  applied,
  CLUSTER,
  clock,
  create,
  openTestStore,
  refused,
  removal,
  remove,
  served,
  silent,
  storageKey,
  temporaryFolder,
  testObject,
  update,
  upsert,
  writeStatus,
} from './testing.ts';
import type { EdgeStore } from './types.ts';

const POD = storageKey('pods', 'web');
const GOING = storageKey('pods', 'going');
const MAP = storageKey('configmaps', 'settings');
const SECRET = storageKey('secrets', 'login');
const MIRROR = storageKey('pods', 'static-edge-1');
const EVENT = storageKey('events', 'started');
const TOKEN = {
  namespace: 'default',
  podName: 'web',
  podUid: 'uid-web',
  serviceAccount: 'default',
  audiences: [],
  expirationSeconds: 3607,
};

/** Every kind of write that a store takes, in an order in which each has what it needs. */
const WRITES: readonly { readonly name: string; readonly write: (store: EdgeStore) => unknown }[] = [
  {
    name: 'a batch of the cloud',
    write: (store) =>
      taken(store, [
        upsert(MAP, '5', testObject(MAP, 'uid-map', { data: { text: 'x'.repeat(9_000) } })),
        upsert(SECRET, '6', testObject(SECRET, 'uid-secret', { kind: 'Secret', data: { a: 'Yg==' } })),
        upsert(POD, '7', testObject(POD, 'uid-web')),
        upsert(GOING, '8', testObject(GOING, 'uid-going')),
      ]),
  },
  { name: 'a status', write: (store) => writeStatus(store, POD, { phase: 'Pending' }) },
  { name: 'a status over a status that waits', write: (store) => writeStatus(store, POD, { phase: 'Running' }) },
  {
    name: 'the answer to a status',
    write: (store) => store.outbox.answer(numberOf(store, 'pods', 'web'), applied('uid-web', '9')),
  },
  {
    name: 'the echo of the status',
    write: (store) => store.applyBatch(CLUSTER, [upsert(POD, '9', testObject(POD, 'uid-web', { status: { phase: 'Running' } }))]),
  },
  {
    name: 'a mirror pod',
    write: (store) =>
      create(store, MIRROR, 'provisional', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'a1' } } }),
  },
  {
    name: 'its uid in the cloud',
    write: (store) => store.outbox.answer(numberOf(store, 'pods', 'static-edge-1'), applied('uid-mirror', '10')),
  },
  { name: 'an Event', write: (store) => create(store, EVENT, 'uid-event', { count: 1 }) },
  {
    name: 'a token',
    write: (store) => store.tokens.put(TOKEN, { body: '{"status":{}}', issuedAt: 1, keptAt: 1, expiresAt: 2, validUntil: 3 }),
  },
  {
    name: 'an answer to a question',
    write: (store) =>
      store.answers.put(storageKey('configmaps', 'asked'), { type: 'notFound', readAt: 1, from: 'live', message: 'no' }),
  },
  { name: 'a fact', write: (store) => store.setFact('sync.last', '2026-01-01T00:00:00Z') },
  { name: 'the mark of a delete', write: (store) => update(store, marked(served(store, GOING)), GOING) },
  { name: 'the end of a pod', write: (store) => remove(store, GOING) },
  { name: 'a refusal', write: (store) => store.outbox.answer(numberOf(store, 'events', 'started'), refused(403, 'Forbidden')) },
  { name: 'a delete of the cloud', write: (store) => store.applyBatch(CLUSTER, [removal(MAP, 'uid-map')]) },
];

function taken(store: EdgeStore, operations: Parameters<EdgeStore['applyBatch']>[1]): void {
  assert.deepEqual(store.applyBatch(CLUSTER, operations).nacks, []);
}

function marked(object: KubeObject): KubeObject {
  const metadata = { ...object.metadata, deletionTimestamp: '2026-03-01T12:00:30Z', deletionGracePeriodSeconds: 30 };
  return { ...object, metadata };
}

function numberOf(store: EdgeStore, resource: string, name: string): number {
  const report = store.outbox.pending(100).find((one) => one.resource === resource && one.name === name);
  store.outbox.release();
  return report?.number ?? assert.fail(`no report of ${resource}/${name} waits`);
}

/** All that a store says of itself, but for what each open changes. */
function contents(store: EdgeStore): string {
  const reports = store.outbox.pending(1_000);
  store.outbox.release();
  return JSON.stringify({
    objects: API_RESOURCES.map(({ id }) => store.storage.list(id)),
    held: [...store.inventory()],
    digest: store.digest(),
    revision: store.storage.revision(),
    reports,
    refusals: store.outbox.refusals(),
    token: store.tokens.get(TOKEN),
    answer: store.answers.get(storageKey('configmaps', 'asked')),
    fact: store.fact('sync.last'),
  });
}

/** SQLite, "WAL Format": a header of 32 bytes with the page size at its 8th, then frames of 24 bytes and a page. */
const LOG_HEADER = 32;
const FRAME_HEADER = 24;

const frameSize = (log: Buffer) => FRAME_HEADER + log.readUInt32BE(8);

/** A copy of database and log, the log cut after so many bytes and with `tail` behind that. */
function copyTo(folder: string, path: string, log: Buffer, bytes: number, tail = Buffer.alloc(0)): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  const copy = join(folder, 'agent.db');
  copyFileSync(path, copy);
  writeFileSync(`${copy}-wal`, Buffer.concat([log.subarray(0, bytes), tail]), { mode: 0o600 });
  return copy;
}

describe('a power cut', () => {
  it('takes nothing that a write was answered for, wherever the log is cut behind it', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'store', 'agent.db');
    const store = openTestStore(path);
    t.after(() => store.close());
    const states: { readonly name: string; readonly end: number; readonly contents: string }[] = [];
    const note = (name: string) => states.push({ name, end: readFileSync(`${path}-wal`).length, contents: contents(store) });
    note('nothing yet');
    for (const { name, write } of WRITES) {
      write(store);
      note(name);
    }
    const log = readFileSync(`${path}-wal`);
    const frame = frameSize(log);
    let cuts = 0;
    for (const [index, state] of states.entries()) {
      const next = states[index + 1]?.end ?? state.end + frame;
      assert.equal((Math.max(state.end, LOG_HEADER) - LOG_HEADER) % frame, 0, state.name);
      for (let bytes = state.end; bytes < next; bytes += frame) {
        // The frame behind the cut came to the disk in part, or not at all, or as what had stood there before.
        const torn = [log.subarray(bytes, bytes + frame / 2), Buffer.alloc(frame, 0xa5)];
        for (const tail of [Buffer.alloc(0), ...(bytes + frame === next ? torn : [])]) {
          const copy = openTestStore(copyTo(join(folder, 'copy'), path, log, bytes, tail));
          try {
            assert.equal(
              contents(copy),
              state.contents,
              `${state.name}: ${bytes} of ${log.length} bytes of the log, and ${tail.length}`,
            );
          } finally {
            copy.close();
          }
          cuts++;
        }
      }
    }
    t.diagnostic(`${WRITES.length} kinds of writes, ${cuts} cuts of a log of ${log.length} bytes`);
  });
});

describe('a database without the log that it had', () => {
  const FACTS = ['sync.last'];
  const reopen = (path: string) => openStore({ path, logger: silent, clock, factsOfWhole: FACTS });

  /** A store that was in use, and the database alone from beside its log. */
  function lost(t: TestContext) {
    const folder = temporaryFolder(t);
    const path = join(folder, 'store', 'agent.db');
    const store = openTestStore(path);
    t.after(() => store.close());
    store.applyBatch(CLUSTER, [upsert(POD, '7', testObject(POD, 'uid-web')), upsert(MAP, '5', testObject(MAP, 'uid-map'))]);
    store.setFact('sync.last', '2026-01-01T00:00:00Z');
    store.close();
    const again = openTestStore(path);
    t.after(() => again.close());
    writeStatus(again, POD, { phase: 'Running' });
    const copy = join(folder, 'copy', 'agent.db');
    mkdirSync(join(folder, 'copy'), { mode: 0o700 });
    writeFileSync(copy, readFileSync(path), { mode: 0o600 });
    return { copy, digest: again.digest(), revision: again.storage.revision() };
  }

  it('does not say any more that it holds all, and has no version that would spare it the inventory', (t) => {
    const { copy, digest } = lost(t);
    const store = reopen(copy);
    t.after(() => store.close());
    assert.equal(store.fact('sync.last'), undefined);
    assert.notEqual(store.digest(), digest);
    assert.deepEqual(
      [...store.inventory()].map(({ key, version }) => [key, version.resourceVersion]),
      [
        ['configmaps/default/settings', '0'],
        ['pods/default/web', '0'],
      ],
    );
    assert.equal(served(store, POD).metadata.uid, 'uid-web');
  });

  it('tells every watch from before to list again, whatever the clock says', (t) => {
    const { copy, revision } = lost(t);
    const store = openStore({ path: copy, logger: silent, clock: { now: () => new Date(0) }, factsOfWhole: FACTS });
    t.after(() => store.close());
    assert.ok(store.storage.revision() > revision);
    assert.throws(() => store.storage.changesAfter('pods', revision), CompactedError);
    writeStatus(store, POD, { phase: 'Running' });
    assert.throws(() => store.storage.changesAfter('pods', revision), CompactedError);
  });

  it('stays unwhole over restarts until the cloud has said what is missing', (t) => {
    const { copy } = lost(t);
    reopen(copy).close();
    const store = reopen(copy);
    t.after(() => store.close());
    assert.equal(store.fact('sync.last'), undefined);
    assert.notEqual(store.digest(), digestOfWhole(store));
  });

  it('is not what a clean end leaves, nor one by kill, nor an open that was refused', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'store', 'agent.db');
    const store = openTestStore(path);
    store.setFact('sync.last', 'now');
    store.close();
    assert.equal(existsSync(`${path}-wal`), false);
    const second = reopen(path);
    assert.equal(second.fact('sync.last'), 'now');
    // As a kill leaves it: database and log, and nobody who closes them.
    const log = readFileSync(`${path}-wal`);
    const copy = copyTo(join(folder, 'copy'), path, log, log.length);
    second.close();
    const refusing = () => openStore({ path: copy, logger: silent, clock, seal: () => assert.fail('no key') });
    assert.throws(refusing, /no key/);
    assert.equal(existsSync(`${copy}-wal`), false);
    const third = reopen(copy);
    t.after(() => third.close());
    assert.equal(third.fact('sync.last'), 'now');
  });

  function digestOfWhole(store: EdgeStore): string {
    store.applyBatch(CLUSTER, [upsert(POD, '7', testObject(POD, 'uid-web')), upsert(MAP, '5', testObject(MAP, 'uid-map'))]);
    return store.digest();
  }
});
