import { objectKey, parseObjectKey } from '@hawser/protocol';
import { desiredOf } from './desired.ts';
import type { Device } from './device.ts';
import { drain, flow, moveRelay, moveWire } from './moves.ts';
import { DEVICE_FIELDS } from './reports.ts';
import { NODES } from './workload.ts';
import type { World } from './world.ts';

/** What a schedule is made of. Each does something to the world, by the chance of `world.random`, or says that it could not. */
export interface StepKind {
  readonly name: string;
  readonly weight: number;
  /** Returns false when there was nothing to do it to. */
  readonly run: (world: World) => boolean;
}

type Watcher = World['watchers'][number];

const always = (run: (world: World) => void) => (world: World) => {
  run(world);
  return true;
};

/** Changes of the cluster. */
const CLUSTER: readonly StepKind[] = [
  { name: 'pod written', weight: 6, run: always(({ workload, random }) => workload.putPod(random)) },
  { name: 'config written', weight: 10, run: always(({ workload, random }) => workload.putConfig(random)) },
  { name: 'another kind written', weight: 8, run: always(({ workload, random }) => workload.putOther(random)) },
  {
    name: 'service scope set',
    weight: 2,
    run: always(({ workload, random }) => {
      workload.putNode(random.pick(NODES) ?? '', true, random.pick(['namespaces', 'cluster', 'none', undefined]));
    }),
  },
  { name: 'touched', weight: 4, run: always(({ workload, random }) => workload.touch(random)) },
  { name: 'removed', weight: 5, run: always(({ workload, random }) => workload.remove(random)) },
  { name: 'made again', weight: 3, run: always(({ workload, random }) => workload.recreate(random)) },
  { name: 'status by the cluster', weight: 3, run: always(({ workload, random }) => workload.writeCondition(random)) },
  { name: 'many written', weight: 1, run: always(({ workload, random }) => workload.putMany(random)) },
  { name: 'node labelled', weight: 2, run: always(({ workload, random }) => workload.putNode(random.pick(NODES) ?? '', true)) },
  { name: 'label lost', weight: 1, run: always(({ workload, random }) => workload.putNode(random.pick(NODES) ?? '', false)) },
  { name: 'node deleted', weight: 1, run: ({ cluster, random }) => cluster.remove(nodeKey(random.pick(NODES) ?? '')) },
  {
    name: 'backup made',
    weight: 2,
    run: always((world) => {
      world.backup = world.cluster.backup();
    }),
  },
  { name: 'restored from the backup', weight: 2, run: (world) => world.restoreCluster() },
  { name: 'compacted', weight: 1, run: always(({ cluster }) => cluster.compact()) },
];

/** What relays and the API server do to each other. */
const RELAYS: readonly StepKind[] = [
  { name: 'changed while it is under way', weight: 4, run: changeUnderWay },
  {
    name: 'bookmarks',
    weight: 2,
    run: (world) =>
      someRelay(world, (relay) => {
        for (const reflector of relay.reflectors) reflector.bookmark();
      }),
  },
  {
    name: 'stream cut',
    weight: 3,
    run: (world) => someRelay(world, (relay) => world.random.pick(relay.reflectors)?.cut()),
  },
  { name: 'list broken off', weight: 3, run: breakList },
  { name: 'single reads stall', weight: 2, run: (world) => someRelay(world, (relay) => world.withoutBodies.add(relay)) },
  {
    name: 'single reads go on',
    weight: 1,
    run: (world) => {
      const relay = world.random.pick([...world.withoutBodies]);
      return relay !== undefined && world.withoutBodies.delete(relay);
    },
  },
  {
    name: 'stream fails',
    weight: 1,
    run: (world) => someRelay(world, (relay) => world.random.pick(relay.reflectors)?.fail(world.random.oneIn(3))),
  },
  { name: 'relay catches up', weight: 4, run: (world) => someRelay(world, (relay) => relay.catchUp()) },
  { name: 'watches lag', weight: 2, run: (world) => someRelay(world, (relay) => world.lagging.add(relay)) },
  { name: 'agents move to a relay that lags', weight: 3, run: moveToLagging },
  {
    name: 'lag ends',
    weight: 1,
    run: (world) => {
      const relay = world.random.pick([...world.lagging]);
      return relay !== undefined && world.lagging.delete(relay);
    },
  },
  {
    name: 'relay killed',
    weight: 1,
    run: (world) => {
      const index = world.random.integer(world.relays.length);
      if (world.relays[index] === undefined) return false;
      world.endRelay(index, false);
      return true;
    },
  },
  {
    name: 'relay stopped',
    weight: 1,
    run: (world) => {
      const index = world.random.integer(world.relays.length);
      if (world.relays[index] === undefined) return false;
      world.endRelay(index, true);
      return true;
    },
  },
  {
    name: 'relay started',
    weight: 3,
    run: (world) => {
      const index = world.relays.indexOf(undefined);
      if (index < 0) return false;
      world.startRelay(index);
      return true;
    },
  },
  {
    name: "another cluster's relay answers",
    weight: 1,
    run: (world) => {
      if (world.impostor !== undefined) return false;
      world.setImpostor(world.random.pick(['relay-0', 'relay-1', 'relay-2']));
      return true;
    },
  },
  {
    name: 'it is gone',
    weight: 2,
    run: (world) => {
      if (world.impostor === undefined) return false;
      world.setImpostor(undefined);
      return true;
    },
  },
];

