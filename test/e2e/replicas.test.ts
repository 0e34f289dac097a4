import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atDevice, type Fleet, type FleetAgent, type FleetRelay } from '../support/fleet.ts';
import type { LogLine } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podOn } from './harness.ts';

const NAMESPACE = 'hawser-system';
const LEASES = 'coordination.k8s.io/leases';

interface NodeLease {
  readonly holder: string;
  readonly epoch: number;
  readonly linkState: string;
  readonly storeId: string;
}

async function nodeLease(fleet: Fleet, node: string): Promise<NodeLease | undefined> {
  const lease = await fleet.kube.get(LEASES, NAMESPACE, `node-${node}`);
  if (lease === undefined) return undefined;
  const spec = lease.spec as { holderIdentity: string; leaseTransitions: number };
  const annotations = lease.metadata.annotations ?? {};
  return {
    holder: spec.holderIdentity,
    epoch: spec.leaseTransitions,
    linkState: annotations['hawser.dev/link-state'] ?? '',
    storeId: annotations['hawser.dev/store-id'] ?? '',
  };
}

function leased(fleet: Fleet, node: string, what: string, matches: (lease: NodeLease) => boolean): Promise<NodeLease> {
  return until(`the Lease of ${node} ${what}`, 60_000, undefined, async () => {
    const lease = await nodeLease(fleet, node);
    return lease !== undefined && matches(lease) ? lease : undefined;
  });
}

async function metric(relay: FleetRelay, line: RegExp): Promise<number> {
  const found = (await relay.metrics()).split('\n').filter((text) => line.test(text));
  return found.reduce((sum, text) => sum + Number(text.slice(text.lastIndexOf(' ') + 1)), 0);
}

