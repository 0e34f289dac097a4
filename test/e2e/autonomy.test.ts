import assert from 'node:assert/strict';
import { type TestContext, test as testOf } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { type NodeLifecycle, runNodeLifecycle } from '../controllers/node-lifecycle.ts';
import { UNREACHABLE } from '../controllers/taints.ts';
import { clusterKind, withoutPrograms } from '../kubernetes/which.ts';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

const IS_REAL = clusterKind() === 'real';
const test = (name: string, run: (t: TestContext) => Promise<void>) =>
  testOf(name, { skip: IS_REAL ? withoutPrograms() : false }, run);

/**
 * With the played controllers five minutes, which pods have by default, pass in 1.5 s, ten minutes in 3 s, and 72 hours in 22 minutes. Those of a
 * real cluster have real seconds, so there pods have fewer of them.
 */
const SECOND_MS = IS_REAL ? 1_000 : 5;
const USUAL_SECONDS = IS_REAL ? 15 : 300;
const LONGER = IS_REAL ? { time: '30s', seconds: 30 } : { time: '10m', seconds: 600 };
const LONG_ENOUGH = IS_REAL ? { time: '40s', seconds: 40 } : { time: '60m', seconds: 3_600 };
/** The relay renews Leases every second here, and machines are slow at times. */
const GRACE_MS = 8_000;
/** Real controllers taint one node in ten seconds. */
const WAIT_MS = IS_REAL ? 150_000 : 90_000;
const LEASES = 'coordination.k8s.io/leases';

interface World {
  readonly fleet: Fleet;
  /** The played one; none where the cluster has its own. */
  readonly controller: NodeLifecycle | undefined;
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
    // Where every node is lost, real controllers take that for their own trouble, and evict nothing.
    agents: ['edge-1', 'edge-2', ...(IS_REAL ? ['edge-3'] : [])],
    relayFlags: { '--node-leases-renew-seconds': '1' },
    realClusterFlags: ['--grace-seconds', String(GRACE_MS / 1000), '--toleration-seconds', String(USUAL_SECONDS)],
  });
  const [one, two] = fleet.agents;
  assert.ok(one && two);
  for (const agent of fleet.agents) {
    await nodeReady(fleet.kube, agent.node);
    await until(`a Lease of ${agent.node}`, WAIT_MS, undefined, async () => {
      return (await fleet.kube.get(LEASES, 'kube-node-lease', agent.node)) !== undefined;
    });
  }
  if (IS_REAL) return { fleet, controller: undefined, one, two };
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

/** Somebody gives one pod the usual seconds again: that stands, whatever its node says. */
async function shortened(w: World, agent: FleetAgent, name: string): Promise<void> {
  const pod = await w.fleet.kube.get('pods', 'default', name);
  assert.ok(pod);
  const { tolerations = [] } = pod.spec as { tolerations?: { key?: string }[] };
  const usual = tolerations.map((one) => (one.key === UNREACHABLE ? { ...one, tolerationSeconds: USUAL_SECONDS } : one));
  await w.fleet.kube.patch('pods', 'default', name, { spec: { tolerations: usual } });
  await tolerates(w, agent, name, USUAL_SECONDS);
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

/** What a restart changes: a server of another age leaves out other fields. */
function containers(pod: KubeObject | undefined): readonly ContainerStatus[] {
  const { containerStatuses = [] } = (pod?.status ?? {}) as { containerStatuses?: Required<ContainerStatus>[] };
  return containerStatuses.map(({ restartCount, containerID }) => ({ restartCount, containerID }));
}

test('without autonomy the pods of a lost node are evicted after their seconds; with it they stay, and are the same when it is back', async (t) => {
  const w = await world(t);
  await annotate(w, w.one, { 'hawser.dev/autonomy': '72h' });
  const kept = await running(w, w.one, 'kept');
  await running(w, w.one, 'shortened');
  await running(w, w.two, 'plain');
  await tolerates(w, w.one, 'kept', 259_200);
  await tolerates(w, w.one, 'shortened', 259_200);
  await shortened(w, w.one, 'shortened');
  await tolerates(w, w.two, 'plain', USUAL_SECONDS);

  w.one.link.cut();
  w.two.link.cut();
  await tainted(w, w.one, true);
  await tainted(w, w.two, true);
  await leaves(w, 'plain');
  // On the same node, for the same taint: what is evicted by then has gone.
  await leaves(w, 'shortened');
  await w.controller?.settled();
  assert.equal(await isLeaving(w, 'kept'), false);
  if (w.controller !== undefined) {
    const plannedMs = (w.controller.planned().get('default/kept') ?? 0) - Date.now();
    assert.ok(plannedMs > 259_000 * SECOND_MS - WAIT_MS * 3, `planned in ${plannedMs} ms`);
  }

  w.one.link.restore();
  await tainted(w, w.one, false);
  await podInCloud(w.fleet.kube, 'kept', ({ conditions = [] }) =>
    conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
  );
  const after = await w.fleet.kube.get('pods', 'default', 'kept');
  assert.equal(after?.metadata.uid, kept.metadata.uid);
  assert.equal(after?.metadata.deletionTimestamp, undefined);
  assert.deepEqual(containers(after), containers(kept), 'not restarted');
  await goneAtDevice(w.one, 'shortened');
  await until('no plan for it', WAIT_MS, undefined, async () => w.controller?.planned().has('default/kept') !== true);

  w.two.link.restore();
  await goneAtDevice(w.two, 'plain');
  await gone(w, 'plain');
});

test('when the time is up pods are evicted, their replacements run elsewhere, and back again the device stops the old ones', async (t) => {
  const w = await world(t);
  await annotate(w, w.one, { 'hawser.dev/autonomy': LONGER.time });
  await running(w, w.one, 'old');
  await tolerates(w, w.one, 'old', LONGER.seconds);

  const cutAt = Date.now();
  w.one.link.cut();
  await leaves(w, 'old');
  assert.ok(Date.now() - cutAt >= LONGER.seconds * SECOND_MS, 'not before its time');
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
  await tolerates(w, w.one, 'web', USUAL_SECONDS);
  const web = await w.fleet.kube.get('pods', 'default', 'web');
  assert.equal(web?.metadata.annotations?.['hawser.dev/tolerates-unreachable'], undefined);
});

test('a device that is away for too long ends its pods by itself, also when it was restarted meanwhile, before they are replaced', async (t) => {
  const w = await world(t);
  // By the played clock of this test sixty minutes are 18 seconds; the device has no other clock than its own, and starts in some of them.
  await annotate(w, w.one, { 'hawser.dev/autonomy': LONG_ENOUGH.time, 'hawser.dev/autonomy-stop-after': '6s' });
  await running(w, w.one, 'web');
  await tolerates(w, w.one, 'web', LONG_ENOUGH.seconds);
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
