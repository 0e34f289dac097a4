import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Relay } from '@hawser/cloud';
import type { KubeObject } from '@hawser/protocol';
import { until } from '../support/until.ts';
import { LEASES, Scene } from './scene.ts';

/** Renewed each second, and said on the Node after one: as little waiting as can be. */
const FAST = { 'nodeLeases.renewSeconds': '1', 'nodeLeases.linkedAfterSeconds': '1' };
const WAIT_MS = 60_000;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
}

function node(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'node-role.kubernetes.io/edge': '' } } };
}

async function renewTime(scene: Scene, name: string): Promise<string | undefined> {
  const lease = await scene.kube.get(LEASES, 'kube-node-lease', name);
  return (lease?.spec as { renewTime?: string } | undefined)?.renewTime;
}

/** So many renewals from now on. */
async function renewed(scene: Scene, name: string, times = 1): Promise<void> {
  let last = await renewTime(scene, name);
  for (let seen = 0; seen < times; seen += 1) {
    last = await until(`a renewal of ${name}`, WAIT_MS, undefined, async () => {
      const now = await renewTime(scene, name);
      return now !== undefined && now !== last ? now : undefined;
    });
  }
}

function linkedOf({ status }: KubeObject): Condition | undefined {
  const conditions = (status as { conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
  return conditions.find(({ type }) => type === 'hawser.dev/Linked');
}

function linked(scene: Scene, name: string, status: string, timeoutMs = WAIT_MS): Promise<KubeObject> {
  return until(`${name} to be Linked=${status}`, timeoutMs, undefined, async () => {
    const found = await scene.kube.get('nodes', '', name);
    return found !== undefined && linkedOf(found)?.status === status ? found : undefined;
  });
}

async function written(relay: Relay): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${relay.opsPort}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith('hawser_relay_node_lease_renewals_total{outcome="written"}'));
  return Number(line?.split(' ').at(-1) ?? '0');
}

