import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CONFIG, NODE, POD, podFields, setUp } from './testing/world.ts';

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

  test('what a fetch brought, and the watch then saw neither come nor go, is asked about again', () => {
    const { cluster, relay, connect, heldKeys } = setUp();
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.catchUp();
    const first = cluster.observed(CONFIG);
    assert.ok(first);
    cluster.put(POD, podFields('edge-1', 'cart'));
    relay.step('pods');
    cluster.remove(CONFIG);
    cluster.put(CONFIG, { data: { n: '2' } });
    relay.answerOne();
    const link = connect();
    link.drain();
    assert.deepEqual(heldKeys(), [CONFIG, NODE, POD].sort());
    // Of three changes that came at once the merge has left what concerns the object that it had told of.
    cluster.remove(CONFIG);
    relay.downstream.apply({ type: 'delete', key: CONFIG, uid: first.uid, resourceVersion: cluster.resourceVersion });
    link.drain();
    assert.deepEqual(heldKeys(), [CONFIG, NODE, POD].sort(), 'nothing is deleted on suspicion');
    relay.skip('configmaps');
    relay.tell();
    assert.ok(relay.answerOne(), 'it is asked for');
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

  test('a body that became needed after its object had been read is asked for', () => {
    const { cluster, relay } = setUp();
    relay.earlyEvery = 1;
    cluster.put(POD, podFields('edge-1', 'cart'));
    relay.step('pods');
    cluster.put(CONFIG, { data: { n: '1' } });
    relay.step('configmaps');
    assert.deepEqual(relay.requests, [CONFIG]);
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
