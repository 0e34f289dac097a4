import { type ObjectKey, objectKey } from '@hawser/protocol';
import { desiredOf } from './desired.ts';
import type { Device } from './device.ts';
import { drain, flow } from './moves.ts';
import { nameOf } from './rules.ts';
import { hold } from './violation.ts';
import { NODES } from './workload.ts';
import type { Wire, World } from './world.ts';

/**
 * Simulated time after which everything must have come to rest: longer than every backoff, wait and grace of the product. The longest
 * is that of a relay which believes one device's word of a restored API server once an hour, by a wall clock that may be set back.
 */
const LONGEST_MS = 3 * 3_600_000;

/** All that disturbs ends, time passes, and everything must come to rest with each device holding just what it should. */
export function settle(world: World): void {
  const { clock } = world;
  endDisturbances(world);
  const end = clock.time + LONGEST_MS;
  const soon = clock.time + 120_000;
  // The last words of the other cluster arrive with it: they may be the welcome that binds a device.
  drain(world);
  leaveForeignCluster(world);
  while (restless(world) !== undefined && clock.time < end) {
    flow(world, clock.time < soon ? 5_000 : 120_000);
    world.afterStep();
  }
  const what = restless(world);
  hold(what === undefined, 'settles', () => `after three hours ${what}`);
  for (const device of settledDevices(world)) compare(world, device);
  world.said.check(new Map(settledDevices(world).map((device) => [device.label, device.droppedEvents()])));
}

/** With nothing changed, a link that is made anew brings nothing but its greeting. */
export function reconnect(world: World): void {
  for (const { connection } of world.wires) connection.cut(true, true);
  world.sentToAgents.length = 0;
  const end = world.clock.time + LONGEST_MS;
  while (restless(world) !== undefined && world.clock.time < end) flow(world, 1_000);
  hold(restless(world) === undefined, 'settles', () => `after a reconnect ${restless(world)}`);
  const catchingUp = new Set<Device>();
  for (const { device, message } of world.sentToAgents) {
    // That relay learns from the agent that the API server was restored, and lists everything anew; or it does not believe it yet.
    const isNews = message.type === 'goodbye' && world.cluster.past.timeline > 0;
    if (isNews || (message.type === 'welcome' && message.status.state === 'relaySyncing')) catchingUp.add(device);
    const isQuiet = isNews || message.type === 'welcome' || (message.type === 'status' && catchingUp.has(device));
    hold(isQuiet, 'quiet', () => `${device.label}: a ${message.type} follows a reconnect with nothing changed`);
    world.figures.add('checks', 'quiet reconnect');
  }
  for (const device of settledDevices(world)) compare(world, device);
}

function endDisturbances(world: World): void {
  world.setImpostor(undefined);
  world.offline.clear();
  world.damagesNextBatch = false;
  world.lagging.clear();
  world.withoutBodies.clear();
  if (world.twin.isRunning) world.twin.kill();
  // What it had to say and had not said is not heard any more.
  world.said.storeLost(world.twin.label);
  for (const index of world.relays.keys()) world.startRelay(index);
  for (const { connection } of world.wires) connection.hold(false, false);
  for (const watcher of world.watchers) {
    const { device } = watcher;
    device.setFull(false);
    device.dieAtSend(undefined);
    if (device === world.twin) continue;
    // Damage is found at a start, or when the rows are read again.
    if (watcher.isDamaged && world.random.oneIn(2)) device.kill();
    world.startDevice(device);
  }
  // Most Nodes come back: of one that is missing nothing can be said.
  for (const node of NODES) {
    if (!world.cluster.objects.has(objectKey('nodes', '', node)) && !world.random.oneIn(4)) world.workload.putNode(node, true);
  }
  // What was refused for damage on the way is tried again when it changes, or when the agent starts again.
  for (const { device, rows } of world.watchers) {
    const refused = [...rows.values()].filter(({ isRefused }) => isRefused);
    if (refused.length > 0 && device.isRunning && world.random.oneIn(2)) {
      device.kill();
      world.startDevice(device);
      continue;
    }
    for (const { key, version } of refused) {
      const object = world.cluster.objects.get(key);
      const put = () => object && String(world.cluster.put(key, object.fields, object.facts).revision);
      // In a restored cluster the very version that was refused may come about once more, which is no change.
      if (put() === version.resourceVersion) put();
    }
  }
}

/** Somebody who had let devices join the other cluster gives them new stores. */
function leaveForeignCluster(world: World): void {
  for (const device of settledDevices(world)) {
    if (device.store?.identity().clusterUid !== world.foreign.uid) continue;
    device.loseStore();
    world.watcherOf(device).storeLost();
    world.said.storeLost(device.label);
    world.startDevice(device);
  }
}

