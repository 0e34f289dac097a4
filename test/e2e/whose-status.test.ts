import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { listsByAudit } from '../kubernetes/audit.ts';
import { FILES } from '../kubernetes/programs.ts';
import { clusterKind } from '../kubernetes/which.ts';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import type { KubeClient } from '../support/kube.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';
import { emptyOutbox, refusalsOf, registered, STRATEGIC } from './kubelet.ts';

/**
 * A status has several writers: the kubelet, controllers that mark what is unreachable, readiness gates, the attach-detach controller,
 * the eviction API. Each keeps what it wrote, whoever of them was offline meanwhile.
 */

const POD_STATUS = '/api/v1/namespaces/default/pods/web/status';
const NODE_STATUS = '/api/v1/nodes/edge-1/status';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly lastTransitionTime?: string;
}

function conditionOf(object: KubeObject | undefined, type: string): Condition | undefined {
  const { conditions = [] } = (object?.status ?? {}) as { conditions?: Condition[] };
  return conditions.find((condition) => condition.type === type);
}

function condition(type: string, status: string, reason: string, lastTransitionTime = '2026-01-01T00:00:00Z'): Condition {
  return { type, status, reason, lastTransitionTime };
}

async function patchStatus(at: KubeClient, path: string, status: Record<string, unknown>): Promise<void> {
  const answer = await at.raw('PATCH', path, { status }, STRATEGIC);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}

test('what the cluster marks while the link is down is right again after, without a relist', { timeout: 240_000 }, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'], counts: true });
  const [device] = fleet.agents;
  assert.ok(device);
  const { kube } = fleet;
  await nodeReady(kube, 'edge-1');
  await kube.create(configMap('settings', { n: '0' }));
  await kube.create(podOn('edge-1', 'web', { configMaps: ['settings'] }));
  const isReady = ({ conditions = [] }: { conditions?: readonly Condition[] }) =>
    conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  const before = await podInCloud(kube, 'web', isReady);
  const lists = await listsOf(fleet);
  await emptyOutbox(device);

  device.link.cut();
  // As the node lifecycle controller does when a node's Lease is no longer renewed.
  await patchStatus(kube, POD_STATUS, { conditions: [{ type: 'Ready', status: 'False' }] });
  await patchStatus(kube, NODE_STATUS, { conditions: [condition('Ready', 'Unknown', 'NodeStatusUnknown')] });
  assert.equal(conditionOf(await device.local.get('pods', 'default', 'web'), 'Ready')?.status, 'True', 'the device serves on');
  assert.equal(conditionOf(await device.local.get('nodes', '', 'edge-1'), 'Ready')?.status, 'True');

  device.link.restore();
  const after = await podInCloud(kube, 'web', isReady);
  assert.equal(after.metadata.uid, before.metadata.uid);
  const node = await nodeReady(kube, 'edge-1');
  assert.equal(conditionOf(node, 'Ready')?.reason, 'KubeletReady');
  for (const [resource, namespace, name] of [['pods', 'default', 'web'] as const, ['nodes', '', 'edge-1'] as const]) {
    await atDevice(device, resource, namespace, name, (object) => conditionOf(object, 'Ready')?.status === 'True');
  }
  assert.equal(await listsOf(fleet), lists, 'nothing was listed anew');
});

