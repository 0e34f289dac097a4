import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { apiVersionOf, type KubeObject, resourceById } from '@hawser/protocol';
import { ManualClock } from '../api/manual-clock.ts';
import { startEmbeddedApiServer } from '../apiserver/server.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { type NodeLifecycle, runNodeLifecycle } from './node-lifecycle.ts';
import { UNREACHABLE } from './taints.ts';

const DAY_MS = 24 * 3600_000;

interface World {
  readonly kube: KubeClient;
  readonly clock: ManualClock;
  readonly controller: NodeLifecycle;
  readonly kubeconfig: string;
}

async function world(t: TestContext): Promise<World> {
  const server = await startEmbeddedApiServer();
  const dir = mkdtempSync(join(tmpdir(), 'hawser-controllers-'));
  const kubeconfig = join(dir, 'kubeconfig');
  writeFileSync(kubeconfig, server.kubeconfig(), { mode: 0o600 });
  const kube = await kubeClient(kubeconfig);
  const clock = new ManualClock();
  const errors: string[] = [];
  const controller = runNodeLifecycle({ kube, clock, onError: (message) => errors.push(message) });
  t.after(async () => {
    await controller.stop();
    kube.close();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
    assert.deepEqual(errors, []);
  });
  return { kube, clock, controller, kubeconfig };
}

/** Waits until the controller has seen an object as it is now, and has done what follows from it. */
async function seen({ kube, controller }: World, list: 'nodes' | 'pods' | 'leases', namespace: string, name: string) {
  const resource = { nodes: 'nodes', pods: 'pods', leases: 'coordination.k8s.io/leases' }[list];
  await until(`${list} ${name} seen`, 60_000, undefined, async () => {
    const current = await kube.get(resource, namespace, name);
    const known = controller.seen(list, `${namespace}/${name}`);
    return current !== undefined && current.metadata.resourceVersion === known?.metadata.resourceVersion;
  });
  await controller.settled();
}

async function reportReady({ kube }: World, status: 'True' | 'False', heartbeat: string): Promise<void> {
  const condition = { type: 'Ready', status, reason: 'KubeletSaysSo', message: '', lastHeartbeatTime: heartbeat };
  const answer = await kube.raw(
    'PATCH',
    '/api/v1/nodes/edge-1/status',
    { status: { conditions: [condition] } },
    'application/strategic-merge-patch+json',
  );
  assert.equal(answer.status, 200);
}

async function readyNode(w: World): Promise<void> {
  await w.kube.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'edge-1' } });
  await reportReady(w, 'True', '2026-11-23T00:00:00Z');
  const leases = resourceById('coordination.k8s.io/leases');
  assert.ok(leases);
  await w.kube.create({
    apiVersion: apiVersionOf(leases),
    kind: leases.kind,
    metadata: { name: 'edge-1', namespace: 'kube-node-lease' },
    spec: { holderIdentity: 'edge-1', renewTime: '2026-11-23T00:00:00.000000Z' },
  });
  await until('node without taints', 60_000, undefined, async () => (await taints(w)).length === 0);
  await seen(w, 'nodes', '', 'edge-1');
  await seen(w, 'leases', 'kube-node-lease', 'edge-1');
}

async function renewLease(w: World, renewTime: string): Promise<void> {
  await w.kube.patch('coordination.k8s.io/leases', 'kube-node-lease', 'edge-1', { spec: { renewTime } });
  await seen(w, 'leases', 'kube-node-lease', 'edge-1');
}

async function runningPod(w: World, name: string, tolerations: object[] = []): Promise<KubeObject> {
  const pod = await w.kube.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'edge-1', tolerations, containers: [{ name: 'main', image: 'registry.example/main:1' }] },
  });
  await w.kube.patch('pods', 'default', name, { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, 'status');
  await seen(w, 'pods', 'default', name);
  return pod;
}

async function lose(w: World): Promise<void> {
  w.clock.advance(50_000);
  await until('unreachable', 60_000, undefined, async () => (await taints(w)).length === 2);
  await seen(w, 'nodes', '', 'edge-1');
}