/** Creates and updates of the Leases of nodes, whatever came of them. */
async function nodeWrites(fleet: Fleet): Promise<number> {
  const each = fleet.relays.map((relay) => metric(relay, /^hawser_relay_lease_calls_total\{verb="(create|update)",lease="node"/));
  return (await Promise.all(each)).reduce((sum, count) => sum + count, 0);
}

function relayAt(fleet: Fleet, index: number): FleetRelay {
  const relay = fleet.relays[index];
  assert.ok(relay);
  return relay;
}

function agentAt(fleet: Fleet, index: number): FleetAgent {
  const agent = fleet.agents[index];
  assert.ok(agent);
  return agent;
}

const says = (msg: string) => (line: LogLine) => line.msg === msg;

test('an agent that moves to another relay ends its half-open session at the first, and goes on at the second', {
  timeout: 360_000,
}, async (t) => {
  // Dead links are noticed by pings after 9 s at the earliest: the Lease is faster.
  const fleet = await fleetFor(t, { relays: 2, agents: ['edge-1'], relayFlags: { '--limits-ping-seconds': '9' } });
  const [first, second, device] = [relayAt(fleet, 0), relayAt(fleet, 1), agentAt(fleet, 0)];
  await nodeReady(fleet.kube, 'edge-1');
  await fleet.kube.create(configMap('settings', { n: '0' }));
  await fleet.kube.create(podOn('edge-1', 'web', { configMaps: ['settings'] }));
  await atDevice(device, 'configmaps', 'default', 'settings');
  const { storeId } = await leased(
    fleet,
    'edge-1',
    'to name the first',
    ({ holder, epoch }) => holder === 'relay-1' && epoch === 1,
  );

  device.link.retarget(second.linkPort);
  device.link.strand();
  await device.process().kill();
  await device.start();

  const there = await second.process().line('the take-over', says('session taken over from another replica'));
  assert.deepEqual([there.node, there.olderReplica, there.storeId, there.olderStoreId], ['edge-1', 'relay-1', storeId, storeId]);
  const here = await first.process().line('the end', says('session replaced at another replica'));
  assert.deepEqual([here.node, here.newerReplica, here.newerStoreId], ['edge-1', 'relay-2', storeId]);
  const ended = await first.process().line('the end of the session', says('session ended'));
  assert.equal(ended.how, 'replaced');
  assert.equal(await metric(first, /^hawser_relay_sessions_replaced_elsewhere_total\{device="same"\}/), 1);
  await leased(fleet, 'edge-1', 'to name the second', ({ holder, epoch }) => holder === 'relay-2' && epoch === 2);
  const connects = 2;
  // The API server has the Lease before the relay has its answer, with which it counts.
  const writes = await until('the writes in the metrics', 60_000, undefined, async () => {
    const count = await nodeWrites(fleet);
    return count >= connects && count;
  });
  t.diagnostic(`${writes} writes of node Leases for ${connects} connects`);
  assert.equal(writes, connects);

  const changes = 20;
  for (let n = 1; n <= changes; n += 1) {
    await fleet.kube.patch('configmaps', 'default', 'settings', { data: { n: String(n) } });
    await atDevice(device, 'configmaps', 'default', 'settings', ({ data }) => (data as { n: string }).n === String(n));
  }
  t.diagnostic(`${(await nodeWrites(fleet)) - writes} writes for ${changes} delivered changes`);
  assert.equal(await nodeWrites(fleet), writes, 'what is delivered costs no write');

  // Back again, in order this time: the second relay stops, and its Lease goes with it.
  device.link.retarget(first.linkPort);
  await second.process().stop();
  assert.equal(await fleet.kube.get(LEASES, NAMESPACE, 'relay-relay-2'), undefined);
  await leased(fleet, 'edge-1', 'to name the first again', ({ holder, linkState }) => holder === 'relay-1' && linkState === 'up');
});

test('two devices under one node name at two relays: the older is told, and both logs name both stores', {
  timeout: 240_000,
}, async (t) => {
  const fleet = await fleetFor(t, {
    relays: 2,
    agents: [
      { node: 'edge-1', name: 'one' },
      { node: 'edge-1', name: 'another', relay: 1 },
    ],
  });
  const warnings = await Promise.all(
    fleet.relays.map((relay) => relay.process().line('the warning', says('two devices under one node name'))),
  );
  const stores = warnings.map((line) => [line.storeId, line.olderStoreId ?? line.newerStoreId].map(String).sort());
  assert.deepEqual(stores[0], stores[1]);
  assert.notEqual(stores[0]?.[0], stores[0]?.[1]);
  const older = warnings.findIndex((line) => line.newerReplica !== undefined);
  assert.ok(older >= 0);
  const told = await agentAt(fleet, older).process().line('the word', says('another device uses the name of this one'));
  assert.match(String(told.detail), new RegExp(`at replica relay-${2 - older}$`));
  const lease = await nodeLease(fleet, 'edge-1');
  assert.equal(lease?.holder, `relay-${2 - older}`);
  const ended = await relayAt(fleet, older).process().line('the end', says('session ended'));
  assert.equal(ended.how, 'replaced');
  assert.equal(
    agentAt(fleet, 1 - older)
      .process()
      .lines.some(says('another device uses the name of this one')),
    false,
  );
});

test('the nodes of a relay that was killed are marked by another one, and are up again when they have linked anew', {
  timeout: 360_000,
}, async (t) => {
  const fleet = await fleetFor(t, {
    relays: 2,
    agents: ['edge-1', { node: 'edge-2', relay: 1 }],
    relayFlags: { '--replica-renew-seconds': '2' },
  });
  const [first, second] = [relayAt(fleet, 0), relayAt(fleet, 1)];
  await leased(fleet, 'edge-1', 'to name the first', ({ holder }) => holder === 'relay-1');
  await leased(fleet, 'edge-2', 'to name the second', ({ holder }) => holder === 'relay-2');
  const killedAt = performance.now();
  await second.process().kill();
  await first.process().line('the word', says('replica has gone'));
  await leased(fleet, 'edge-2', 'to be marked', ({ holder, linkState }) => holder === 'relay-2' && linkState === 'unknown');
  t.diagnostic(`marked ${Math.round(performance.now() - killedAt)} ms after the kill, with a Lease of 6 s`);
  assert.equal((await nodeLease(fleet, 'edge-1'))?.linkState, 'up');
  const marked = await until('the mark in the metrics', 60_000, undefined, async () => {
    const count = await metric(first, /^hawser_relay_nodes_marked_total /);
    return count > 0 && count;
  });
  assert.equal(marked, 1);
  await until('the Lease of the killed relay to be deleted', 60_000, undefined, async () => {
    return (await fleet.kube.get(LEASES, NAMESPACE, 'relay-relay-2')) === undefined;
  });
  await second.start();
  await leased(fleet, 'edge-2', 'to be up again', ({ holder, epoch, linkState }) => {
    return holder === 'relay-2' && epoch === 2 && linkState === 'up';
  });
});

test('a relay that may not write Leases serves as before, and says so', { timeout: 240_000 }, async (t) => {
  const fleet = await fleetFor(t, {
    agents: ['edge-1'],
    relayFlags: { '--replica-namespace': 'default' },
    // `get` comes where the list has not come within 15 s: on a slow machine.
    withoutRights: ['create', 'get', 'list', 'watch'].map((verb) => `${verb} coordination.k8s.io/leases`),
  });
  await nodeReady(fleet.kube, 'edge-1');
  await fleet.relay().line('the word', says('lease not written'));
  await until('the calls in the metrics', 60_000, undefined, async () =>
    /hawser_relay_lease_calls_total\{[^}]*outcome="forbidden"\}/.test(await fleet.relayMetrics()),
  );
  await until('the relay ready', 60_000, undefined, async () => (await fleet.relayReadiness()).status === 200);
});
