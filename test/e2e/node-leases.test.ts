import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AGENT_VERSION } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { runNodeLifecycle } from '../controllers/node-lifecycle.ts';
import type { Fleet, FleetRelay } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { fleetFor, nodeReady } from './harness.ts';

const LEASES = 'coordination.k8s.io/leases';
const WAIT_MS = 90_000;
/** Shorter than the time between two of a kubelet's own status reports: only renewals of the Lease keep the node Ready. */
const GRACE_MS = 12_000;

interface Condition {
  readonly type: string;
  readonly status: string;
}

function statusOf({ status }: KubeObject, type: string): string | undefined {
  const conditions = (status as { conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
  return conditions.find((condition) => condition.type === type)?.status;
}

function nodeIs(fleet: Fleet, name: string, wanted: Readonly<Record<string, string>>): Promise<KubeObject> {
  return until(`${name} to be ${JSON.stringify(wanted)}`, WAIT_MS, undefined, async () => {
    const node = await fleet.kube.get('nodes', '', name);
    return node !== undefined && Object.entries(wanted).every(([type, status]) => statusOf(node, type) === status)
      ? node
      : undefined;
  });
}

async function renewTime(fleet: Fleet, name: string): Promise<string | undefined> {
  const lease = await fleet.kube.get(LEASES, 'kube-node-lease', name);
  return (lease?.spec as { renewTime?: string } | undefined)?.renewTime;
}

/** So many renewals from now on. */
async function renewed(fleet: Fleet, name: string, times: number): Promise<void> {
  let last = await renewTime(fleet, name);
  for (let seen = 0; seen < times; seen += 1) {
    last = await until(`a renewal of ${name}`, WAIT_MS, undefined, async () => {
      const now = await renewTime(fleet, name);
      return now !== undefined && now !== last ? now : undefined;
    });
  }
}

async function metric(relay: FleetRelay, line: string): Promise<number> {
  const found = (await relay.metrics()).split('\n').find((text) => text.startsWith(line));
  return Number(found?.split(' ').at(-1) ?? '0');
}

const RENEWED = 'hawser_relay_node_lease_renewals_total{outcome="written"}';
const TOLD = 'hawser_relay_messages_total{direction="in",type="kubelet"}';

test('a node is Ready while it is linked, is lost to the cluster and said to be without a link when that is cut, and comes back', {
  timeout: 600_000,
}, async (t) => {
  const fleet = await fleetFor(t, {
    relays: 2,
    agents: ['edge-1', 'edge-2'],
    relayFlags: { '--node-leases-renew-seconds': '1', '--node-leases-linked-after-seconds': '6' },
    // A link that is cut once is back well within these six seconds.
    agentFlags: { '--backoff-base-ms': '50', '--backoff-cap-ms': '1000' },
  });
  const [first, second] = fleet.relays;
  const [device, other] = fleet.agents;
  assert.ok(first && second && device && other);
  await nodeReady(fleet.kube, 'edge-1');
  await renewed(fleet, 'edge-1', 1);
  const errors: string[] = [];
  const cluster = runNodeLifecycle({ kube: fleet.kube, graceMs: GRACE_MS, onError: (message) => errors.push(message) });
  t.after(() => cluster.stop());

  const told = await metric(first, TOLD);
  const linked = await nodeIs(fleet, 'edge-1', { Ready: 'True', 'hawser.dev/Linked': 'True' });
  assert.equal(linked.metadata.annotations?.['hawser.dev/agent-version'], AGENT_VERSION);
  await renewed(fleet, 'edge-1', GRACE_MS / 1000 + 3);
  await nodeIs(fleet, 'edge-1', { Ready: 'True' });
  assert.equal(await metric(first, TOLD), told, 'no heartbeat has crossed the link meanwhile');

  device.link.cut();
  await nodeIs(fleet, 'edge-1', { Ready: 'Unknown', 'hawser.dev/Linked': 'False' });
  const last = await renewTime(fleet, 'edge-1');
  await renewed(fleet, 'edge-2', 3);
  assert.equal(await renewTime(fleet, 'edge-1'), last);
  await nodeIs(fleet, 'edge-2', { Ready: 'True', 'hawser.dev/Linked': 'True' });

  device.link.restore();
  await nodeIs(fleet, 'edge-1', { Ready: 'True', 'hawser.dev/Linked': 'True' });

  const before = await fleet.kube.get('nodes', '', 'edge-2');
  const opened = await metric(first, 'hawser_relay_sessions_opened_total');
  other.link.flap();
  await until(
    'edge-2 to be back',
    WAIT_MS,
    undefined,
    async () => (await metric(first, 'hawser_relay_sessions_opened_total')) > opened,
  );
  // More seconds than it takes to say of a link that it is lost.
  await renewed(fleet, 'edge-2', 8);
  const after = await fleet.kube.get('nodes', '', 'edge-2');
  assert.equal(after?.metadata.resourceVersion, before?.metadata.resourceVersion, 'a short cut changes no Node');

  // The first knows that its link is gone before the second has one: else both would write the Lease for a moment.
  device.link.cut();
  await until('the first to have one link', WAIT_MS, undefined, async () => {
    return (await metric(first, 'hawser_relay_node_leases{state="renewed"}')) === 1;
  });
  device.link.retarget(second.linkPort);
  device.link.restore();
  await until('renewals by the second relay', WAIT_MS, undefined, async () => (await metric(second, RENEWED)) >= 2);
  const elsewhere = await until('the first to renew edge-2 alone', WAIT_MS, undefined, async () =>
    (await metric(first, 'hawser_relay_node_leases{state="renewed"}')) === 1 ? await metric(second, RENEWED) : undefined,
  );
  await until('more of them', WAIT_MS, undefined, async () => (await metric(second, RENEWED)) >= elsewhere + 3);
  const counts = await Promise.all([first, second].map((relay) => metric(relay, 'hawser_relay_node_leases{state="renewed"}')));
  assert.deepEqual(counts, [1, 1], 'one relay for each node');
  assert.equal(await metric(second, 'hawser_relay_node_lease_renewals_total{outcome="conflict"}'), 0);
  await nodeIs(fleet, 'edge-1', { Ready: 'True', 'hawser.dev/Linked': 'True' });
  assert.deepEqual(errors, []);
});