async function taints({ kube }: World): Promise<string[]> {
  const node = await kube.get('nodes', '', 'edge-1');
  const list = (node?.spec as { taints?: { key: string; effect: string }[] } | undefined)?.taints ?? [];
  return list.map(({ key, effect }) => `${key}:${effect}`).sort();
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

function conditions(object: KubeObject | undefined): readonly Condition[] {
  return (object?.status as { conditions?: Condition[] } | undefined)?.conditions ?? [];
}

async function isLeaving({ kube }: World, name: string): Promise<boolean> {
  return (await kube.get('pods', 'default', name))?.metadata.deletionTimestamp !== undefined;
}

const forUnreachable = (seconds?: number) => ({
  key: UNREACHABLE,
  operator: 'Exists',
  effect: 'NoExecute',
  ...(seconds === undefined ? {} : { tolerationSeconds: seconds }),
});

test('a ready node loses the taint that it was registered with', async (t) => {
  const w = await world(t);
  await readyNode(w);
  assert.deepEqual(await taints(w), []);
});

test('a node whose Lease is not renewed for the grace is Unknown and tainted, and its pods are not ready', async (t) => {
  const w = await world(t);
  await readyNode(w);
  await runningPod(w, 'web');

  w.clock.advance(49_999);
  await w.controller.settled();
  assert.deepEqual(await taints(w), [], 'within the grace');

  w.clock.advance(1);
  await until('unreachable', 60_000, undefined, async () => (await taints(w)).length === 2);
  assert.deepEqual(await taints(w), [`${UNREACHABLE}:NoExecute`, `${UNREACHABLE}:NoSchedule`]);
  const node = await w.kube.get('nodes', '', 'edge-1');
  const told = new Map(conditions(node).map((condition) => [condition.type, condition]));
  assert.equal(told.get('Ready')?.status, 'Unknown');
  assert.equal(told.get('Ready')?.reason, 'NodeStatusUnknown');
  assert.equal(told.get('Ready')?.message, 'Kubelet stopped posting node status.');
  assert.equal(told.get('MemoryPressure')?.reason, 'NodeStatusNeverUpdated');
  const pod = await w.kube.get('pods', 'default', 'web');
  assert.deepEqual(
    conditions(pod).map(({ type, status }) => [type, status]),
    [['Ready', 'False']],
  );
});

test('renewals keep a node, and after an outage its own report takes the taints off again', async (t) => {
  const w = await world(t);
  await readyNode(w);
  const pod = await runningPod(w, 'web');
  w.clock.advance(40_000);
  await renewLease(w, '2026-11-23T00:00:40.000000Z');
  w.clock.advance(40_000);
  await w.controller.settled();
  assert.deepEqual(await taints(w), [], 'renewed in time');

  w.clock.advance(10_000);
  await until('unreachable', 60_000, undefined, async () => (await taints(w)).length === 2);
  await renewLease(w, '2026-11-23T00:01:30.000000Z');
  assert.equal((await taints(w)).length, 2, 'the kubelet has not spoken yet');
  await reportReady(w, 'True', '2026-11-23T00:01:30Z');
  await until('taints off', 60_000, undefined, async () => (await taints(w)).length === 0);
  await seen(w, 'nodes', '', 'edge-1');
  assert.equal(w.controller.planned().size, 0);
  await renewLease(w, '2026-11-23T00:01:31.000000Z');
  w.clock.advance(49_000);
  await w.controller.settled();
  assert.equal((await w.kube.get('pods', 'default', 'web'))?.metadata.uid, pod.metadata.uid);
  assert.equal(await isLeaving(w, 'web'), false);
});

test('a kubelet that says NotReady has the not-ready taints', async (t) => {
  const w = await world(t);
  await readyNode(w);
  await reportReady(w, 'False', '2026-11-23T00:00:01Z');
  await until('not ready', 60_000, undefined, async () => (await taints(w)).length === 2);
  assert.deepEqual(await taints(w), ['node.kubernetes.io/not-ready:NoExecute', 'node.kubernetes.io/not-ready:NoSchedule']);
});

test('pods leave when their seconds are over: none at all at once, no number never', async (t) => {
  const w = await world(t);
  await readyNode(w);
  await runningPod(w, 'default-300');
  await runningPod(w, 'three-days', [forUnreachable(259_200)]);
  await runningPod(w, 'for-ever', [forUnreachable()]);
  await runningPod(w, 'zero', [forUnreachable(0)]);
  await lose(w);
  await until('zero leaves', 60_000, undefined, () => isLeaving(w, 'zero'));

  w.clock.advance(299_000);
  await w.controller.settled();
  assert.equal(await isLeaving(w, 'default-300'), false);
  w.clock.advance(1_000);
  await until('default-300 leaves', 60_000, undefined, () => isLeaving(w, 'default-300'));
  const [disrupted] = conditions(await w.kube.get('pods', 'default', 'default-300')).filter(
    ({ type }) => type === 'DisruptionTarget',
  );
  assert.equal(disrupted?.reason, 'DeletionByTaintManager');

  w.clock.advance(3 * DAY_MS - 301_000);
  await w.controller.settled();
  assert.equal(await isLeaving(w, 'three-days'), false);
  w.clock.advance(1_000);
  await until('three-days leaves', 60_000, undefined, () => isLeaving(w, 'three-days'));
  w.clock.advance(365 * DAY_MS);
  await w.controller.settled();
  assert.equal(await isLeaving(w, 'for-ever'), false);
});

test('of several tolerations of the same taint the first decides', async (t) => {
  const w = await world(t);
  await readyNode(w);
  await runningPod(w, 'long-first', [forUnreachable(600), { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 10 }]);
  await runningPod(w, 'short-first', [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 10 }, forUnreachable(600)]);
  await lose(w);
  w.clock.advance(10_000);
  await until('short-first leaves', 60_000, undefined, () => isLeaving(w, 'short-first'));
  assert.equal(await isLeaving(w, 'long-first'), false);
});