for (const impersonation of ['constrained', 'groups'] as const) {
  test(`a Lease is made and renewed as the node while its kubelet is alive, and no longer (${impersonation})`, async (t) => {
    const scene = await Scene.start(t, { impersonation });
    const { relay } = await scene.relay('a', FAST);
    const nodes = await Promise.all(['edge-1', 'edge-2'].map((name) => scene.kube.create(node(name))));
    const [first, second] = [await scene.dial(relay, 'edge-1'), await scene.dial(relay, 'edge-2')];
    second.send({ type: 'kubelet', alive: true });
    await renewed(scene, 'edge-2');
    assert.equal(await renewTime(scene, 'edge-1'), undefined, 'its agent has not said that the kubelet is alive');
    first.send({ type: 'kubelet', alive: true });
    await renewed(scene, 'edge-1', 2);
    const lease = await scene.kube.get(LEASES, 'kube-node-lease', 'edge-1');
    const uid = nodes[0]?.metadata.uid;
    assert.deepEqual(lease?.metadata.ownerReferences, [{ apiVersion: 'v1', kind: 'Node', name: 'edge-1', uid }]);
    const spec = lease?.spec as { holderIdentity: string; leaseDurationSeconds: number; renewTime: string };
    assert.deepEqual([spec.holderIdentity, spec.leaseDurationSeconds], ['edge-1', 40]);
    assert.match(spec.renewTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

    first.send({ type: 'kubelet', alive: false });
    await renewed(scene, 'edge-2');
    const last = await renewTime(scene, 'edge-1');
    await renewed(scene, 'edge-2', 2);
    assert.equal(await renewTime(scene, 'edge-1'), last, 'the kubelet is silent');
    first.send({ type: 'kubelet', alive: true });
    await renewed(scene, 'edge-1');
    first.close();
    await renewed(scene, 'edge-2');
    const atEnd = await renewTime(scene, 'edge-1');
    await renewed(scene, 'edge-2', 2);
    assert.equal(await renewTime(scene, 'edge-1'), atEnd, 'the link is lost');
    assert.deepEqual(
      scene.api.relayRights().denied.filter((right) => !right.includes('hawser-probe')),
      [],
    );
  });
}

for (const leases of ['true', 'false']) {
  test(`a Node says whether it is linked, and by which agent, and a short cut does not change it (replica.leases=${leases})`, async (t) => {
    const scene = await Scene.start(t);
    const { relay } = await scene.relay('a', { ...FAST, 'nodeLeases.linkedAfterSeconds': '5', 'replica.leases': leases });
    for (const name of ['edge-1', 'edge-2']) await scene.kube.create(node(name));
    const [first, second] = [await scene.dial(relay, 'edge-1'), await scene.dial(relay, 'edge-2')];
    const { resourceVersion } = (await linked(scene, 'edge-2', 'True')).metadata;
    const up = await linked(scene, 'edge-1', 'True');
    assert.equal(up.metadata.annotations?.['hawser.dev/agent-version'], 'scripted');
    assert.equal(linkedOf(up)?.reason, 'LinkOpen');
    first.close();
    second.close();
    await second.closed;
    const again = await scene.dial(relay, 'edge-2');
    assert.equal(linkedOf(await linked(scene, 'edge-1', 'False'))?.reason, 'LinkLost');
    await scene.dial(relay, 'edge-1');
    await linked(scene, 'edge-1', 'True');
    const after = await scene.kube.get('nodes', '', 'edge-2');
    assert.equal(after?.metadata.resourceVersion, resourceVersion);
    assert.equal(after && linkedOf(after)?.status, 'True');
    again.close();
  });
}

test('an agent that moves to another replica has its Lease renewed there, and by that one alone', async (t) => {
  const scene = await Scene.start(t);
  const [a, b] = [await scene.relay('a', FAST), await scene.relay('b', FAST)];
  await scene.kube.create(node('edge-1'));
  const older = await scene.dial(a.relay, 'edge-1');
  older.send({ type: 'kubelet', alive: true });
  await renewed(scene, 'edge-1', 2);
  const newer = await scene.dial(b.relay, 'edge-1');
  newer.send({ type: 'kubelet', alive: true });
  assert.equal(await older.closed, 4001);
  // With the other's first one, none of the older's is on its way any more.
  const renewals = (count: number) =>
    until('renewals by the other', WAIT_MS, undefined, async () => (await written(b.relay)) >= count);
  await renewals(1);
  const atHandOver = await written(a.relay);
  await renewals(4);
  assert.equal(await written(a.relay), atHandOver);
  assert.deepEqual(
    [a, b].flatMap(({ logs }) => logs.filter(({ msg }) => msg === 'node lease refused')),
    [],
  );
});

test('when a replica goes and its agents do not come back, another one says that their links are unknown', async (t) => {
  const scene = await Scene.start(t);
  const flags = { ...FAST, 'replica.renewSeconds': '1' };
  const [a] = [await scene.relay('a', flags), await scene.relay('b', flags)];
  await scene.kube.create(node('edge-1'));
  const agent = await scene.dial(a.relay, 'edge-1');
  await linked(scene, 'edge-1', 'True');
  await a.relay.stop();
  await agent.closed;
  assert.equal(linkedOf(await linked(scene, 'edge-1', 'Unknown', 90_000))?.reason, 'RelayGone');
});

test('while the API server takes no renewals, the relay backs off and says so, and goes on when it takes them again', async (t) => {
  const scene = await Scene.start(t);
  const { relay, logs } = await scene.relay('a', FAST);
  await scene.kube.create(node('edge-1'));
  const agent = await scene.dial(relay, 'edge-1');
  agent.send({ type: 'kubelet', alive: true });
  await renewed(scene, 'edge-1');
  const pathPrefix = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  scene.api.faults.add({ method: 'PATCH', pathPrefix, times: 3, fault: { type: 'answer', status: 503 } });
  await until('the word', WAIT_MS, undefined, async () => logs.some(({ msg }) => msg === 'node leases are written again'));
  const failing = logs.filter(({ msg }) => msg === 'node leases not written');
  assert.equal(failing.length, 1, 'said once for a row of failures');
  await renewed(scene, 'edge-1');
});
