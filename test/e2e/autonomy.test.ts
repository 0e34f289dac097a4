import assert from 'node:assert/strict';
import { type TestContext, test as testOf } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { type NodeLifecycle, runNodeLifecycle } from '../controllers/node-lifecycle.ts';
import { UNREACHABLE } from '../controllers/taints.ts';
import { embeddedOnly } from '../kubernetes/which.ts';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

/** A real cluster has controllers of its own, which take back what the played ones mark. */
const PLAYED = { skip: embeddedOnly('node lifecycle whose seconds are short') };
const test = (name: string, run: (t: TestContext) => Promise<void>) => testOf(name, PLAYED, run);

/** Five minutes, which pods have by default, pass in 1.5 s, ten minutes in 3 s, and 72 hours in 22 minutes. */
const SECOND_MS = 5;
/** The relay renews Leases every second here, and machines are slow at times. */
const GRACE_MS = 8_000;
const WAIT_MS = 90_000;
const LEASES = 'coordination.k8s.io/leases';

interface World {
  readonly fleet: Fleet;
  readonly controller: NodeLifecycle;
  readonly one: FleetAgent;
  readonly two: FleetAgent;
}

/** Two devices that are Ready, in a cluster that evicts pods from nodes that are lost. */
async function world(t: TestContext): Promise<World> {
  const ending = new AbortController();
  const running: Promise<void>[] = [];
  const errors: string[] = [];
  // Before the fleet's own end: what speaks to its API server has ended then.
  t.after(async () => {
    ending.abort();
    await Promise.all(running);
    assert.deepEqual(errors, []);
  });
  const fleet = await fleetFor(t, {
    agents: ['edge-1', 'edge-2'],
    relayFlags: { '--node-leases-renew-seconds': '1' },
  });
  const [one, two] = fleet.agents;
  assert.ok(one && two);
  for (const agent of fleet.agents) {
    await nodeReady(fleet.kube, agent.node);
    await until(`a Lease of ${agent.node}`, WAIT_MS, undefined, async () => {
      return (await fleet.kube.get(LEASES, 'kube-node-lease', agent.node)) !== undefined;
    });
  }
  const onError = (message: string) => errors.push(message);
  const controller = runNodeLifecycle({ kube: fleet.kube, graceMs: GRACE_MS, secondMs: SECOND_MS, onError });
  ending.signal.addEventListener('abort', () => running.push(controller.stop()));
  return { fleet, controller, one, two };
}

async function annotate({ fleet }: World, agent: FleetAgent, annotations: Record<string, string | null>): Promise<void> {
  await fleet.kube.patch('nodes', '', agent.node, { metadata: { annotations } });
}

/** A pod that runs on the device. */
async function running({ fleet }: World, agent: FleetAgent, name: string): Promise<KubeObject> {
  await fleet.kube.create(podOn(agent.node, name));
  await podInCloud(fleet.kube, name, ({ phase }) => phase === 'Running', WAIT_MS);
  return atDevice(agent, 'pods', 'default', name);
}

/** Waits until the cloud and the device hold the pod with so many seconds. */
async function tolerates(w: World, agent: FleetAgent, name: string, seconds: number | undefined): Promise<void> {
  const has = (pod: KubeObject) => {
    const { tolerations = [] } = pod.spec as { tolerations?: { key: string; tolerationSeconds?: number }[] };
    const own = tolerations.find(({ key }) => key === UNREACHABLE);
    return own !== undefined && own.tolerationSeconds === seconds;
  };
  await until(`${name} with ${seconds} s`, WAIT_MS, undefined, async () => {
    const pod = await w.fleet.kube.get('pods', 'default', name);
    return pod !== undefined && has(pod);
  });
  await atDevice(agent, 'pods', 'default', name, has);
}

async function isLeaving({ fleet }: World, name: string): Promise<boolean> {
  return (await fleet.kube.get('pods', 'default', name))?.metadata.deletionTimestamp !== undefined;
}

function leaves(w: World, name: string): Promise<boolean> {
  return until(`${name} is evicted`, WAIT_MS, undefined, () => isLeaving(w, name));
}

/** Waits until the taints of a lost node are there, or gone. */
async function tainted({ fleet }: World, agent: FleetAgent, expected: boolean): Promise<void> {
  await until(`${agent.node} ${expected ? 'tainted' : 'free of taints'}`, WAIT_MS, undefined, async () => {
    const node = await fleet.kube.get('nodes', '', agent.node);
    const { taints = [] } = (node?.spec ?? {}) as { taints?: { key: string; effect: string }[] };
    return expected ? taints.some(({ key, effect }) => key === UNREACHABLE && effect === 'NoExecute') : taints.length === 0;
  });
}

function gone({ fleet }: World, name: string): Promise<boolean> {
  return until(`${name} gone`, WAIT_MS, undefined, async () => (await fleet.kube.get('pods', 'default', name)) === undefined);
}

function goneAtDevice(agent: FleetAgent, name: string): Promise<boolean> {
  return until(`${name} gone at ${agent.name}`, WAIT_MS, undefined, async () => {
    return (await agent.local.get('pods', 'default', name)) === undefined;
  });
}

interface ContainerStatus {
  readonly restartCount: number;
  readonly containerID?: string;
}

function containers(pod: KubeObject | undefined): readonly ContainerStatus[] {
  return (pod?.status as { containerStatuses?: ContainerStatus[] } | undefined)?.containerStatuses ?? [];
}

