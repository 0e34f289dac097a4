import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ModelLink } from './testing/model-link.ts';
import { ModelRelay } from './testing/model-relay.ts';
import { batches, EDGE, FIVE_MINUTES, NODE, POD, podFields, sentKinds, setUp } from './testing/world.ts';

describe('when nothing may be sent', () => {
  test('before all reflectors have synced, whatever the device holds', () => {
    const { cluster, clock, relay, connect, agent } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    connect().drain();
    const restarted = new ModelRelay(cluster, clock);
    restarted.read('secrets');
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

  test('a clock that is set back in the grace makes it at most twice as long', () => {
    const { clock, cluster, relay, connect, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    const link = connect();
    link.drain();
    cluster.put(NODE, {});
    relay.catchUp();
    clock.set(-24 * 3_600_000);
    clock.advance(FIVE_MINUTES);
    link.drain();
    assert.equal(heldKeys().length, 2);
    clock.advance(FIVE_MINUTES);
    link.drain();
    assert.deepEqual(heldKeys(), []);
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
