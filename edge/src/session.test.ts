import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AgentMessage,
  decodeAgentMessage,
  encodeRelayMessage,
  HawserError,
  type RelayMessage,
  type Welcome,
} from '@hawser/protocol';
import { HeldMessages, MOST_HELD_BYTES, MOST_HELD_MESSAGES } from './held-messages.ts';
import type { Link, LinkState } from './link/index.ts';
import { simulatedClock } from './link/simulated-clock.ts';
import { createSession } from './session.ts';
import { NoRoomError } from './store/no-room.ts';
import { CLUSTER, silent, storageKey, testObject, testStore, upsert } from './store/testing.ts';
import type { EdgeStore } from './store/types.ts';
import { createSync } from './sync/index.ts';
import { createQueries, createUpstream } from './upstream/index.ts';

const NO_ROOM = new NoRoomError('there is no room on the disk');

interface Disk {
  /** What each write ends with. */
  fails: HawserError | undefined;
}

const WELCOME: Welcome = {
  type: 'welcome',
  protocolVersion: 1,
  features: [],
  dictionaries: [],
  relayVersion: '9.9',
  clusterUid: CLUSTER,
  epoch: 1,
  nodeName: 'edge-1',
  status: { state: 'syncing', detail: '' },
};

function batch(number: number, complete = false): RelayMessage {
  const key = storageKey('configmaps', `map-${number}`);
  const { key: text, change } = upsert(key, String(number), testObject(key, `uid-${number}`));
  return { type: 'batch', number, operations: [{ object: number, key: text, change }], complete };
}

/** The store on a disk on which writes fail as long as `disk.fails` says with what. */
function onDisk(store: EdgeStore, disk: Disk) {
  const required = () => {
    if (disk.fails !== undefined) throw disk.fails;
  };
  return {
    identity: () => store.identity(),
    fact: (name: string) => store.fact(name),
    digest: () => store.digest(),
    objectCount: () => store.objectCount(),
    inventory: () => store.inventory(),
    outdateAnswers: () => store.outdateAnswers(),
    bindCluster: (uid: string) => store.bindCluster(uid),
    enterEpoch: (epoch: number) => store.enterEpoch(epoch),
    applyBatch(...batch: Parameters<EdgeStore['applyBatch']>) {
      required();
      return store.applyBatch(...batch);
    },
    setFact(name: string, value: string) {
      required();
      store.setFact(name, value);
    },
    setFacts(facts: Readonly<Record<string, string>>) {
      required();
      store.setFacts(facts);
    },
  };
}

function scene(t: Parameters<typeof testStore>[0]) {
  const clock = simulatedClock();
  const disk: Disk = { fails: undefined };
  const store = testStore(t);
  const sent: AgentMessage[] = [];
  const dropped: string[] = [];
  const redials: number[] = [];
  const since = clock.now();
  const state: LinkState = { name: 'open', url: 'wss://relay', since };
  const link: Link = {
    start() {},
    send: (frame) => sent.push(decodeAgentMessage(frame)),
    welcomed() {},
    drop: (reason) => dropped.push(reason),
    goodbye: (reason) => dropped.push(reason),
    moved: (reason) => dropped.push(reason),
    redial: () => redials.push(clock.time()),
    state: () => state,
    stats: () => ({ dials: 0, opened: 0, failures: {}, bytesRead: 0, bytesWritten: 0 }),
    close() {},
  };
  const sync = createSync({ store: onDisk(store, disk), agentVersion: '1.2.3', logger: silent, clock });
  const session = createSession({
    sync,
    upstream: createUpstream({
      ...{ outbox: store.outbox, nodeName: 'edge-1', clock, random: () => 0.5, logger: silent },
      send: () => assert.fail('nothing is reported'),
    }),
    queries: createQueries({ send: () => assert.fail('nothing is asked'), clock, logger: silent }),
    kubelet: { isAlive: () => true },
    credentials: { receive() {}, revoked: () => false },
    ...{ nodeName: 'edge-1', clock, logger: silent },
  });
  const acks = () => sent.flatMap((message) => (message.type === 'ack' ? [message.number] : []));
  const give = (message: RelayMessage) => session.frame(link, encodeRelayMessage(message));
  const begin = () => {
    session.connected(link);
    give(WELCOME);
  };
  return { clock, disk, store, session, sync, sent, dropped, redials, acks, give, begin };
}

