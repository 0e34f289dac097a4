import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  type Batch,
  DICTIONARIES,
  Digest,
  encodeDelta,
  type Inventory,
  type Operation,
  type RelayMessage,
  type SessionState,
  type Welcome,
} from '@hawser/protocol';
import Database from 'better-sqlite3';
import {
  CLUSTER,
  clock,
  create,
  keyText,
  openTestStore,
  removal,
  silent,
  storageKey,
  temporaryFolder,
  testObject,
  testStore,
  touch,
  upsert,
} from '../store/testing.ts';
import type { EdgeStore } from '../store/types.ts';
import { createSync } from './sync.ts';
import { SYNC_FACTS, type Sync } from './types.ts';

const map = (n: number) => storageKey('configmaps', `map-${n}`);
const put = (n: number, resourceVersion: string) =>
  upsert(map(n), resourceVersion, testObject(map(n), `uid-${n}`, { data: { resourceVersion } }));

function newSync(store: EdgeStore): Sync {
  return createSync({ store, agentVersion: '1.2.3', logger: silent, clock });
}

function welcome(fields: Partial<Welcome> = {}): Welcome {
  return {
    type: 'welcome',
    protocolVersion: 1,
    features: [],
    dictionaries: [],
    relayVersion: '9.9',
    clusterUid: CLUSTER,
    epoch: 1,
    nodeName: 'edge-1',
    status: { state: 'syncing', detail: '' },
    ...fields,
  };
}

function status(state: SessionState, detail = ''): RelayMessage {
  return { type: 'status', status: { state, detail } };
}

function batch(number: number, operations: readonly Operation[], complete = false): Batch {
  return { type: 'batch', number, operations, complete };
}

/** The operation with a session number; `key` as on its first use. */
function numbered(object: number, { key, change }: ReturnType<typeof put>, withKey = true): Operation {
  return { object, key: withKey ? key : undefined, change };
}

function started(t: TestContext): { store: EdgeStore; sync: Sync } {
  const store = testStore(t);
  const sync = newSync(store);
  sync.hello();
  sync.receive(welcome());
  return { store, sync };
}

describe('a session', () => {
  it('begins with what the store holds', (t) => {
    const store = testStore(t);
    store.applyBatch(CLUSTER, [put(1, '5')]);
    create(store, storageKey('pods', 'own'), 'p1');
    const { digest, objects, storeId, clusterUid, epoch, agentVersion, protocolVersions } = newSync(store).hello();
    const expected = new Digest();
    for (const { key, version } of store.inventory()) expected.add(key, version);
    assert.deepEqual({ digest, objects }, { digest: expected.toString(), objects: 1 });
    assert.deepEqual({ storeId, clusterUid, epoch }, store.identity());
    assert.equal(agentVersion, '1.2.3');
    assert.deepEqual(protocolVersions, [1]);
  });

  it('holds all that the cloud wants until the moment in which it is in sync no longer', (t) => {
    const store = testStore(t);
    let now = new Date('2026-03-01T12:00:00.000Z');
    const sync = createSync({ store, agentVersion: '1.2.3', logger: silent, clock: { now: () => now } });
    sync.hello();
    sync.receive(welcome());
    sync.receive(status('inSync'));
    now = new Date('2026-03-04T12:00:00.000Z');
    sync.disconnected();
    assert.equal(store.fact(SYNC_FACTS.lastSync), '2026-03-04T12:00:00.000Z');
    now = new Date('2026-03-05T12:00:00.000Z');
    sync.hello();
    sync.receive(welcome({ status: { state: 'syncing', detail: '' } }));
    sync.disconnected();
    assert.equal(store.fact(SYNC_FACTS.lastSync), '2026-03-04T12:00:00.000Z');
  });

  it('says since when it is disconnected, also after a process that had no time to', (t) => {
    const store = testStore(t);
    let now = new Date('2026-03-01T12:00:00.000Z');
    const start = () => createSync({ store, agentVersion: '1.2.3', logger: silent, clock: { now: () => now } });
    const killed = start();
    killed.hello();
    killed.receive(welcome());
    killed.receive(status('inSync'));
    now = new Date('2026-03-02T12:00:00.000Z');
    start();
    assert.equal(store.fact(SYNC_FACTS.session), 'disconnected');
    assert.equal(store.fact(SYNC_FACTS.since), '2026-03-02T12:00:00.000Z');
    now = new Date('2026-03-03T12:00:00.000Z');
    start();
    assert.equal(store.fact(SYNC_FACTS.since), '2026-03-02T12:00:00.000Z');
  });

  it('goes through its states as the relay tells them, and leaves them in the store', (t) => {
    const store = testStore(t);
    const sync = newSync(store);
    const seen: string[] = [];
    sync.onState(({ name }) => seen.push(name));
    assert.equal(store.fact(SYNC_FACTS.session), 'disconnected');
    sync.hello();
    sync.receive(welcome({ status: { state: 'nodeMissing', detail: 'no Node edge-1' } }));
    assert.deepEqual(sync.state(), { name: 'waiting', relay: 'nodeMissing', detail: 'no Node edge-1' });
    assert.equal(store.fact(SYNC_FACTS.session), 'waiting: nodeMissing');
    assert.equal(store.fact(SYNC_FACTS.lastSync), undefined);
    sync.receive(status('syncing'));
    sync.receive(status('inSync'));
    assert.equal(store.fact(SYNC_FACTS.lastSync), '2026-03-01T12:00:00.000Z');
    sync.disconnected();
    sync.disconnected();
    assert.deepEqual(seen, ['greeting', 'waiting', 'syncing', 'inSync', 'disconnected']);
    assert.deepEqual([store.fact(SYNC_FACTS.relayVersion), store.fact(SYNC_FACTS.nodeName)], ['9.9', 'edge-1']);
  });

  it('remembers why the relay ended it until the next one', (t) => {
    const { sync } = started(t);
    const goodbye = { reason: 'replaced', detail: 'a newer link', retryAfterMs: 5_000 } as const;
    assert.deepEqual(sync.receive({ type: 'goodbye', ...goodbye }), []);
    assert.deepEqual(sync.state(), { name: 'ended', goodbye });
    sync.disconnected();
    assert.deepEqual(sync.state(), { name: 'disconnected', goodbye });
    sync.hello();
    assert.deepEqual(sync.state(), { name: 'greeting' });
  });

  it('offers deltas and the static dictionaries that it has', (t) => {
    const { features, dictionaries } = newSync(testStore(t)).hello();
    assert.deepEqual(features, ['delta']);
    assert.deepEqual(
      dictionaries,
      DICTIONARIES.map(({ id }) => id),
    );
  });

  it('binds a new store to the first cluster and takes nothing from another', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    t.after(() => store.close());
    const sync = newSync(store);
    sync.hello();
    assert.throws(() => sync.receive(welcome({ clusterUid: 'another' })), { code: 'wrong_cluster' });
    assert.throws(() => sync.receive(batch(1, [numbered(1, put(1, '1'))])), { code: 'protocol' });
    assert.equal(store.objectCount(), 0);
    assert.equal(store.identity().clusterUid, CLUSTER);
  });
});

