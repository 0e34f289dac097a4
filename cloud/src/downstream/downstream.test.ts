import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Batch, HawserError, type JsonObject, type ObjectKey, objectKey } from '@hawser/protocol';
import { EDGE_LABEL } from '../locating/index.ts';
import type { DownstreamLimits } from './limits.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { ModelAgent } from './testing/model-agent.ts';
import { ModelCluster } from './testing/model-cluster.ts';
import { ModelLink } from './testing/model-link.ts';
import { ModelRelay } from './testing/model-relay.ts';

const NODE = objectKey('nodes', '', 'edge-1');
const POD = objectKey('pods', 'shop', 'cart');
const CONFIG = objectKey('configmaps', 'shop', 'cart');
const SECRET = objectKey('secrets', 'shop', 'cart');
const EDGE: JsonObject = { labels: { [EDGE_LABEL]: '' } };
const FIVE_MINUTES = 5 * 60_000;

function podFields(node: string | undefined, ...configs: string[]): JsonObject {
  const volumes = configs.map((name) => ({ name, configMap: { name } }));
  return { spec: { ...(node === undefined ? {} : { nodeName: node }), volumes, containers: [] } };
}

/** Bytes that do not compress, the same for the same seed. */
function noise(bytes: number, seed = 1): string {
  let state = seed;
  return Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return String.fromCharCode(33 + ((state >>> 16) % 90)).replace(/["\\]/, '~');
  }).join('');
}

function setUp(limits: Partial<DownstreamLimits> = {}) {
  const clock = new ManualClock();
  const cluster = new ModelCluster();
  cluster.put(NODE, EDGE);
  const agent = new ModelAgent();
  const relay = new ModelRelay(cluster, clock, limits);
  relay.catchUp();
  const connect = () => new ModelLink(agent, relay.downstream, 'edge-1');
  const heldKeys = () => [...agent.held.keys()].sort();
  return { clock, cluster, agent, relay, connect, heldKeys };
}

function batches(link: ModelLink): Batch[] {
  return link.sent.filter((message) => message.type === 'batch');
}

function sentKinds(link: ModelLink): string[] {
  return batches(link).flatMap(({ operations }) => operations.map(({ change }) => change.type));
}

function keysInOrder(link: ModelLink): (ObjectKey | undefined)[] {
  return batches(link).flatMap(({ operations }) => operations.map(({ key }) => key));
}