test('once planned, other seconds change nothing; no number does', async (t) => {
  const w = await world(t);
  await readyNode(w);
  await runningPod(w, 'lengthened', [forUnreachable(300)]);
  await runningPod(w, 'freed', [forUnreachable(300)]);
  await lose(w);
  assert.equal(w.controller.planned().size, 2);
  const notReady = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 };
  await w.kube.patch('pods', 'default', 'lengthened', { spec: { tolerations: [forUnreachable(259_200), notReady] } });
  await w.kube.patch('pods', 'default', 'freed', { spec: { tolerations: [forUnreachable(), notReady] } });
  await seen(w, 'pods', 'default', 'lengthened');
  await seen(w, 'pods', 'default', 'freed');
  w.clock.advance(300_000);
  await until('lengthened leaves', 60_000, undefined, () => isLeaving(w, 'lengthened'));
  await w.controller.settled();
  assert.equal(await isLeaving(w, 'freed'), false);
});

test('a pod whose Node is gone is removed, after a while and whatever it tolerates', async (t) => {
  const w = await world(t);
  await readyNode(w);
  await runningPod(w, 'for-ever', [forUnreachable()]);
  await w.kube.remove('nodes', '', 'edge-1');
  await until('node seen gone', 60_000, undefined, async () => w.controller.seen('nodes', '/edge-1') === undefined);
  await w.controller.settled();
  w.clock.advance(39_999);
  await w.controller.settled();
  assert.notEqual(await w.kube.get('pods', 'default', 'for-ever'), undefined);
  w.clock.advance(1);
  await until('pod gone', 60_000, undefined, async () => (await w.kube.get('pods', 'default', 'for-ever')) === undefined);
});

test('as a process it lets 72 hours of seconds pass in a moment', async (t) => {
  const w = await world(t);
  await w.controller.stop();
  const started = startProcess({
    name: 'node-lifecycle',
    args: ['test/controllers/main.ts', '--kubeconfig', w.kubeconfig, '--grace-ms', '50', '--second-ms', '0.001'],
  });
  t.after(() => started.stop());
  await started.line('its start', ({ msg }) => msg === 'controllers running');
  await w.kube.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'edge-1' } });
  await reportReady(w, 'True', '2026-11-23T00:00:00Z');
  await w.kube.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'three-days', namespace: 'default' },
    spec: {
      nodeName: 'edge-1',
      tolerations: [forUnreachable(259_200)],
      containers: [{ name: 'main', image: 'registry.example/main:1' }],
    },
  });
  await until('three-days leaves', 60_000, undefined, () => isLeaving(w, 'three-days'));
  const { code } = await started.stop();
  assert.equal(code, 0);
});