describe('a batch', () => {
  it('is applied and acknowledged with the digest afterwards', (t) => {
    const { store, sync } = started(t);
    const first = sync.receive(batch(1, [numbered(1, put(1, '1')), numbered(2, put(2, '2'))]));
    assert.deepEqual(first, [{ type: 'ack', number: 1, digest: store.digest(), nacks: [] }]);
    const second = sync.receive(
      batch(2, [numbered(1, touch(map(1), '3'), false), numbered(2, removal(map(2), 'uid-2'), false)], true),
    );
    assert.deepEqual(second, [{ type: 'ack', number: 2, digest: store.digest(), nacks: [] }]);
    assert.deepEqual(
      [...store.inventory()].map(({ key, version }) => [key, version.resourceVersion]),
      [[keyText(map(1)), '3']],
    );
    assert.equal(store.fact(SYNC_FACTS.lastSync), '2026-03-01T12:00:00.000Z', 'the last one said that it was complete');
    assert.deepEqual(sync.stats(), {
      batches: 2,
      operations: 4,
      nacks: 0,
      inventories: 0,
      checks: 0,
      byType: { upsert: 2, upsertDelta: 0, touch: 1, delete: 1 },
    });
  });

  it('asks for an object whole by its number when a delta of it cannot be applied, and counts what it had', (t) => {
    const { store, sync } = started(t);
    sync.receive(batch(1, [numbered(7, put(1, '1'))]));
    const before = store.digest();
    const change = { type: 'upsertDelta', resourceVersion: '2', baseHash: '0'.repeat(16), hash: '1'.repeat(16) } as const;
    const delta = { object: 7, key: undefined, change: { ...change, ...encodeDelta('a', 'b') } };
    const [ack] = sync.receive(batch(2, [delta]));
    assert.equal(ack?.type, 'ack');
    assert.deepEqual(ack.type === 'ack' && ack.nacks.map(({ object, reason }) => [object, reason]), [[7, 'baseUnknown']]);
    assert.equal(ack.type === 'ack' && ack.digest, before);
  });

  it('refuses objects by their number', (t) => {
    const { sync } = started(t);
    const [ack] = sync.receive(batch(1, [numbered(7, put(1, '1')), numbered(9, touch(map(2), '5'))]));
    assert.equal(ack?.type, 'ack');
    assert.deepEqual(ack.type === 'ack' && ack.nacks.map(({ object, reason }) => [object, reason]), [[9, 'baseUnknown']]);
    assert.equal(sync.stats().nacks, 1);
  });

  const wrong: Readonly<Record<string, RelayMessage[]>> = {
    'with a gap before it': [batch(2, [])],
    'that was there already': [batch(1, []), batch(1, [])],
    'with a number that has no key': [batch(1, [numbered(1, put(1, '1'), false)])],
    'with another key for a known number': [batch(1, [numbered(1, put(1, '1'))]), batch(2, [numbered(1, put(2, '1'))])],
    'before a second welcome': [welcome()],
  };
  for (const [name, messages] of Object.entries(wrong)) {
    it(`${name} is a protocol error, and nothing of it is applied`, (t) => {
      const { store, sync } = started(t);
      for (const message of messages.slice(0, -1)) sync.receive(message);
      const before = store.digest();
      assert.throws(() => messages.slice(-1).map((message) => sync.receive(message)), { code: 'protocol' });
      assert.equal(store.digest(), before);
    });
  }

  it('counts from 1 and names its objects anew on each link', (t) => {
    const { sync } = started(t);
    sync.receive(batch(1, [numbered(1, put(1, '1'))]));
    sync.disconnected();
    assert.throws(() => sync.receive(batch(2, [])), { code: 'protocol' });
    sync.hello();
    sync.receive(welcome());
    assert.equal(sync.receive(batch(1, [numbered(1, put(2, '2'))])).length, 1);
  });
});

