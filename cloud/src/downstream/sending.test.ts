import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ObjectKey, objectKey, parseObjectKey } from '@hawser/protocol';
import { batches, CONFIG, keysInOrder, NODE, POD, podFields, SECRET, sentKinds, setUp } from './testing/world.ts';

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

  test('all kinds go in their order: Node, Namespace, what the pod names, volumes, the pod, Services; and deletes the other way', () => {
    const { cluster, relay, connect, heldKeys } = setUp();
    const order = [
      ['namespaces', '', 'shop'],
      ['serviceaccounts', 'shop', 'runner'],
      ['secrets', 'storage', 'login'],
      ['persistentvolumes', '', 'disk'],
      ['persistentvolumeclaims', 'shop', 'data'],
      ['pods', 'shop', 'cart'],
      ['endpoints', 'shop', 'web'],
      ['services', 'shop', 'web'],
    ].map(([resource = '', namespace = '', name = '']) => objectKey(resource, namespace, name));
    const always = [
      ['node.k8s.io/runtimeclasses', '', 'gvisor'],
      ['discovery.k8s.io/endpointslices', 'default', 'kubernetes'],
    ].map(([resource = '', namespace = '', name = '']) => objectKey(resource, namespace, name));
    for (const key of [...always, ...order]) cluster.put(key, {});
    const nodeStageSecretRef = { namespace: 'storage', name: 'login' };
    cluster.put(objectKey('persistentvolumes', '', 'disk'), {
      spec: { claimRef: { namespace: 'shop', name: 'data' }, csi: { nodeStageSecretRef } },
    });
    const volumes = [{ persistentVolumeClaim: { claimName: 'data' } }];
    cluster.put(POD, { spec: { nodeName: 'edge-1', serviceAccountName: 'runner', volumes } });
    cluster.put(objectKey('services', 'bank', 'ledger'), {});
    relay.catchUp();
    const link = connect();
    link.drain();
    const kinds = ['nodes', 'namespaces', 'config', 'volumes', 'pods', 'services'];
    const places = keysInOrder(link).map((key) => kinds.indexOf(kindOf(key)));
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    );
    assert.deepEqual(heldKeys(), [NODE, ...always, ...order].sort());
    const before = batches(link).length;
    const named = new Map(batches(link).flatMap(({ operations }) => operations.map(({ object, key }) => [object, key] as const)));
    cluster.remove(POD);
    relay.catchUp();
    link.drain();
    const deleted = batches(link)
      .slice(before)
      .flatMap(({ operations }) => operations.map(({ object }) => kindOf(named.get(object))));
    assert.deepEqual(
      [...new Set(deleted)],
      ['pods', 'services', 'volumes', 'config', 'namespaces'],
      'those of the API server and of the cluster stay',
    );
    assert.deepEqual(heldKeys(), [NODE, ...always].sort());
  });

  test('what a pod needed goes after the pod, also when the pod ends while its last change is under way', () => {
    const { cluster, relay, connect, heldKeys } = setUp();
    cluster.put(POD, podFields('edge-1', 'cart'));
    cluster.put(CONFIG, { data: {} });
    relay.catchUp();
    const link = connect();
    link.drain();
    cluster.put(POD, { ...podFields('edge-1', 'cart'), status: { phase: 'Failed' } });
    relay.catchUp();
    link.pump();
    cluster.remove(POD);
    relay.catchUp();
    link.pump();
    link.down();
    link.down();
    assert.deepEqual(heldKeys(), [CONFIG, NODE, POD].sort());
    link.drain();
    assert.deepEqual(heldKeys(), [NODE]);
    assert.deepEqual(sentKinds(link).slice(-2), ['delete', 'delete']);
    assert.equal(link.sent.filter(({ type }) => type === 'status').length, 1, 'in sync all the time');
  });

  test('however many deletes a first difference has, none goes before the mark of completeness', () => {
    const { cluster, relay, connect, agent } = setUp({ batchOperations: 4 });
    const pods = Array.from({ length: 12 }, (_, n) => objectKey('pods', 'shop', `pod-${n}`));
    for (const pod of pods) cluster.put(pod, podFields('edge-1'));
    relay.catchUp();
    connect().drain();
    for (const pod of pods) cluster.remove(pod);
    cluster.put(POD, podFields('edge-1'));
    relay.catchUp();
    const link = connect();
    link.drain();
    const sent = batches(link);
    const marked = sent.findIndex(({ complete }) => complete);
    const deletes = sent.findIndex(({ operations }) => operations.some(({ change }) => change.type === 'delete'));
    assert.ok(
      marked >= 0 && marked <= deletes && deletes < sent.length - 1,
      `mark with batch ${marked}, deletes from ${deletes} on`,
    );
    assert.equal(sent.filter(({ complete }) => complete).length, 1);
    assert.deepEqual([...agent.held.keys()].sort(), [NODE, POD]);
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

/** Which part of the order of sending it is in. */
function kindOf(key: ObjectKey | undefined): string {
  const resource = parseObjectKey(key ?? '').resource;
  if (['nodes', 'namespaces', 'pods'].includes(resource)) return resource;
  if (resource.startsWith('persistentvolume')) return 'volumes';
  return ['services', 'endpoints', 'discovery.k8s.io/endpointslices'].includes(resource) ? 'services' : 'config';
}