/** What happens to connections. */
const NETWORK: readonly StepKind[] = [
  {
    name: 'link cut',
    weight: 3,
    run: (world) => someWire(world, ({ connection }) => connection.cut(true, true)),
  },
  {
    name: 'link half-open',
    weight: 3,
    run: (world) =>
      someWire(world, ({ connection }) => {
        const agentLearns = world.random.oneIn(2);
        connection.cut(agentLearns, !agentLearns && world.random.oneIn(2));
      }),
  },
  {
    name: 'link held',
    weight: 2,
    run: (world) => someWire(world, ({ connection }) => connection.hold(world.random.oneIn(2), world.random.oneIn(2))),
  },
  {
    name: 'link released',
    weight: 3,
    run: (world) => {
      const wire = world.random.pick(world.wires.filter(({ connection }) => connection.isHeld));
      wire?.connection.hold(false, false);
      return wire !== undefined;
    },
  },
  {
    name: 'next batch is damaged on the way',
    weight: 2,
    run: always((world) => {
      world.damagesNextBatch = true;
    }),
  },
];

/** What happens to devices. */
const DEVICES: readonly StepKind[] = [
  { name: 'agent killed', weight: 2, run: (world) => someDevice(world, ({ device }) => device.kill()) },
  {
    name: 'agent killed before it answers',
    weight: 3,
    run: (world) => someDevice(world, ({ device }) => device.dieAtSend(1 + world.random.integer(3))),
  },
  { name: 'agent stopped', weight: 1, run: (world) => someDevice(world, ({ device }) => void device.stop()) },
  { name: 'agent started', weight: 6, run: startAgent },
  {
    name: 'store lost',
    weight: 1,
    run: (world) =>
      someDevice(world, (watcher) => {
        watcher.device.loseStore();
        watcher.storeLost();
        world.said.storeLost(watcher.device.label);
      }),
  },
  { name: 'row damaged', weight: 1, run: damageRow },
  { name: 'disk full', weight: 1, run: (world) => someDevice(world, ({ device }) => device.setFull(true)) },
  {
    name: 'disk has room',
    weight: 3,
    run: always((world) => {
      for (const { device } of world.watchers) device.setFull(false);
    }),
  },
  { name: 'pod status on the device', weight: 5, run: writeStatus },
  { name: 'node status on the device', weight: 2, run: writeNodeStatus },
  { name: 'pod ended on the device', weight: 2, run: endPod },
  { name: 'event on the device', weight: 4, run: writeEvent },
  { name: 'an hour without a link', weight: 1, run: hourOffline },
  { name: 'twin starts', weight: 1, run: (world) => startTwin(world) },
  {
    name: 'twin ends',
    weight: 2,
    run: ({ twin }) => {
      if (!twin.isRunning) return false;
      twin.kill();
      return true;
    },
  },
];

/** Time, and what flows meanwhile. */
const TIME: readonly StepKind[] = [
  { name: 'some moves', weight: 80, run: someMoves },
  { name: 'everything arrives', weight: 4, run: always((world) => drain(world)) },
  { name: 'time passes', weight: 6, run: always((world) => world.pass(world.random.pick([1, 50, 1_000, 5_000, 20_000]) ?? 0)) },
  { name: 'a while', weight: 4, run: always((world) => flow(world, world.random.pick([100, 1_000, 5_000, 30_000]) ?? 0)) },
  { name: 'minutes', weight: 1, run: always((world) => flow(world, 6 * 60_000)) },
  {
    name: 'wall clock set',
    weight: 1,
    run: always(({ clock, random }) => clock.jump(random.pick([-3_600_000, -5_000, 5_000, 3_600_000]) ?? 0)),
  },
];