describe('what is sent', () => {
  test('a new device gets its Node, then what the pod needs, then the pod, and the mark of completeness', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { greeting: 'hello' } });
    cluster.put(objectKey('configmaps', 'shop', 'unrelated'), { data: {} });
    relay.catchUp();
    const link = connect();
    assert.equal(link.welcome.state, 'syncing');
    link.drain();
    assert.deepEqual(keysInOrder(link), [NODE, CONFIG, POD]);
    assert.equal(batches(link).at(-1)?.complete, true);
    assert.equal(link.session.status().state, 'inSync');
    assert.equal(agent.held.size, 3);
  });

  test('a device that holds what it should is in sync with the welcome, and nothing is sent', () => {
    const { cluster, relay, connect } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    connect().drain();
    const again = connect();
    assert.equal(again.welcome.state, 'inSync');
    again.drain();
    assert.deepEqual(again.sent, []);
  });

  test('after such a beginning a change names its object by key once and by number after', () => {
    const { cluster, relay, connect } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { greeting: 'hello' } });
    relay.catchUp();
    connect().drain();
    const link = connect();
    for (const greeting of ['moin', 'servus']) {
      cluster.put(CONFIG, { data: { greeting } });
      relay.catchUp();
      link.drain();
    }
    assert.deepEqual(keysInOrder(link), [CONFIG, undefined]);
    assert.deepEqual(new Set(batches(link).flatMap(({ operations }) => operations.map(({ object }) => object))), new Set([1]));
    assert.ok(
      link.sent.every(({ type }) => type === 'batch'),
      'a change that fits the window changes no status',
    );
  });

  test('a write that changes only the resourceVersion is a touch', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    const link = connect();
    link.drain();
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    link.drain();
    assert.equal(sentKinds(link).at(-1), 'touch');
    assert.equal(agent.held.get(CONFIG)?.version.resourceVersion, cluster.resourceVersion);
  });

  test('an object that is deleted and made again reaches the device in one step, with its new uid', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { a: '1' } });
    relay.catchUp();
    const link = connect();
    link.drain();
    const before = agent.held.get(CONFIG)?.version.uid;
    cluster.remove(CONFIG);
    cluster.put(CONFIG, { data: { a: '1' } });
    relay.catchUp();
    link.drain();
    assert.equal(sentKinds(link).at(-1), 'upsert');
    assert.notEqual(agent.held.get(CONFIG)?.version.uid, before);
    assert.equal(agent.held.get(CONFIG)?.version.uid, cluster.objects.get(CONFIG)?.uid);
  });

  test('when the last pod goes, the pod and then what it needed are deleted', () => {
    const { cluster, relay, connect, agent, heldKeys } = setUp();
    const second = objectKey('pods', 'shop', 'second');
    cluster.put(CONFIG, { data: {} });
    for (const pod of [POD, second]) cluster.put(pod, podFields('edge-1', 'cart'));
    relay.catchUp();
    const link = connect();
    link.drain();
    cluster.remove(POD);
    relay.catchUp();
    link.drain();
    assert.deepEqual(heldKeys(), [CONFIG, NODE, second]);
    const deleted: ObjectKey[] = [];
    agent.onOperation = (key, { change }) => {
      assert.equal(change.type, 'delete');
      deleted.push(key);
    };
    cluster.remove(second);
    relay.catchUp();
    link.drain();
    assert.deepEqual(deleted, [second, CONFIG]);
    assert.deepEqual(heldKeys(), [NODE]);
  });

  test('a key that changes while it is under way goes again after its ack, once, with the newest version', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { n: '0' } });
    relay.catchUp();
    const link = connect();
    link.drain();
    const before = batches(link).length;
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    link.pump();
    for (const n of ['2', '3', '4']) {
      cluster.put(CONFIG, { data: { n } });
      relay.catchUp();
      link.pump();
    }
    assert.equal(batches(link).length, before + 1);
    link.drain();
    assert.equal(batches(link).length, before + 2);
    assert.equal(agent.held.get(CONFIG)?.version.resourceVersion, cluster.resourceVersion);
  });

  test('an object that was let go is fetched once when it becomes needed, and the pod waits for it', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(CONFIG, { data: { large: 'x'.repeat(1000) } });
    relay.catchUp();
    assert.equal(relay.downstream.stats().bodies, 1, 'only the Node is kept');
    const link = connect();
    link.drain();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(SECRET, {});
    relay.step('pods');
    link.drain();
    assert.deepEqual(relay.requests, [CONFIG]);
    assert.equal(agent.held.has(POD), false);
    relay.answerOne();
    link.drain();
    assert.deepEqual(keysInOrder(link).slice(-2), [CONFIG, POD]);
    cluster.remove(POD);
    relay.catchUp();
    link.drain();
    assert.equal(relay.downstream.stats().bodies, 1, 'let go again');
  });

  test('a pod waits no longer for what the API server says is gone', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    const link = connect();
    link.drain();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.remove(CONFIG);
    relay.step('pods');
    link.drain();
    assert.equal(agent.held.has(POD), false);
    relay.answerOne();
    link.drain();
    assert.equal(agent.held.has(POD), true);
  });

  test('a pod that moves to another node leaves the first', () => {
    const { cluster, relay, connect, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    const link = connect();
    link.drain();
    cluster.remove(POD);
    cluster.put(POD, podFields('edge-2', 'cart'));
    relay.catchUp();
    link.drain();
    assert.deepEqual(heldKeys(), [NODE]);
  });
});