describe('an inventory', () => {
  it('comes in frames of at most 500 entries, numbered from 1, and batches go on after it', (t) => {
    const { store, sync } = started(t);
    sync.receive(
      batch(
        1,
        Array.from({ length: 1_001 }, (_, n) => numbered(n + 1, put(n, '1'))),
      ),
    );
    create(store, storageKey('pods', 'own'), 'p1');
    const frames = sync
      .receive({ type: 'inventoryRequest' })
      .filter((message): message is Inventory => message.type === 'inventory');
    assert.deepEqual(
      frames.map(({ entries, last }) => [entries.length, last]),
      [
        [500, false],
        [500, false],
        [1, true],
      ],
    );
    const entries = frames.flatMap((frame) => frame.entries);
    assert.deepEqual(
      entries.map(({ number }) => number),
      Array.from({ length: 1_001 }, (_, n) => n + 1),
    );
    const digest = new Digest();
    for (const { key, version } of entries) digest.add(key, version);
    assert.equal(digest.toString(), store.digest());
    const third = entries[2];
    assert.ok(third);
    sync.receive(batch(2, [{ object: 3, key: undefined, change: { type: 'delete', uid: third.version.uid } }]));
    assert.ok([...store.inventory()].every(({ key }) => key !== third.key));
    sync.receive(batch(3, [numbered(1_002, put(5_000, '2'))]));
    assert.equal(store.objectCount(), 1_001);
  });

  it('of an empty store is one empty frame', (t) => {
    const { sync } = started(t);
    assert.deepEqual(sync.receive({ type: 'inventoryRequest' }), [{ type: 'inventory', entries: [], last: true }]);
  });

  it('says which versions were refused', (t) => {
    const { sync } = started(t);
    const { key, change } = put(1, '1');
    assert.ok(change.type === 'upsert');
    const damaged = { ...change, version: { ...change.version, hash: '0123456789abcdef' } };
    sync.receive(batch(1, [{ object: 1, key, change: damaged }]));
    assert.deepEqual(sync.receive({ type: 'inventoryRequest' }), [
      { type: 'inventory', entries: [{ number: 1, key, version: damaged.version, refused: true }], last: true },
    ]);
  });
});

it('leaves answers to reports to the outbox', (t) => {
  const { sync } = started(t);
  assert.deepEqual(
    sync.receive({ type: 'reportAnswer', number: 1, outcome: { type: 'unavailable', retryAfterMs: 0, message: '' } }),
    [],
  );
});

describe('a relay that deletes most of what is held', () => {
  const HELD = 30;

  function holding(t: TestContext) {
    const store = testStore(t);
    const all = Array.from({ length: HELD }, (_, n) => n);
    store.applyBatch(
      CLUSTER,
      all.map((n) => put(n, '5')),
    );
    const sync = newSync(store);
    sync.hello();
    sync.receive(welcome());
    sync.receive({ type: 'inventoryRequest' });
    const numbers = new Map([...store.inventory()].map(({ key }, index) => [key, index + 1]));
    const deletes = (from: number, to: number) =>
      all.slice(from, to).map((n) => numbered(numbers.get(keyText(map(n))) ?? 0, removal(map(n), `uid-${n}`), false));
    return { store, sync, deletes };
  }

  it('is not obeyed before it has marked its set as complete', (t) => {
    const { store, sync, deletes } = holding(t);
    sync.receive(batch(1, deletes(0, 15)));
    assert.equal(store.objectCount(), 15);
    assert.throws(() => sync.receive(batch(2, deletes(15, 16))), { code: 'protocol', message: /not marked its set as complete/ });
    assert.equal(store.objectCount(), 15);
  });

  it('is obeyed with the mark, and after it', (t) => {
    const { store, sync, deletes } = holding(t);
    sync.receive(batch(1, deletes(0, 20), true));
    sync.receive(batch(2, deletes(20, HELD)));
    assert.equal(store.objectCount(), 0);
  });

  it('is obeyed once both sides were in sync', (t) => {
    const { store, sync, deletes } = holding(t);
    sync.receive(status('inSync'));
    sync.receive(batch(1, deletes(0, HELD)));
    assert.equal(store.objectCount(), 0);
  });
});