export const STEP_KINDS: readonly StepKind[] = [...CLUSTER, ...RELAYS, ...NETWORK, ...DEVICES, ...TIME];

function nodeKey(name: string) {
  return parseObjectKey(`nodes//${name}`).key;
}

function someRelay(world: World, run: (relay: ReturnType<World['runningRelays']>[number]) => void): boolean {
  const relay = world.random.pick(world.runningRelays());
  if (relay === undefined) return false;
  run(relay);
  return true;
}

function someWire(world: World, run: (wire: World['wires'][number]) => void): boolean {
  const wire = world.random.pick(world.wires);
  if (wire === undefined) return false;
  run(wire);
  return true;
}

/** One that runs. */
function someDevice(world: World, run: (watcher: Watcher) => unknown): boolean {
  const watcher = world.random.pick(world.watchers.filter(({ device }) => device.isRunning));
  return watcher !== undefined && run(watcher) !== false;
}

/** What a device needs changes, is sent, and changes again before anything arrives. */
function changeUnderWay(world: World): boolean {
  const { random, cluster, workload } = world;
  const { key } = random.pick([...desiredOf(random.pick(NODES) ?? '', cluster.objects).values()]) ?? {};
  for (let times = 1 + random.integer(3); times > 0; times -= 1) {
    const object = key === undefined || key.startsWith('nodes/') ? undefined : cluster.objects.get(key);
    if (object === undefined) return false;
    workload.change(object);
    for (const relay of world.runningRelays()) {
      if (world.lagging.has(relay)) continue;
      relay.catchUp(!world.withoutBodies.has(relay));
      while (relay.turn());
    }
  }
  return true;
}

/** All relays but one follow what happens, devices get it from them, and then find that one. */
function moveToLagging(world: World): boolean {
  const { random, relays, workload } = world;
  const behind = random.integer(relays.length);
  const relay = relays[behind];
  if (relay === undefined) return false;
  relay.catchUp();
  world.lagging.add(relay);
  for (let n = random.integer(4); n >= 0; n -= 1) {
    if (random.oneIn(2)) workload.putPod(random);
    else workload.putConfig(random);
    if (random.oneIn(3)) workload.remove(random);
  }
  flow(world, 2_000);
  for (const [index, other] of relays.entries())
    if (other !== undefined && index !== behind) world.endRelay(index, random.oneIn(2));
  flow(world, 3_000);
  return true;
}

function startAgent(world: World): boolean {
  const watcher = world.random.pick(world.watchers.filter(({ device }) => !device.isRunning && device !== world.twin));
  if (watcher === undefined) return false;
  world.startDevice(watcher.device);
  return true;
}

function startTwin(world: World): boolean {
  if (world.twin.isRunning) return false;
  world.startDevice(world.twin);
  return true;
}

/** A few small things, of any that are under way. */
function someMoves(world: World): boolean {
  const { random } = world;
  let moved = 0;
  for (let n = 1 + random.integer(24); n > 0; n -= 1) {
    const relay = random.pick(world.runningRelays());
    const wire = random.pick(world.wires);
    const moveWireFirst = !random.oneIn(3);
    const viaWire = () => wire !== undefined && moveWire(world, wire);
    const viaRelay = () => relay !== undefined && moveRelay(world, relay);
    if (moveWireFirst ? viaWire() || viaRelay() : viaRelay() || viaWire()) moved += 1;
  }
  return moved > 0;
}

/** A position is lost, and the list that follows breaks off in the middle. */
function breakList(world: World): boolean {
  return someRelay(world, (relay) => {
    const { random, cluster } = world;
    const known = new Set([...cluster.objects.keys()].map((key) => parseObjectKey(key).resource));
    const reflector = random.pick(relay.reflectors.filter(({ resource }) => known.has(resource)));
    cluster.compact();
    reflector?.cut();
    for (let n = 2 + random.integer(4); n > 0; n -= 1) reflector?.read();
    reflector?.cut();
    while (random.oneIn(2) && reflector?.take());
  });
}

