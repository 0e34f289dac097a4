import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { LEASES, NAMESPACE, Scene } from './scene.ts';

const STORES = { one: '1'.repeat(32), two: '2'.repeat(32) };

test('a Lease says which replica has a node, of which store and version, and that its link is down a while after', async (t) => {
  const scene = await Scene.start(t);
  const { relay } = await scene.relay('a');
  const agent = await scene.dial(relay, 'edge-1', STORES.one);
  await scene.leased('edge-1', {
    holderIdentity: 'a',
    leaseTransitions: 1,
    node: 'edge-1',
    'store-id': STORES.one,
    'agent-version': 'scripted',
    'link-state': 'up',
  });
  agent.close();
  await scene.leased('edge-1', { holderIdentity: 'a', leaseTransitions: 1, 'link-state': 'down' });
});

test('the older link is told at which replica the newer one is, and to wait if it is another device', async (t) => {
  const scene = await Scene.start(t);
  const [a, b] = [await scene.relay('a'), await scene.relay('b')];
  const older = await scene.dial(a.relay, 'edge-1', STORES.one);
  await scene.leased('edge-1', { holderIdentity: 'a' });
  const other = await scene.dial(b.relay, 'edge-1', STORES.two);
  const goodbye = await older.message('the goodbye', ({ type }) => type === 'goodbye');
  assert.deepEqual(goodbye, {
    type: 'goodbye',
    reason: 'replaced',
    detail: 'another device has linked under the name of this node at replica b',
    retryAfterMs: 60_000,
  });
  assert.equal(await older.closed, 4001);
  const warning = a.logs.find(({ msg }) => msg === 'two devices under one node name');
  assert.deepEqual([warning?.storeId, warning?.newerStoreId, warning?.newerReplica], [STORES.one, STORES.two, 'b']);
  const same = await scene.dial(a.relay, 'edge-1', STORES.two);
  const farewell = await other.message('the goodbye', ({ type }) => type === 'goodbye');
  assert.deepEqual([farewell.type === 'goodbye' && farewell.retryAfterMs, await other.closed], [0, 4001]);
  same.close();
});

test('while the API server takes no Leases, links open at once; it is written when it does again', async (t) => {
  const scene = await Scene.start(t);
  const { relay, logs } = await scene.relay('a');
  await until('the own Lease', 60_000, undefined, () => scene.kube.get(LEASES, NAMESPACE, 'relay-a'));
  const path = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
  scene.api.faults.add({ method: 'POST', pathPrefix: path, times: 3, fault: { type: 'answer', status: 503 } });
  const agent = await scene.dial(relay, 'edge-1', STORES.one);
  assert.ok(agent.messages.some(({ type }) => type === 'welcome'));
  await scene.leased('edge-1', { holderIdentity: 'a', 'link-state': 'up' });
  const failing = logs.filter(({ msg }) => msg === 'leases not written');
  assert.deepEqual([failing.length, failing[0]?.why], [1, 'busy'], 'said once for a row of failures');
  await until('the word', 60_000, undefined, async () =>
    logs.some(({ msg, failures }) => msg === 'leases are written again' && failures === 3),
  );
});

test('an API server that was restored from before the connect is noticed by the Leases, which are then written anew', async (t) => {
  const scene = await Scene.start(t);
  const { relay, logs } = await scene.relay('a', { 'replica.renewSeconds': '1' });
  await until('the own Lease', 60_000, undefined, () => scene.kube.get(LEASES, NAMESPACE, 'relay-a'));
  const backup = scene.api.storage.revision();
  const agent = await scene.dial(relay, 'edge-1', STORES.one);
  await scene.leased('edge-1', { holderIdentity: 'a' });
  for (let n = 0; n < 20; n += 1) await scene.kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `n${n}` } });
  scene.api.faults.rewind(backup);
  await agent.closed;
  assert.ok(logs.some(({ msg }) => String(msg).startsWith('API server was restored from a backup')));
  await scene.dial(relay, 'edge-1', STORES.one);
  await scene.leased('edge-1', { holderIdentity: 'a', 'store-id': STORES.one, 'link-state': 'up' });
  await until('the own Lease', 60_000, undefined, () => scene.kube.get(LEASES, NAMESPACE, 'relay-a'));
});

test('a relay that stops deletes its own Lease; with replica.leases false there is none', async (t) => {
  const scene = await Scene.start(t);
  const { relay } = await scene.relay('a');
  const alone = await scene.relay('alone', { 'replica.leases': 'false' });
  await until('the own Lease', 60_000, undefined, () => scene.kube.get(LEASES, NAMESPACE, 'relay-a'));
  await scene.dial(alone.relay, 'edge-2', STORES.two);
  await relay.stop();
  assert.deepEqual(await scene.kube.list(LEASES, NAMESPACE), []);
});