describe('a check', () => {
  /** As another process would, then the re-reading that finds it. */
  function damageRow(store: EdgeStore, statement: string): void {
    const db = new Database(store.path);
    db.exec(statement);
    db.close();
    while (!store.recheck.step());
  }

  it('is sent once when the digest is another than the relay was told, with the last batch that was acknowledged', (t) => {
    const { store, sync } = started(t);
    assert.equal(sync.check(), undefined);
    sync.receive(batch(1, [numbered(1, put(1, '1')), numbered(2, put(2, '2'))]));
    assert.equal(sync.check(), undefined);
    damageRow(store, "UPDATE objects SET body = '{}' WHERE name = 'map-1'");
    assert.deepEqual(sync.check(), { type: 'check', number: 1, digest: store.digest() });
    assert.equal(sync.check(), undefined);
    assert.equal(sync.stats().checks, 1);
    damageRow(store, "DELETE FROM objects WHERE name = 'map-2'");
    assert.deepEqual(sync.check(), { type: 'check', number: 1, digest: store.digest() }, 'what comes after is told too');
  });

  it('is about no batch before the first, and needs a session', (t) => {
    const store = testStore(t);
    store.applyBatch(CLUSTER, [put(1, '1')]);
    const sync = newSync(store);
    sync.hello();
    damageRow(store, "UPDATE objects SET body = '{}'");
    assert.equal(sync.check(), undefined, 'the relay has not answered');
    sync.receive(welcome());
    assert.deepEqual(sync.check(), { type: 'check', number: 0, digest: store.digest() }, 'the hello said something else');
    sync.disconnected();
    damageRow(store, 'DELETE FROM objects');
    assert.equal(sync.check(), undefined);
    assert.equal(sync.hello().digest, store.digest());
  });

  it('is not needed when an inventory has told more, or an ack the same', (t) => {
    const { store, sync } = started(t);
    sync.receive(batch(1, [numbered(1, put(1, '1')), numbered(2, put(2, '2'))]));
    damageRow(store, "UPDATE objects SET body = '{}' WHERE name = 'map-1'");
    sync.receive({ type: 'inventoryRequest' });
    assert.equal(sync.check(), undefined);
    damageRow(store, "UPDATE objects SET body = '{}' WHERE name = 'map-2'");
    sync.receive(batch(2, [numbered(3, put(3, '3'))]));
    assert.equal(sync.check(), undefined);
  });
});

describe('epochs of the cluster', () => {
  it('are claimed at once by a store that holds nothing', (t) => {
    const { store, sync } = started(t);
    assert.equal(store.identity().epoch, 1);
    assert.equal(sync.hello().epoch, 1);
  });

  it('are claimed when all that is held was compared, and not by the mark of completeness: deletes may follow it', (t) => {
    const store = testStore(t);
    store.applyBatch(CLUSTER, [put(1, '50'), put(2, '60')]);
    const sync = newSync(store);
    assert.equal(sync.hello().epoch, undefined);
    sync.receive(welcome({ epoch: 2 }));
    sync.receive({ type: 'inventoryRequest' });
    sync.receive(batch(1, [numbered(1, put(1, '10'), false)], true));
    assert.equal(newSync(store).hello().epoch, undefined, 'a crash here leaves the old one');
    sync.hello();
    sync.receive(welcome({ epoch: 2 }));
    sync.receive(status('syncing'));
    sync.receive(status('inSync'));
    assert.equal(sync.hello().epoch, 2);
  });

  it('do not go back: a relay of an older one is not listened to', (t) => {
    const store = testStore(t);
    store.enterEpoch(2);
    const sync = newSync(store);
    sync.hello();
    assert.throws(() => sync.receive(welcome({ epoch: 1 })), { code: 'protocol', message: /epoch 1 .* 2/ });
    assert.throws(() => sync.receive(batch(1, [numbered(1, put(1, '1'))])), { code: 'protocol' });
    assert.equal(store.objectCount(), 0);
  });
});