/** The devices that are to hold what their node needs. */
function settledDevices(world: World): Device[] {
  return world.watchers.map(({ device }) => device).filter((device) => device !== world.twin);
}

/** What is not at rest yet; undefined when all is. */
function restless(world: World): string | undefined {
  for (const device of settledDevices(world)) {
    const { label, node, store, sync } = device;
    if (world.cluster.objects.has(objectKey('nodes', '', node)) && world.watcherOf(device).isDamaged)
      return `${label} has a damaged row`;
    if (device.linkState !== 'open') return `the link of ${label} is ${device.linkState}`;
    const state = sync?.state();
    const own = world.cluster.objects.get(objectKey('nodes', '', node));
    const expected = own === undefined ? 'waiting nodeMissing' : own.facts.isEdge ? 'inSync' : 'waiting nodeNotLabelled';
    const actual = state?.name === 'waiting' ? `waiting ${state.relay}` : state?.name;
    if (actual !== expected) return `${label} is ${actual} and not ${expected}`;
    // The grace is measured anew where the wall clock was set back.
    if (own?.facts.isEdge === false && device.rows().length > 0) return `${label} has not been cleared`;
    const isLive = world.wires.some((wire) => wire.device === device && hasLiveLink(wire));
    if (!isLive) return `${label} believes in a link that no relay has`;
    if (store?.outbox.count() !== 0) return `${store?.outbox.count()} reports wait in the outbox of ${label}`;
  }
  for (const relay of world.runningRelays()) {
    for (const link of relay.links.keys()) {
      const stats = link.stats();
      if (stats === undefined) return `${relay.name} has a link of ${link.node} that is not live`;
      const { dirty, waiting, ahead, inflightBatches } = stats;
      const isMissing = !relay.cluster.objects.has(objectKey('nodes', '', link.node));
      if (!isMissing && dirty + waiting + ahead + inflightBatches > 0)
        return `${relay.name} has for ${link.node} ${dirty} dirty, ${waiting} waiting, ${ahead} ahead, ${inflightBatches} under way`;
    }
  }
  return undefined;
}

function hasLiveLink({ relay, connection }: Wire): boolean {
  return [...(relay?.links ?? [])].some(([link, other]) => other === connection && link.status() !== undefined);
}

/** Edge equals desired: key, uid, resourceVersion and, byte for byte, body; and what the local API serves is just that. */
function compare(world: World, device: Device): void {
  if (!world.cluster.objects.has(objectKey('nodes', '', device.node))) return;
  world.figures.add('checks', 'edge equals desired');
  const desired = desiredOf(device.node, world.cluster.objects);
  const rows = device.rows();
  const held = new Set<ObjectKey>(rows.map(({ key }) => key));
  const missing = [...desired.keys()].filter((key) => !held.has(key));
  hold(missing.length === 0, 'edge equals desired', () => `${device.label} lacks ${missing.join(', ')}`);
  for (const row of rows) {
    const object = desired.get(row.key);
    hold(object !== undefined, 'edge equals desired', () => `${device.label} holds ${nameOf(row)}, which it should not`);
    const version = world.cluster.past.find(row.key, row.version);
    const isThis = object.uid === row.version.uid && String(object.revision) === row.version.resourceVersion;
    hold(isThis, 'edge equals desired', () => `${device.label} holds ${nameOf(row)} in place of ${object.revision}`);
    hold(
      row.body === version?.body && !row.isRefused,
      'edge equals desired',
      () => `${device.label}: ${nameOf(row)} has no body`,
    );
    const [namespace = '', name = ''] = row.key.split('/').slice(-2);
    const resource = row.key.slice(0, row.key.lastIndexOf(`/${namespace}/`));
    // Known: the report was answered, then the server was restored to before it, and a relay that knows of no restoration found nothing
    // else that differs. The report is lost and stays in what is served, until the object changes.
    if (world.cluster.past.timeline > 0 && device.openWrites(resource, namespace, name) > 0) {
      world.figures.add('events', 'report lost by a restoration');
      continue;
    }
    const served = device.store?.storage.get({ resource, namespace, name });
    hold(served?.metadata.uid === object.uid, 'served', () => `${device.label} serves ${nameOf(row)} not at all, or another`);
    const { resourceVersion: _, ...metadata } = served.metadata;
    const isSame = JSON.stringify(sortedDeep({ ...served, metadata })) === JSON.stringify(sortedDeep(JSON.parse(row.body ?? '')));
    hold(isSame, 'served', () => `${device.label} serves ${nameOf(row)} with another content`);
  }
}

function sortedDeep(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sortedDeep);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [name, sortedDeep(field)]),
  );
}