test('a batch for which the disk has no room is not acknowledged, the link stands, and all comes in order once there is room', (t) => {
  const { clock, disk, store, sync, dropped, acks, give, begin } = scene(t);
  begin();
  give(batch(1));
  disk.fails = NO_ROOM;
  for (const number of [2, 3, 4]) give(batch(number, number === 4));
  give({ type: 'status', status: { state: 'inSync', detail: '' } });
  clock.advance(120_000);
  assert.deepEqual(acks(), [1]);
  assert.deepEqual(dropped, []);
  assert.equal(sync.state().name, 'syncing');
  assert.equal(store.objectCount(), 1);

  disk.fails = undefined;
  clock.advance(10_000);
  assert.deepEqual(acks(), [1, 2, 3, 4]);
  assert.equal(sync.state().name, 'inSync');
  assert.equal(store.objectCount(), 4);
  give(batch(5));
  assert.deepEqual(acks(), [1, 2, 3, 4, 5]);
  assert.deepEqual(dropped, []);
});

test('a full disk does not keep a session from beginning', (t) => {
  const { disk, dropped, sent, begin } = scene(t);
  disk.fails = NO_ROOM;
  begin();
  assert.deepEqual(
    sent.map(({ type }) => type),
    ['hello', 'kubelet'],
  );
  assert.deepEqual(dropped, []);
});

test('what waits for room on the disk is forgotten with its link, and comes again', (t) => {
  const { clock, disk, session, dropped, acks, give, begin } = scene(t);
  begin();
  disk.fails = NO_ROOM;
  give(batch(1));
  session.down();
  disk.fails = undefined;
  begin();
  clock.advance(60_000);
  assert.deepEqual(acks(), []);
  give(batch(1));
  assert.deepEqual(acks(), [1]);
  assert.deepEqual(dropped, []);
});

test('a link on which nothing can be taken is made anew before the relay gives it up', (t) => {
  const { clock, disk, session, redials, acks, give, begin } = scene(t);
  begin();
  disk.fails = NO_ROOM;
  for (const round of [1, 2]) {
    give(batch(1));
    clock.advance(1_000_000);
    assert.equal(redials.length, round);
    session.down();
    begin();
  }
  assert.equal(redials[0], 240_000);
  disk.fails = undefined;
  give(batch(1));
  assert.deepEqual(acks(), [1]);
});

test('a delete that waits for room counts once among those that a relay may send before it has marked its set', (t) => {
  const { clock, disk, dropped, acks, give, begin } = scene(t);
  begin();
  give(batch(1));
  disk.fails = NO_ROOM;
  const key = upsert(storageKey('configmaps', 'map-1'), '1', testObject(storageKey('configmaps', 'map-1'), 'uid-1')).key;
  give({ type: 'batch', number: 2, operations: [{ object: 1, key, change: { type: 'delete', uid: 'uid-1' } }], complete: false });
  clock.advance(200_000);
  disk.fails = undefined;
  clock.advance(10_000);
  assert.deepEqual(acks(), [1, 2]);
  assert.deepEqual(dropped, []);
});

test('a relay that sends on without acknowledgements loses its link at a bound', (t) => {
  const { disk, dropped, give, begin } = scene(t);
  begin();
  disk.fails = NO_ROOM;
  for (let number = 1; number <= MOST_HELD_MESSAGES; number += 1) give(batch(number));
  assert.deepEqual(dropped, []);
  give(batch(MOST_HELD_MESSAGES + 1));
  assert.deepEqual(dropped, ['the agent could not take a message']);
});

test('messages are held up to a number of bytes, though always one', () => {
  const held = new HeldMessages();
  const status = { type: 'status', status: { state: 'inSync', detail: '' } } as const;
  assert.ok(held.push(status, MOST_HELD_BYTES + 1));
  assert.ok(!held.push(status, 1));
  held.take(() => {});
  assert.ok(held.isEmpty());
  assert.ok(held.push(status, MOST_HELD_BYTES - 1));
  assert.ok(held.push(status, 1));
  assert.ok(!held.push(status, 1));
});

test('what is too large in itself is no want of room: it ends the link at once, and is not held', (t) => {
  const { clock, disk, store, dropped, redials, acks, give, begin } = scene(t);
  begin();
  disk.fails = new HawserError('too_large', 'object of 9 bytes is over 8');
  give(batch(1));
  assert.deepEqual(dropped, ['the agent could not take a message']);
  disk.fails = undefined;
  clock.advance(300_000);
  assert.deepEqual([acks(), redials, store.objectCount()], [[], [], 0]);
});