test('of a status with several writers nobody loses anything, online and offline', { timeout: 240_000 }, async (t) => {
  const flags = { '--workload': 'none', '--backoff-cap-ms': '500' };
  const fleet = await fleetFor(t, { agents: ['edge-1'], agentFlags: flags });
  const [device] = fleet.agents;
  assert.ok(device);
  const { kube } = fleet;
  await registered(kube, device);
  await kube.create(podOn('edge-1', 'web'));
  await atDevice(device, 'pods', 'default', 'web');
  const kubelet = kubeletOf(device);
  const inCloud = (what: string, matches: (pod: KubeObject | undefined, node: KubeObject | undefined) => boolean) =>
    until(what, 60_000, undefined, async () => {
      const [pod, node] = [await kube.get('pods', 'default', 'web'), await kube.get('nodes', '', 'edge-1')];
      return matches(pod, node) ? { pod, node } : undefined;
    });
  const restarts = (object: KubeObject | undefined) =>
    (object?.status as { containerStatuses?: { restartCount: number }[] } | undefined)?.containerStatuses?.[0]?.restartCount;
  const volumes = (object: KubeObject | undefined) => Object(object?.status).volumesAttached;
  const attached = [{ name: 'kubernetes.io/csi/disk-1', devicePath: '/dev/xvdb' }];

  await t.test('online: a foreign condition, and what the kubelet writes after it', async () => {
    await kubelet.running(0);
    await inCloud('Running', (pod) => restarts(pod) === 0);
    await patchStatus(kube, POD_STATUS, { conditions: [condition('example.com/gate', 'False', 'Waiting')] });
    await patchStatus(kube, NODE_STATUS, {
      conditions: [condition('example.com/DiskWearsOut', 'False', 'Young')],
      volumesAttached: attached,
    });
    // At once, so that the device may not have it yet.
    await kubelet.running(1);
    const { pod, node } = await inCloud('the restart', (seen) => restarts(seen) === 1);
    assert.equal(conditionOf(pod, 'example.com/gate')?.reason, 'Waiting');
    assert.equal(conditionOf(node, 'example.com/DiskWearsOut')?.reason, 'Young');
    assert.deepEqual(volumes(node), attached);
    await atDevice(device, 'pods', 'default', 'web', (seen) => conditionOf(seen, 'example.com/gate')?.reason === 'Waiting');
    await atDevice(device, 'nodes', '', 'edge-1', (seen) => volumes(seen)?.length === 1);
  });

  await t.test('offline: both write the same objects, and the device serves what it wrote over what it knows', async () => {
    device.link.cut();
    const gateSince = '2026-01-02T00:00:00Z';
    await patchStatus(kube, POD_STATUS, {
      conditions: [
        condition('example.com/gate', 'True', 'Opened', gateSince),
        condition('DisruptionTarget', 'True', 'EvictionByEvictionAPI'),
        { type: 'Ready', status: 'False' },
      ],
    });
    await patchStatus(kube, NODE_STATUS, {
      conditions: [condition('example.com/DiskWearsOut', 'True', 'Old'), condition('Ready', 'Unknown', 'NodeStatusUnknown')],
      volumesAttached: [...attached, { name: 'kubernetes.io/csi/disk-2', devicePath: '/dev/xvdc' }],
    });
    await kubelet.running(2);
    await kubelet.running(3);
    await kubelet.node('offline');
    const [pod, node] = [await device.local.get('pods', 'default', 'web'), await device.local.get('nodes', '', 'edge-1')];
    assert.equal(restarts(pod), 3);
    assert.equal(conditionOf(pod, 'example.com/gate')?.reason, 'Waiting', 'the last that it knows');
    assert.equal(conditionOf(node, 'Ready')?.reason, 'offline');

    device.link.restore();
    const seen = await inCloud('what the device wrote', (each, other) => {
      return restarts(each) === 3 && conditionOf(other, 'Ready')?.reason === 'offline';
    });
    const check = (one: KubeObject | undefined, other: KubeObject | undefined) => {
      const gate = conditionOf(one, 'example.com/gate');
      assert.deepEqual([gate?.status, gate?.reason, gate?.lastTransitionTime], ['True', 'Opened', gateSince]);
      assert.equal(conditionOf(one, 'DisruptionTarget')?.reason, 'EvictionByEvictionAPI');
      assert.equal(conditionOf(one, 'Ready')?.status, 'True');
      assert.equal(conditionOf(other, 'example.com/DiskWearsOut')?.reason, 'Old');
      assert.equal(volumes(other).length, 2);
    };
    check(seen.pod, seen.node);
    const onDevice = [
      await atDevice(device, 'pods', 'default', 'web', (each) => conditionOf(each, 'DisruptionTarget') !== undefined),
      await atDevice(device, 'nodes', '', 'edge-1', (each) => volumes(each)?.length === 2),
    ];
    check(onDevice[0], onDevice[1]);
    assert.equal(restarts(onDevice[0]), 3);
  });

  await t.test('offline: the kubelet takes back a condition of its own, and only that one goes', async () => {
    device.link.cut();
    await patchStatus(kube, POD_STATUS, { conditions: [condition('example.com/second-gate', 'True', 'Opened')] });
    await patchStatus(device.local, POD_STATUS, {
      '$setElementOrder/conditions': [{ type: 'Ready' }],
      conditions: [{ $patch: 'delete', type: 'ContainersReady' }],
    });
    device.link.restore();
    const { pod } = await inCloud('the condition gone', (seen) => conditionOf(seen, 'ContainersReady') === undefined);
    for (const type of ['Ready', 'example.com/gate', 'example.com/second-gate', 'DisruptionTarget']) {
      assert.ok(conditionOf(pod, type), type);
    }
  });
  assert.deepEqual(refusalsOf(device), []);
});

/** Lists of the relay so far, first ones included; watches are not counted with them. */
async function listsOf(fleet: Fleet): Promise<number> {
  if (clusterKind() === 'real') return listsByAudit(await readFile(join(fleet.dir, 'apiserver', FILES.auditLog), 'utf8'), 'pods');
  const { body } = await fleet.kube.raw('GET', '/-/requests');
  const counts = body as readonly { by: string; as: string; method: string; resource: string; count: number }[];
  return counts
    .filter(({ by, as, method, resource }) => by === 'relay' && as === '' && method === 'GET' && resource === 'pods')
    .reduce((sum, { count }) => sum + count, 0);
}

/** Patches as a stock kubelet sends them: strategic, with the order of the conditions that it knows of. */
function kubeletOf(device: FleetAgent) {
  const own = (reason: string) => [condition('Ready', 'True', reason), condition('ContainersReady', 'True', reason)];
  return {
    async running(restartCount: number): Promise<void> {
      const started = { running: { startedAt: `2026-01-01T00:00:0${restartCount}Z` } };
      const container = {
        name: 'main',
        image: 'registry.example/main:1',
        imageID: '',
        ready: true,
        restartCount,
        state: started,
      };
      const known = (await device.local.get('pods', 'default', 'web'))?.status as { conditions?: Condition[] } | undefined;
      const types = new Set([...own('').map(({ type }) => type), ...(known?.conditions ?? []).map(({ type }) => type)]);
      await patchStatus(device.local, POD_STATUS, {
        '$setElementOrder/conditions': [...types].map((type) => ({ type })),
        conditions: own(`restart-${restartCount}`),
        containerStatuses: [container],
        phase: 'Running',
      });
    },
    async node(reason: string): Promise<void> {
      await patchStatus(device.local, NODE_STATUS, { conditions: [condition('Ready', 'True', reason)] });
    },
  };
}
