import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ObjectKey, objectKey } from '@hawser/protocol';
import { KnownSet } from './known-set.ts';
import { RememberedSets } from './remembered-sets.ts';
import { CONFIG, POD, podFields, sentKinds, setUp } from './testing/world.ts';

function setOf(...names: string[]): KnownSet {
  const known = new KnownSet();
  for (const name of names)
    known.assume(objectKey('configmaps', 'shop', name), { uid: name, resourceVersion: '1', hash: '0'.repeat(16) });
  return known;
}

describe('remembered sets', () => {
  it('are recalled by node and digest, once', () => {
    const sets = new RememberedSets(10);
    const known = setOf('a', 'b');
    sets.remember('edge-1', known);
    assert.equal(sets.recall('edge-2', known.digest()), undefined);
    assert.equal(sets.recall('edge-1', known.digest()), known);
    assert.equal(sets.recall('edge-1', known.digest()), undefined);
    assert.equal(sets.entries, 0);
  });

  it('of another digest are of no use any more', () => {
    const sets = new RememberedSets(10);
    sets.remember('edge-1', setOf('a'));
    assert.equal(sets.recall('edge-1', setOf('b').digest()), undefined);
    assert.equal(sets.entries, 0);
  });

  it('are bounded in entries: the longest remembered go first, one that is larger alone is not kept', () => {
    const sets = new RememberedSets(4);
    for (const node of ['edge-1', 'edge-2', 'edge-1', 'edge-3']) sets.remember(node, setOf('a', 'b'));
    assert.equal(sets.entries, 4);
    assert.equal(sets.recall('edge-2', setOf('a', 'b').digest()), undefined);
    assert.ok(sets.recall('edge-1', setOf('a', 'b').digest()));
    sets.remember('edge-4', setOf('a', 'b', 'c', 'd', 'e'));
    assert.equal(sets.entries, 0);
  });
});

describe('an agent that comes back', () => {
  function inSync() {
    const world = setUp();
    world.cluster.put(CONFIG, { data: { key: 'old' } });
    world.cluster.put(POD, podFields('edge-1', 'cart'));
    world.relay.catchUp();
    const link = world.connect();
    link.drain();
    assert.equal(link.session.status().state, 'inSync');
    return { ...world, link };
  }

  it('with what its last session left is sent the difference, and asked for no inventory', () => {
    const { link, cluster, relay, connect, agent, heldKeys } = inSync();
    link.session.close();
    cluster.put(CONFIG, { data: { key: 'new' } });
    cluster.remove(POD);
    relay.catchUp();
    const again = connect();
    again.drain();
    assert.deepEqual(
      again.sent.map(({ type }) => type),
      ['batch', 'status'],
    );
    assert.deepEqual(sentKinds(again), ['delete', 'delete']);
    assert.deepEqual(heldKeys(), ['nodes//edge-1']);
    assert.equal(again.session.stats().recalled, 1);
    assert.ok(agent.lastComplete, 'deletes come with the mark of completeness');
  });

  it('with what the relay desires is sent nothing', () => {
    const { link, connect } = inSync();
    link.session.close();
    const again = connect();
    again.drain();
    assert.deepEqual(again.sent, []);
    assert.equal(again.session.stats().recalled, 0);
  });

  it('without the batch that was under way is asked for its inventory', () => {
    const { link, cluster, relay, connect, agent } = inSync();
    cluster.put(CONFIG, { data: { key: 'lost' } });
    relay.catchUp();
    link.pump();
    link.session.close();
    cluster.put(CONFIG, { data: { key: 'new' } });
    relay.catchUp();
    const again = connect();
    again.drain();
    assert.equal(again.session.stats().inventories, 1);
    assert.equal(agent.held.get(CONFIG)?.version.resourceVersion, cluster.objects.get(CONFIG)?.resourceVersion);
  });

  it('after it was somewhere else is asked for its inventory', () => {
    const { link, cluster, relay, connect, agent } = inSync();
    link.session.close();
    const key: ObjectKey = CONFIG;
    agent.held.delete(key);
    const again = connect();
    again.drain();
    assert.equal(again.session.stats().inventories, 1);
    assert.ok(agent.held.has(key));
    assert.ok(cluster.objects.has(key) && relay.isSynced);
  });

  it('with something that it had refused is not thought to hold it', () => {
    const { link, cluster, relay, connect, agent } = inSync();
    agent.refuses = (key) => key === CONFIG;
    cluster.put(CONFIG, { data: { key: 'refused' } });
    relay.catchUp();
    link.drain();
    assert.equal(link.session.stats().refused, 1);
    link.session.close();
    cluster.put(objectKey('configmaps', 'shop', 'other'), { data: {} });
    cluster.put(POD, podFields('edge-1', 'cart', 'other'));
    relay.catchUp();
    const again = connect();
    again.drain();
    assert.equal(again.session.stats().recalled, 1);
    assert.equal(again.session.stats().refused, 1);
  });
});