describe('bounds', () => {
  test('a batch holds 256 KiB of bodies, and at most 1 MiB and four batches are under way', () => {
    const { cluster, relay, connect, agent } = setUp();
    const names = Array.from({ length: 60 }, (_, index) => `config-${index}`);
    for (const [seed, name] of names.entries()) {
      cluster.put(objectKey('configmaps', 'shop', name), { data: { noise: noise(60_000, seed + 1) } });
    }
    cluster.put(POD, podFields('edge-1', ...names));
    relay.catchUp();
    const link = connect();
    let most = 0;
    link.onPump = () => {
      const { inflightBatches, inflightBytes } = link.session.stats();
      assert.ok(inflightBatches <= 4 && inflightBytes <= 1024 * 1024);
      most = Math.max(most, inflightBatches);
    };
    link.drain();
    assert.equal(most, 4);
    for (const { operations } of batches(link)) {
      const bytes = operations.reduce((sum, { change }) => sum + (change.type === 'upsert' ? change.body.bytes.length : 0), 0);
      assert.ok(bytes <= 256 * 1024);
    }
    assert.equal(agent.held.size, 62);
    assert.equal(link.session.status().state, 'inSync');
  });

  test('the window is full in bytes before it is in batches where batches are large', () => {
    const { cluster, relay, connect } = setUp({ windowBytes: 600_000 });
    const names = Array.from({ length: 30 }, (_, index) => `config-${index}`);
    for (const [seed, name] of names.entries()) {
      cluster.put(objectKey('configmaps', 'shop', name), { data: { noise: noise(60_000, seed + 1) } });
    }
    cluster.put(POD, podFields('edge-1', ...names));
    relay.catchUp();
    const link = connect();
    link.onPump = () => assert.ok(link.session.stats().inflightBytes <= 600_000);
    link.drain();
    assert.equal(link.session.status().state, 'inSync');
  });

  test('an object larger than a batch, and than the window, goes alone', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart', 'small'));
    cluster.put(objectKey('configmaps', 'shop', 'small'), { data: {} });
    cluster.put(CONFIG, { data: { noise: noise(2_500_000) } });
    relay.catchUp();
    const link = connect();
    link.drain();
    assert.equal(agent.held.size, 4);
    const large = batches(link).find(({ operations }) =>
      operations.some(({ change }) => change.type === 'upsert' && change.body.size > 2_000_000),
    );
    assert.equal(large?.operations.length, 1);
  });

  test('an object over the bound of a body is neither sent nor lost on the device, and holds up nothing', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    const link = connect();
    link.drain();
    const before = agent.held.get(CONFIG);
    cluster.put(CONFIG, { data: { n: 'x'.repeat(4_000_000) } });
    relay.catchUp();
    link.drain();
    assert.deepEqual(agent.held.get(CONFIG), before);
    assert.equal(relay.downstream.stats().malformed, 1);
    assert.equal(link.session.status().state, 'inSync');
    cluster.put(CONFIG, { data: { n: '2' } });
    relay.catchUp();
    link.drain();
    assert.equal(agent.held.get(CONFIG)?.version.resourceVersion, cluster.resourceVersion);
  });

  test('five hundred operations make a batch', () => {
    const { cluster, relay, connect } = setUp();
    for (let n = 0; n < 1_200; n += 1) cluster.put(objectKey('pods', 'shop', `pod-${n}`), podFields('edge-1'));
    relay.catchUp();
    const link = connect();
    link.drain();
    assert.deepEqual(
      batches(link).map(({ operations }) => operations.length),
      [500, 500, 201],
    );
  });

  test('numbers that are used up are begun afresh by an inventory', () => {
    const { clock, cluster, relay, connect, agent } = setUp({ sessionNumbers: 10 });
    const link = connect();
    for (let n = 0; n < 30; n += 1) {
      cluster.put(objectKey('pods', 'shop', `pod-${n}`), podFields('edge-1'));
      cluster.remove(objectKey('pods', 'shop', `pod-${n - 1}`));
      relay.catchUp();
      link.drain();
      clock.advance(10_000);
      link.drain();
    }
    assert.ok(link.session.stats().inventories > 2);
    assert.deepEqual([...agent.held.keys()].sort(), [NODE, objectKey('pods', 'shop', 'pod-29')]);
  });
});

