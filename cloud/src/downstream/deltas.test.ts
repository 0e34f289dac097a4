import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bodyHash, objectKey } from '@hawser/protocol';
import { ModelAgent } from './testing/model-agent.ts';
import { ModelLink } from './testing/model-link.ts';
import { ModelRelay } from './testing/model-relay.ts';
import { CONFIG, EDGE, NODE, noise, POD, podFields, sentKinds, setUp } from './testing/world.ts';

/** Text that only a delta makes small. */
const LARGE = noise(8_000);

function data(n: number) {
  return { data: { n: String(n), text: LARGE } };
}

/** The inventory is that of the first sync. */
const NONE = { deltaRetries: 0, nacks: 0, digestMismatches: 0, inventories: 1, refused: 0 };

/** A device that holds a pod and its ConfigMap of 8 KB, and one change of the ConfigMap that the relay has seen. */
function changed(options: { features?: string[]; dictionaries?: string[]; supersededBytes?: number } = {}) {
  const world = setUp(options.supersededBytes === undefined ? {} : { supersededBytes: options.supersededBytes });
  const { agent, cluster, relay, connect } = world;
  if (options.features !== undefined) agent.features = options.features;
  if (options.dictionaries !== undefined) agent.dictionaries = options.dictionaries;
  cluster.put(CONFIG, data(0));
  cluster.put(POD, podFields('edge-1', 'cart'));
  relay.catchUp();
  const link = connect();
  link.drain();
  link.sent.length = 0;
  cluster.put(CONFIG, data(1));
  relay.catchUp();
  return { ...world, link };
}

function assertHolds({ agent, cluster }: Pick<ReturnType<typeof setUp>, 'agent' | 'cluster'>): void {
  const held = agent.held.get(CONFIG);
  assert.equal(held?.version.resourceVersion, cluster.objects.get(CONFIG)?.resourceVersion);
  assert.equal(held?.refused, false);
  assert.equal(bodyHash(held.body ?? ''), held.version.hash);
  assert.equal(held.body, cluster.bodyAt(held.version.resourceVersion));
}

describe('a change of what the agent holds', () => {
  test('is sent as a delta, of a few bytes whatever the size', () => {
    const world = changed();
    world.link.drain();
    assert.deepEqual(sentKinds(world.link), ['upsertDelta']);
    assertHolds(world);
    const { deltas, deltaBytes, deltaRetries } = world.link.session.stats();
    assert.equal(deltas, 1);
    assert.ok(deltaBytes < 100, `${deltaBytes} bytes`);
    assert.equal(deltaRetries, 0);
  });

  test('is sent whole to an agent that does not take deltas, with the newest dictionary that both have', () => {
    const world = changed({ features: [] });
    world.link.drain();
    assert.deepEqual(sentKinds(world.link), ['upsert']);
    assertHolds(world);
    const { staticBytes, zstdBytes } = world.link.session.stats();
    assert.ok(staticBytes > 10_000 && zstdBytes === 0);
  });

  test('is sent whole without a dictionary to an agent that has none of ours', () => {
    const world = changed({ features: [], dictionaries: ['0'.repeat(16)] });
    world.link.drain();
    assertHolds(world);
    const { staticBytes, zstdBytes } = world.link.session.stats();
    assert.ok(staticBytes === 0 && zstdBytes > 10_000);
  });

  test('is sent whole when the base is no longer in the ring', () => {
    const world = changed({ supersededBytes: 5_000 });
    world.link.drain();
    assert.deepEqual(sentKinds(world.link), ['upsert']);
    assertHolds(world);
    assert.ok(world.relay.downstream.stats().supersededBytes <= 5_000);
  });

  test('is sent as a delta to an agent that was off while the object changed several times', () => {
    const world = changed();
    world.link.session.close();
    for (let n = 2; n < 6; n += 1) world.cluster.put(CONFIG, data(n));
    world.relay.catchUp();
    const again = world.connect();
    again.drain();
    assert.deepEqual(sentKinds(again), ['upsertDelta']);
    assertHolds(world);
  });

  test('is sent whole by a relay that has just started', () => {
    const world = changed();
    world.link.session.close();
    const fresh = new ModelRelay(world.cluster, world.clock);
    fresh.catchUp();
    const again = new ModelLink(world.agent, fresh.downstream, 'edge-1');
    again.drain();
    assert.deepEqual(sentKinds(again), ['upsert']);
    assertHolds(world);
  });

  test('to a new object under the same name is sent whole, as a delta names no uid', () => {
    const world = changed();
    world.link.drain();
    world.link.sent.length = 0;
    world.cluster.remove(CONFIG);
    world.cluster.put(CONFIG, data(1));
    world.relay.catchUp();
    world.link.drain();
    assert.deepEqual(sentKinds(world.link), ['upsert']);
    assertHolds(world);
  });

  test('is sent whole to an agent that claims to hold the body of another object', () => {
    const world = changed();
    const other = objectKey('configmaps', 'shop', 'other');
    world.cluster.put(objectKey('nodes', '', 'edge-2'), EDGE);
    world.cluster.put(objectKey('pods', 'shop', 'other'), podFields('edge-2', 'other'));
    world.cluster.put(other, data(7));
    world.relay.catchUp();
    const before = world.cluster.bodyAt(world.cluster.resourceVersion);
    world.cluster.put(other, data(8));
    world.relay.catchUp();
    assert.ok(world.relay.downstream.stats().supersededBytes > 2 * LARGE.length, 'both older bodies are there');
    world.link.session.close();
    const held = world.agent.held.get(CONFIG);
    assert.ok(held);
    world.agent.held.set(CONFIG, { ...held, version: { ...held.version, hash: bodyHash(before) }, body: before });
    const again = world.connect();
    again.drain();
    assert.deepEqual(sentKinds(again), ['upsert']);
    assertHolds(world);
  });

  test('back to what it was is a delta to the older body', () => {
    const world = changed();
    world.link.drain();
    world.cluster.put(CONFIG, data(0));
    world.relay.catchUp();
    world.link.drain();
    assert.deepEqual(sentKinds(world.link), ['upsertDelta', 'upsertDelta']);
    assertHolds(world);
  });
});