/** A bit of a body on the disk is another. */
function damageRow(world: World): boolean {
  const watcher = world.random.pick(world.watchers.filter(({ device, rows }) => device.isRunning && rows.size > 0));
  const row = world.random.pick([...(watcher?.rows.values() ?? [])].filter(({ body }) => body !== undefined));
  if (watcher === undefined || row === undefined) return false;
  const { resource, namespace, name } = parseObjectKey(row.key);
  watcher.device.store?.database
    .prepare("UPDATE objects SET body = replace(body, 'name', 'nome') WHERE resource = ? AND namespace = ? AND name = ?")
    .run(resource, namespace, name);
  watcher.damaged();
  return true;
}

function somePod(world: World) {
  const watcher = world.random.pick(world.watchers.filter(({ device, rows }) => device.isRunning && rows.size > 0));
  const row = world.random.pick([...(watcher?.rows.values() ?? [])].filter(({ key }) => key.startsWith('pods/')));
  return watcher === undefined || row === undefined ? undefined : { watcher, ...parseObjectKey(row.key) };
}

function writeStatus(world: World): boolean {
  const pod = somePod(world);
  return pod !== undefined && writeStatusOf(world, pod.watcher, 'pods', pod.namespace, pod.name);
}

function writeNodeStatus(world: World): boolean {
  return someDevice(world, (watcher) => writeStatusOf(world, watcher, 'nodes', '', watcher.device.node));
}

function writeStatusOf(world: World, { device }: Watcher, resource: 'nodes' | 'pods', namespace: string, name: string): boolean {
  const field = world.random.pick(DEVICE_FIELDS) ?? 'phase';
  const number = world.said.nextNumber();
  return onDisk(() => {
    const uid = device.writeStatus(resource, namespace, name, { [field]: String(number) });
    if (uid !== undefined && isOurs(world, device))
      world.said.statusWritten(device.label, objectKey(resource, namespace, name), uid, field, number);
    return uid !== undefined;
  });
}

function endPod(world: World): boolean {
  const pod = somePod(world);
  if (pod === undefined) return false;
  const { device } = pod.watcher;
  return onDisk(() => {
    const uid = device.deletePod(pod.name, pod.namespace);
    if (uid !== undefined && isOurs(world, device))
      world.said.podEnded(device.label, objectKey('pods', pod.namespace, pod.name), uid);
    return uid !== undefined;
  });
}

const EVENT_NAMESPACE = 'shop';

function writeEvent(world: World): boolean {
  const { clock, random, said } = world;
  return someDevice(world, ({ device }) =>
    onDisk(() => {
      const counted = random.oneIn(3) ? random.pick(device.eventNames()) : undefined;
      const name = counted ?? `e${clock.time}-${said.nextNumber()}`;
      if (counted === undefined) device.writeEvent(name, EVENT_NAMESPACE);
      const count = counted === undefined ? 1 : device.countEvent(name, EVENT_NAMESPACE);
      if (count !== undefined && isOurs(world, device))
        said.eventWritten(device.label, objectKey('events', EVENT_NAMESPACE, name), count);
      return true;
    }),
  );
}

/** What a device says that belongs to the other cluster, or to none yet, may go to that one. */
function isOurs(world: World, device: Device): boolean {
  return device.store?.identity().clusterUid === world.cluster.uid;
}

/** A device is cut off for an hour, and goes on with its work; so does the cluster with the same objects. */
function hourOffline(world: World): boolean {
  const { random, workload } = world;
  const watcher = random.pick(world.watchers.filter(({ device }) => device.isRunning));
  if (watcher === undefined) return false;
  world.offline.add(watcher.device);
  for (const { device, connection } of world.wires) if (device === watcher.device) connection.cut(true, true);
  for (let minutes = 0; minutes < 60; minutes += 10) {
    for (let writes = random.integer(8); writes > 0; writes -= 1) {
      const write = random.pick([writeStatus, writeStatus, writeNodeStatus, endPod, writeEvent, writeEvent]);
      write?.(world);
      if (random.oneIn(4)) workload.writeCondition(random);
      if (random.oneIn(8)) workload.recreate(random);
    }
    if (random.oneIn(12)) watcher.device.kill();
    world.startDevice(watcher.device);
    flow(world, 10 * 60_000);
  }
  world.offline.delete(watcher.device);
  return true;
}

/** What the local API refuses for want of room is not written. */
function onDisk(write: () => boolean): boolean {
  try {
    return write();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'too_large') return false;
    throw error;
  }
}
