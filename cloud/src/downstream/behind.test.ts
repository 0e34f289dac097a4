import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { objectKey } from '@hawser/protocol';
import { ModelLink } from './testing/model-link.ts';
import { ModelRelay } from './testing/model-relay.ts';
import { batches, CONFIG, EDGE, FIVE_MINUTES, NODE, POD, podFields, sentKinds, setUp } from './testing/world.ts';

describe('a relay that is behind the device (rule 2)', () => {
  function behind() {
    const world = setUp();
    world.cluster.put(POD, podFields('edge-1', 'cart'));
    world.cluster.put(CONFIG, { data: { n: '1' } });
    const late = new ModelRelay(world.cluster, world.clock);
    late.read();
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

  test('does not delete what a PersistentVolume that it has not seen may need', () => {
    const { cluster, relay, connect, late, connectLate, heldKeys } = behind();
    const claim = objectKey('persistentvolumeclaims', 'shop', 'data');
    const volume = objectKey('persistentvolumes', '', 'disk');
    const login = objectKey('secrets', 'storage', 'login');
    const using = objectKey('pods', 'shop', 'using');
    cluster.put(using, { spec: { nodeName: 'edge-1', volumes: [{ persistentVolumeClaim: { claimName: 'data' } }] } });
    cluster.put(claim, {});
    cluster.put(login, {});
    cluster.put(volume, {});
    late.catchUp();
    const claimRef = { namespace: 'shop', name: 'data' };
    const nodeStageSecretRef = { namespace: 'storage', name: 'login' };
    cluster.put(volume, { spec: { claimRef, csi: { nodeStageSecretRef } } });
    relay.catchUp();
    connect().drain();
    const all = [CONFIG, NODE, POD, using, claim, volume, login].sort();
    assert.deepEqual(heldKeys(), all);
    const link = connectLate();
    link.drain();
    assert.deepEqual(heldKeys(), all);
    cluster.put(volume, { spec: { claimRef } });
    late.catchUp();
    link.drain();
    assert.deepEqual(
      heldKeys(),
      all.filter((key) => key !== login),
    );
    assert.equal(link.session.status().state, 'inSync');
  });

  test('deletes what it never saw once its reflector is past it, without a change that says so', () => {
    const { cluster, relay, connect, agent } = setUp();
    const ghost = objectKey('pods', 'shop', 'ghost');
    agent.held.set(ghost, {
      version: { uid: 'u', resourceVersion: '30', hash: '0'.repeat(16) },
      refused: false,
      body: undefined,
    });
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
    const deployment = objectKey('apps/deployments', 'shop', 'cart');
    agent.held.set(deployment, {
      version: { uid: 'u', resourceVersion: '5', hash: '0'.repeat(16) },
      refused: false,
      body: undefined,
    });
    const link = connect();
    link.drain();
    assert.ok(agent.held.has(deployment));
    assert.equal(batches(link).at(-1)?.complete, true);
  });
});