describe('a delta that the agent cannot apply', () => {
  /** The text that is held is not that of its version. */
  function damage({ agent }: { agent: ModelAgent }): void {
    const held = agent.held.get(CONFIG);
    assert.ok(held?.body);
    agent.held.set(CONFIG, { ...held, body: `${held.body} ` });
  }

  test('is sent again whole at once; it is no refusal, and the sets agree all along', () => {
    const world = changed();
    damage(world);
    world.link.drain();
    assert.deepEqual(sentKinds(world.link), ['upsertDelta', 'upsert']);
    assertHolds(world);
    const { deltaRetries, nacks, digestMismatches, inventories, refused } = world.link.session.stats();
    assert.deepEqual({ deltaRetries, nacks, digestMismatches, inventories, refused }, { ...NONE, deltaRetries: 1 });
    assert.deepEqual(world.relay.refusals, []);
    assert.equal(world.link.session.status().state, 'inSync');
  });

  test('leaves the batches behind it in agreement', () => {
    const world = changed();
    damage(world);
    world.link.pump();
    for (const name of ['b', 'c']) {
      world.cluster.put(objectKey('configmaps', 'shop', name), data(1));
      world.cluster.put(objectKey('pods', 'shop', name), podFields('edge-1', name));
      world.relay.catchUp();
      world.link.pump();
    }
    assert.equal(world.link.session.stats().inflightBatches, 3);
    world.link.drain();
    assertHolds(world);
    const { digestMismatches, inventories, deltaRetries } = world.link.session.stats();
    assert.deepEqual({ digestMismatches, inventories, deltaRetries }, { digestMismatches: 0, inventories: 1, deltaRetries: 1 });
  });

  test('is tried again later where the base was lost, and not where it led to something else', () => {
    const world = changed();
    damage(world);
    world.link.drain();
    world.cluster.put(CONFIG, data(2));
    world.relay.catchUp();
    world.link.drain();
    assert.deepEqual(sentKinds(world.link), ['upsertDelta', 'upsert', 'upsertDelta']);
    world.agent.spoils = () => true;
    for (const n of [3, 4]) {
      world.cluster.put(CONFIG, data(n));
      world.relay.catchUp();
      world.link.drain();
      assertHolds(world);
    }
    assert.deepEqual(sentKinds(world.link).slice(3), ['upsertDelta', 'upsert', 'upsert']);
    const { deltaRetries, digestMismatches } = world.link.session.stats();
    assert.deepEqual({ deltaRetries, digestMismatches }, { deltaRetries: 2, digestMismatches: 0 });
    world.link.session.close();
    world.agent.spoils = () => false;
    const again = world.connect();
    again.drain();
    world.cluster.put(CONFIG, data(5));
    world.relay.catchUp();
    again.drain();
    assert.deepEqual(sentKinds(again), ['upsertDelta'], 'another session tries anew');
  });

  test('before the link breaks is made good by the next session', () => {
    const world = changed();
    damage(world);
    world.link.pump();
    world.link.down();
    world.link.session.close();
    const again = world.connect();
    again.drain();
    assert.deepEqual(sentKinds(again), ['upsertDelta', 'upsert']);
    assertHolds(world);
  });

  test('is followed by the whole object even when that is, by then, what the agent should have held before', () => {
    const world = changed();
    damage(world);
    world.link.pump();
    world.cluster.put(CONFIG, data(0));
    world.relay.catchUp();
    world.link.drain();
    assert.deepEqual(sentKinds(world.link), ['upsertDelta', 'upsert'], 'a touch would leave the damaged text in place');
    assertHolds(world);
  });

  test('of an object that is deleted meanwhile leaves nothing behind', () => {
    const world = changed();
    damage(world);
    world.link.pump();
    world.cluster.put(POD, podFields(undefined));
    world.cluster.remove(POD);
    world.cluster.remove(CONFIG);
    world.relay.catchUp();
    world.link.drain();
    assert.deepEqual(world.heldKeys(), [NODE]);
    assert.equal(world.link.session.stats().digestMismatches, 0);
  });
});