test('without autonomy the pods of a lost node are evicted after their seconds; with it they stay, and are the same when it is back', async (t) => {
  const w = await world(t);
  await annotate(w, w.one, { 'hawser.dev/autonomy': '72h' });
  const kept = await running(w, w.one, 'kept');
  await running(w, w.two, 'plain');
  await tolerates(w, w.one, 'kept', 259_200);
  await tolerates(w, w.two, 'plain', 300);

  w.one.link.cut();
  w.two.link.cut();
  await tainted(w, w.one, true);
  await tainted(w, w.two, true);
  await leaves(w, 'plain');
  await w.controller.settled();
  assert.equal(await isLeaving(w, 'kept'), false);
  const plannedMs = (w.controller.planned().get('default/kept') ?? 0) - Date.now();
  assert.ok(plannedMs > 259_000 * SECOND_MS - WAIT_MS * 3, `planned in ${plannedMs} ms`);

  w.one.link.restore();
  await tainted(w, w.one, false);
  await podInCloud(w.fleet.kube, 'kept', ({ conditions = [] }) =>
    conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
  );
  const after = await w.fleet.kube.get('pods', 'default', 'kept');
  assert.equal(after?.metadata.uid, kept.metadata.uid);
  assert.equal(after?.metadata.deletionTimestamp, undefined);
  assert.deepEqual(containers(after), containers(kept), 'not restarted');
  await until('no plan for it', WAIT_MS, undefined, async () => !w.controller.planned().has('default/kept'));

  w.two.link.restore();
  await goneAtDevice(w.two, 'plain');
  await gone(w, 'plain');
});

test('when the time is up pods are evicted, their replacements run elsewhere, and back again the device stops the old ones', async (t) => {
  const w = await world(t);
  await annotate(w, w.one, { 'hawser.dev/autonomy': '10m' });
  await running(w, w.one, 'old');
  await tolerates(w, w.one, 'old', 600);

  const cutAt = Date.now();
  w.one.link.cut();
  await leaves(w, 'old');
  assert.ok(Date.now() - cutAt >= 600 * SECOND_MS, 'not before its time');
  // As the pod's controller would, while the old one cannot be heard of.
  await running(w, w.two, 'replacement');
  const atDeviceStill = await w.one.local.get('pods', 'default', 'old');
  assert.equal(atDeviceStill?.metadata.deletionTimestamp, undefined, 'the device does not know yet');

  w.one.link.restore();
  await goneAtDevice(w.one, 'old');
  await gone(w, 'old');
  await tainted(w, w.one, false);
  assert.deepEqual(
    (await w.fleet.kube.list('pods', 'default')).map(({ metadata }) => metadata.name),
    ['replacement'],
  );
});

test('a pod that is deleted while its device is away is stopped when it is back, whatever its autonomy', async (t) => {
  const w = await world(t);
  await annotate(w, w.one, { 'hawser.dev/autonomy': 'forever' });
  await running(w, w.one, 'deleted');
  await running(w, w.one, 'stays');
  await tolerates(w, w.one, 'deleted', undefined);
  await tolerates(w, w.one, 'stays', undefined);
  w.one.link.cut();
  await tainted(w, w.one, true);
  await w.fleet.kube.remove('pods', 'default', 'deleted');
  assert.equal(await isLeaving(w, 'deleted'), true, 'it waits for its kubelet');
  w.one.link.restore();
  await goneAtDevice(w.one, 'deleted');
  await gone(w, 'deleted');
  assert.equal(await isLeaving(w, 'stays'), false);
});

test('the annotation taken off gives pods back what they had; one that is not valid is told on the Node', async (t) => {
  const w = await world(t);
  await running(w, w.one, 'web');
  await annotate(w, w.one, { 'hawser.dev/autonomy': 'forever' });
  await tolerates(w, w.one, 'web', undefined);
  await annotate(w, w.one, { 'hawser.dev/autonomy': 'for ever' });
  await until('an Event', WAIT_MS, undefined, async () => {
    const events = await w.fleet.kube.list('events', 'default');
    return events.some(({ reason, involvedObject }) => {
      return reason === 'InvalidAutonomy' && (involvedObject as { name: string }).name === 'edge-1';
    });
  });
  await tolerates(w, w.one, 'web', undefined);
  await annotate(w, w.one, { 'hawser.dev/autonomy': null });
  await tolerates(w, w.one, 'web', 300);
  const web = await w.fleet.kube.get('pods', 'default', 'web');
  assert.equal(web?.metadata.annotations?.['hawser.dev/tolerates-unreachable'], undefined);
});

test('a device that is away for too long ends its pods by itself, also when it was restarted meanwhile, before they are replaced', async (t) => {
  const w = await world(t);
  // By the cluster's clock of this test sixty minutes are 18 seconds; the device has no other clock than its own, and starts in some of them.
  await annotate(w, w.one, { 'hawser.dev/autonomy': '60m', 'hawser.dev/autonomy-stop-after': '6s' });
  await running(w, w.one, 'web');
  await tolerates(w, w.one, 'web', 3_600);
  await atDevice(w.one, 'nodes', '', 'edge-1', ({ metadata }) => {
    return metadata.annotations?.['hawser.dev/autonomy-stop-after'] === '6s';
  });

  w.one.link.cut();
  await w.one.process().kill();
  await w.one.start();
  await goneAtDevice(w.one, 'web');
  assert.equal(await isLeaving(w, 'web'), false, 'the cluster has not moved it yet');
  await leaves(w, 'web');
  await running(w, w.two, 'replacement');

  w.one.link.restore();
  await gone(w, 'web');
  await until('an Event', WAIT_MS, undefined, async () => {
    return (await w.fleet.kube.list('events', 'default')).some(({ reason }) => reason === 'StoppedWithoutLink');
  });
  await tainted(w, w.one, false);
  assert.equal(await w.one.local.get('pods', 'default', 'web'), undefined);
});