describe('when nothing may be sent', () => {
  test('before all reflectors have synced, whatever the device holds', () => {
    const { cluster, clock, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    connect().drain();
    const restarted = new ModelRelay(cluster, clock);
    for (const resource of ['nodes', 'pods', 'configmaps'] as const) while (restarted.step(resource));
    restarted.tell();
    const link = new ModelLink(agent, restarted.downstream, 'edge-1');
    assert.equal(link.welcome.state, 'relaySyncing');
    assert.equal(link.welcome.detail, 'the relay has not synced secrets (listing)');
    link.drain();
    assert.deepEqual(link.sent, []);
    restarted.catchUp();
    link.drain();
    assert.deepEqual(
      link.sent.map(({ type }) => type),
      ['status'],
    );
    assert.equal(link.session.status().state, 'inSync');
  });

  test('a Node that is missing, or comes without its label: registration works, and the label opens the way', () => {
    const { cluster, relay, connect, heldKeys } = setUp();
    cluster.remove(NODE);
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    const seen: unknown[] = [];
    relay.downstream.onNodeState((name, { exists, labelled }) => seen.push([name, exists, labelled]));
    const link = connect();
    assert.equal(link.welcome.state, 'nodeMissing');
    cluster.put(NODE, {});
    relay.catchUp();
    link.drain();
    assert.equal(link.session.status().state, 'nodeNotLabelled');
    assert.deepEqual(heldKeys(), []);
    cluster.put(NODE, EDGE);
    relay.catchUp();
    link.drain();
    assert.deepEqual(heldKeys(), [NODE, POD]);
    assert.deepEqual(seen, [
      ['edge-1', true, false],
      ['edge-1', true, true],
    ]);
  });

  test('a Node that goes takes nothing from the device, however long it is gone', () => {
    const { clock, cluster, relay, connect, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    const link = connect();
    link.drain();
    cluster.remove(NODE);
    relay.catchUp();
    link.drain();
    clock.advance(10 * FIVE_MINUTES);
    link.drain();
    assert.equal(link.session.status().state, 'nodeMissing');
    assert.deepEqual(heldKeys(), [NODE, POD]);
    cluster.put(NODE, EDGE);
    relay.catchUp();
    link.drain();
    assert.equal(link.session.status().state, 'inSync');
    assert.deepEqual(heldKeys(), [NODE, POD]);
  });

  test('a label that is lost for less than five minutes changes nothing', () => {
    const { clock, cluster, relay, connect, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    const link = connect();
    link.drain();
    cluster.put(NODE, {});
    relay.catchUp();
    link.drain();
    assert.equal(link.session.status().state, 'nodeNotLabelled');
    clock.advance(FIVE_MINUTES - 1);
    cluster.put(NODE, EDGE);
    while (relay.step('nodes'));
    assert.deepEqual(relay.requests, []);
    relay.catchUp();
    clock.advance(FIVE_MINUTES);
    link.drain();
    assert.equal(sentKinds(link).includes('delete'), false);
    assert.equal(relay.downstream.stats().bodies, 2, 'nothing had to be fetched again');
    assert.deepEqual(heldKeys(), [NODE, POD]);
    assert.equal(link.session.status().state, 'inSync');
  });

  test('a label that stays lost clears the device after five minutes, with the mark of completeness', () => {
    const { clock, cluster, relay, connect, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    const link = connect();
    link.drain();
    cluster.put(NODE, {});
    relay.catchUp();
    clock.advance(FIVE_MINUTES - 1);
    link.drain();
    assert.equal(heldKeys().length, 2);
    clock.advance(1);
    link.drain();
    assert.deepEqual(heldKeys(), []);
    assert.equal(batches(link).at(-1)?.complete, true);
    assert.equal(link.session.status().state, 'nodeNotLabelled');
    assert.equal(relay.downstream.stats().bodies, 0);
  });

  test('a device that comes back to a relay which never saw the label has the same grace', () => {
    const { clock, cluster, relay, connect, agent, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    connect().drain();
    cluster.put(NODE, {});
    const restarted = new ModelRelay(cluster, clock);
    restarted.catchUp();
    const link = new ModelLink(agent, restarted.downstream, 'edge-1');
    link.drain();
    clock.advance(FIVE_MINUTES - 1);
    link.drain();
    assert.equal(heldKeys().length, 2);
    clock.advance(1);
    link.drain();
    assert.deepEqual(heldKeys(), []);
  });
});

describe('a relay that is behind the device (rule 2)', () => {
  function behind() {
    const world = setUp();
    world.cluster.put(POD, podFields('edge-1', 'cart'));
    world.cluster.put(CONFIG, { data: { n: '1' } });
    const late = new ModelRelay(world.cluster, world.clock);
    while (late.step('nodes') || late.step('pods') || late.step('configmaps') || late.step('secrets'));
    late.tell();
    return { ...world, late, connectLate: () => new ModelLink(world.agent, late.downstream, 'edge-1') };
  }

  test('does not overwrite what is newer, and says why it is not in sync', () => {
    const { cluster, relay, connect, late, connectLate, agent } = behind();
    cluster.put(CONFIG, { data: { n: '2' } });
    relay.catchUp();
    connect().drain();
    const held = agent.held.get(CONFIG);
    const link = connectLate();
    link.drain();
    assert.deepEqual(agent.held.get(CONFIG), held);
    assert.equal(link.session.status().state, 'syncing');
    assert.match(link.session.status().detail, /newer/);
    assert.equal(link.session.stats().ahead, 1);
    late.catchUp();
    link.drain();
    assert.equal(link.session.status().state, 'inSync');
    assert.deepEqual(sentKinds(link), []);
  });

  test('does not delete a pod that it has not seen, nor what that pod may need', () => {
    const { cluster, relay, connect, late, connectLate, heldKeys, agent } = behind();
    const unseen = objectKey('pods', 'shop', 'unseen');
    const old = objectKey('configmaps', 'shop', 'old');
    cluster.put(old, { data: {} });
    while (late.step('configmaps'));
    late.tell();
    cluster.put(unseen, podFields('edge-1', 'old'));
    relay.catchUp();
    connect().drain();
    assert.ok(agent.held.has(old));
    const link = connectLate();
    link.drain();
    assert.deepEqual(heldKeys(), [CONFIG, old, NODE, POD, unseen].sort());
    cluster.remove(unseen);
    late.catchUp();
    link.drain();
    assert.deepEqual(heldKeys(), [CONFIG, NODE, POD].sort());
    assert.equal(link.session.status().state, 'inSync');
  });

  test('deletes what it never saw once its reflector is past it, without a change that says so', () => {
    const { cluster, relay, connect, agent } = setUp();
    const ghost = objectKey('pods', 'shop', 'ghost');
    agent.held.set(ghost, { version: { uid: 'u', resourceVersion: '30', hash: '0'.repeat(16) }, refused: false });
    const link = connect();
    link.drain();
    assert.ok(agent.held.has(ghost));
    while (Number(cluster.resourceVersion) < 29) cluster.put(objectKey('secrets', 'shop', 'other'), {});
    relay.catchUp();
    link.drain();
    assert.ok(agent.held.has(ghost));
    cluster.put(objectKey('secrets', 'shop', 'other'), {});
    relay.catchUp();
    link.drain();
    assert.equal(agent.held.has(ghost), false);
    assert.equal(link.session.status().state, 'inSync');
  });

  test('does not clear a device whose label it believes lost while the device holds a newer Node', () => {
    const { clock, cluster, relay, connect, late, connectLate, heldKeys } = behind();
    cluster.put(NODE, {});
    late.step('nodes');
    late.tell();
    cluster.put(NODE, EDGE);
    relay.catchUp();
    connect().drain();
    const link = connectLate();
    clock.advance(2 * FIVE_MINUTES);
    link.drain();
    assert.equal(heldKeys().length, 3);
    late.catchUp();
    link.drain();
    assert.equal(heldKeys().length, 3);
    assert.equal(link.session.status().state, 'inSync');
  });

  test('keeps what it does not know the kind of', () => {
    const { agent, connect } = setUp();
    const claim = objectKey('persistentvolumeclaims', 'shop', 'data');
    agent.held.set(claim, { version: { uid: 'u', resourceVersion: '5', hash: '0'.repeat(16) }, refused: false });
    const link = connect();
    link.drain();
    assert.ok(agent.held.has(claim));
    assert.equal(batches(link).at(-1)?.complete, true);
  });
});

describe('what goes wrong on a link', () => {
  test('a refused object stays out until it changes, in later sessions too', () => {
    const { cluster, relay, connect, agent } = setUp();
    agent.refuses = (key) => key === CONFIG;
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    const link = connect();
    link.drain();
    assert.equal(agent.held.get(CONFIG)?.refused, true);
    assert.equal(link.session.status().state, 'inSync');
    assert.equal(link.session.stats().refused, 1);
    assert.deepEqual(
      relay.refusals.map(({ node, key, reason }) => [node, key, reason]),
      [['edge-1', CONFIG, 'store']],
    );
    const again = connect();
    again.drain();
    assert.deepEqual(again.sent, []);
    agent.refuses = () => false;
    cluster.put(CONFIG, { data: { n: '1' }, immutable: false });
    relay.catchUp();
    again.drain();
    assert.equal(agent.held.get(CONFIG)?.refused, false);
  });

  test('a touch of a refused version is a whole upsert where the refusal is known', () => {
    const { cluster, relay, connect, agent } = setUp();
    agent.refuses = (key) => key === CONFIG;
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    const link = connect();
    link.drain();
    agent.refuses = () => false;
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    link.drain();
    assert.equal(sentKinds(link).at(-1), 'upsert');
    assert.equal(agent.held.get(CONFIG)?.refused, false);
  });

  test('a digest that does not match leads to an inventory and the difference, and not in a tight circle', () => {
    const { clock, cluster, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    const link = connect();
    link.drain();
    agent.held.delete(POD);
    cluster.put(CONFIG, { data: { n: '2' } });
    relay.catchUp();
    link.drain();
    assert.equal(link.session.stats().digestMismatches, 1);
    assert.equal(link.session.stats().inventories, 1, 'not at once after the first');
    clock.advance(10_000);
    link.drain();
    assert.equal(link.session.stats().inventories, 2);
    assert.ok(agent.held.has(POD));
    assert.equal(link.session.status().state, 'inSync');
  });

  test('a handshake waits for bodies, but not for ever', () => {
    const { clock, cluster, relay, agent, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: {} });
    const slow = new ModelRelay(cluster, clock);
    for (const resource of ['configmaps', 'pods', 'nodes', 'secrets'] as const) while (slow.step(resource));
    slow.tell();
    relay.downstream.close();
    const link = new ModelLink(agent, slow.downstream, 'edge-1');
    link.drain();
    assert.deepEqual(link.sent, []);
    clock.advance(10_000);
    link.drain();
    assert.deepEqual(heldKeys(), [NODE]);
    assert.equal(link.session.status().state, 'syncing');
    while (slow.answerOne());
    link.drain();
    assert.deepEqual(heldKeys(), [CONFIG, NODE, POD].sort());
    assert.equal(link.session.status().state, 'inSync');
  });

  test('a newer session of the same node makes the older inert', () => {
    const { cluster, relay, connect } = setUp();
    const older = connect();
    const newer = connect();
    newer.drain();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    older.drain();
    newer.drain();
    assert.deepEqual(older.sent, []);
    assert.equal(newer.session.stats().known, 2);
    older.session.close();
    assert.equal(relay.downstream.stats().sessions, 1);
    newer.session.close();
    assert.equal(relay.downstream.stats().sessions, 0);
  });

  const outOfTurn: [string, (link: ModelLink) => void][] = [
    ['a second hello', ({ session }) => session.hello(new ModelAgent().hello())],
    ['an ack of nothing', ({ session }) => session.receive({ type: 'ack', number: 1, digest: '0'.repeat(32), nacks: [] })],
    ['an inventory unasked', ({ session }) => session.receive({ type: 'inventory', entries: [], last: true })],
    [
      'a nack of an object that is not in the batch',
      (link) => {
        while (!link.sent.some(({ type }) => type === 'batch')) [link.pump(), link.down(), link.up()];
        const nacks = [{ object: 77, reason: 'store' as const, detail: '' }];
        link.session.receive({ type: 'ack', number: 1, digest: '0'.repeat(32), nacks });
      },
    ],
    [
      'an inventory whose numbers have a gap',
      (link) => {
        link.pump();
        const version = { uid: 'u', resourceVersion: '1', hash: '0'.repeat(16) };
        link.session.receive({ type: 'inventory', entries: [{ number: 2, key: POD, version, refused: false }], last: true });
      },
    ],
    [
      'an inventory that names a key twice',
      (link) => {
        link.pump();
        const entry = { key: POD, version: { uid: 'u', resourceVersion: '1', hash: '0'.repeat(16) }, refused: false };
        link.session.receive({ type: 'inventory', entries: [1, 2].map((number) => ({ number, ...entry })), last: true });
      },
    ],
  ];
  for (const [what, act] of outOfTurn) {
    test(`${what} is an error of the protocol`, () => {
      const { connect } = setUp();
      assert.throws(
        () => act(connect()),
        (error) => error instanceof HawserError && error.code === 'protocol',
      );
    });
  }

  test('an inventory over its bound is an error of the protocol', () => {
    const { connect, agent } = setUp({ inventoryEntries: 3 });
    for (let n = 0; n < 4; n += 1) {
      const version = { uid: `u${n}`, resourceVersion: '1', hash: '0'.repeat(16) };
      agent.held.set(objectKey('pods', 'shop', `pod-${n}`), { version, refused: false });
    }
    assert.throws(() => connect().drain(), { code: 'protocol' });
  });
});

describe('what comes from the API server', () => {
  test('a text that is no JSON, or nested too deep, is counted, and what was known stays', () => {
    const { cluster, relay, connect, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    const link = connect();
    link.drain();
    const deep = `{"metadata":{},"x":${'['.repeat(5000)}${']'.repeat(5000)}}`;
    for (const [key, text] of [
      [POD, 'nonsense'],
      [NODE, '[]'],
      [CONFIG, deep],
      [CONFIG, '"text"'],
    ] as const) {
      const type = { apiVersion: 'v1', kind: 'Any' };
      relay.downstream.apply({ type: 'upsert', object: { key, uid: 'other', resourceVersion: '9999', text, type } });
    }
    link.drain();
    assert.equal(relay.downstream.stats().malformed, 3);
    assert.deepEqual(heldKeys(), [CONFIG, NODE, POD].sort());
  });

  test('the delete of an older uid removes no successor', () => {
    const { cluster, relay, connect, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    const link = connect();
    link.drain();
    relay.downstream.apply({ type: 'delete', key: POD, uid: 'older', resourceVersion: '9999' });
    link.drain();
    assert.deepEqual(heldKeys(), [NODE, POD]);
  });

  test('what a fetch brought is not undone by older news of the watch', () => {
    const { cluster, relay, connect, agent } = setUp();
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    relay.step('pods');
    cluster.put(CONFIG, { data: { n: '2' } });
    cluster.put(CONFIG, { data: { n: '3' } });
    relay.answerOne();
    const link = connect();
    link.drain();
    const held = agent.held.get(CONFIG);
    assert.equal(held?.version.resourceVersion, cluster.resourceVersion);
    relay.step('configmaps');
    link.drain();
    assert.deepEqual(agent.held.get(CONFIG), held);
  });

  test('a fetched body that is older than what is known is asked for again a second later', () => {
    const { clock, cluster, relay } = setUp();
    cluster.put(CONFIG, { data: { n: '1' } });
    const older = cluster.observed(CONFIG);
    assert.ok(older);
    cluster.put(CONFIG, { data: { n: '2' } });
    relay.catchUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    relay.step('pods');
    assert.deepEqual(relay.requests.splice(0), [CONFIG]);
    relay.downstream.provideBody(older);
    assert.deepEqual(relay.requests, []);
    clock.advance(1_000);
    assert.deepEqual(relay.requests, [CONFIG]);
  });
});