test('a whole object that an agent says it lacks the base of is refused, and does not go again and again', () => {
  const world = changed({ features: [] });
  world.agent.refuses = () => true;
  world.agent.refusesWith = 'baseUnknown';
  // It would never come to rest, were it sent again.
  for (let round = 0; round < 5; round += 1) {
    world.link.pump();
    while (world.link.down());
    while (world.link.up());
  }
  assert.deepEqual(sentKinds(world.link), ['upsert']);
  const { nacks, refused, digestMismatches } = world.link.session.stats();
  assert.deepEqual({ nacks, refused, digestMismatches }, { nacks: 1, refused: 1, digestMismatches: 0 });
  assert.equal(world.link.session.status().state, 'inSync');
});

test('one change is compressed once, whatever the number of sessions', (t) => {
  const SESSIONS = 1_000;
  const { cluster, relay } = setUp();
  cluster.put(CONFIG, data(0));
  const nodes = Array.from({ length: SESSIONS }, (_, n) => `edge-${n}`);
  for (const node of nodes) {
    cluster.put(objectKey('nodes', '', node), EDGE);
    cluster.put(objectKey('pods', 'shop', `pod-${node}`), podFields(node, 'cart'));
  }
  relay.catchUp();
  const links = nodes.map((node) => {
    const agent = new ModelAgent();
    const link = new ModelLink(agent, relay.downstream, node);
    link.drain();
    return { agent, link };
  });
  const before = relay.downstream.stats().encodings;
  cluster.put(CONFIG, data(1));
  relay.catchUp();
  for (const { link } of links) link.drain();
  assert.equal(relay.downstream.stats().encodings - before, 1);
  for (const { agent } of links) assert.equal(agent.held.get(CONFIG)?.body, cluster.bodyAt(cluster.resourceVersion));
  const total = links.reduce((sum, { link }) => sum + link.session.stats().deltaBytes, 0);
  t.diagnostic(`${SESSIONS} sessions, 1 compression, ${total / SESSIONS} bytes each`);
});

test('each body of the first sync is compressed once, too', () => {
  const { cluster, relay } = setUp();
  cluster.put(CONFIG, data(0));
  for (const node of ['edge-1', 'edge-2', 'edge-3']) {
    cluster.put(objectKey('nodes', '', node), EDGE);
    cluster.put(objectKey('pods', 'shop', node), podFields(node, 'cart'));
  }
  relay.catchUp();
  for (const node of ['edge-1', 'edge-2', 'edge-3']) new ModelLink(new ModelAgent(), relay.downstream, node).drain();
  assert.equal(relay.downstream.stats().encodings, 3 + 3 + 1, 'nodes, pods, one ConfigMap');
  assert.ok(relay.downstream.stats().encodedBytes > 0);
});
