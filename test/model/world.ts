import type { SocketEvents } from '@hawser/edge';
import { decodeAgentMessage, decodeRelayMessage, type RelayMessage } from '@hawser/protocol';
import { type Logger, pino } from 'pino';
import { SimulatedClock } from './clock.ts';
import { type Backup, Cluster } from './cluster.ts';
import { Connection } from './connection.ts';
import { Device } from './device.ts';
import { Figures } from './figures.ts';
import { Random } from './random.ts';
import { SimulatedRelay } from './relay.ts';
import { ReportWitness } from './reports.ts';
import { digestsAgree, rule1NothingBeforeSynced, rule5OneSession, rule9Bounds } from './rules.ts';
import { damagedBatch } from './tampering.ts';
import { Violation } from './violation.ts';
import { DeviceWatcher } from './watchers.ts';
import { NODES, Workload } from './workload.ts';

export const RELAYS = ['relay-0', 'relay-1', 'relay-2'];

/** A connection with who is at its ends. */
export interface Wire {
  readonly connection: Connection;
  readonly device: Device;
  /** The address that was dialled. */
  readonly url: string;
  readonly relay: SimulatedRelay | undefined;
}

/** What the product logs as an error where it, or the other side, did what may not be. */
const COMPLAINTS = new Set([
  'relay broke the protocol',
  'fault in a session',
  'change not taken',
  'store listener failed',
  'outbox listener failed',
]);
/** The same, where no row was damaged. */
const DAMAGE_COMPLAINTS = new Set([
  'store digest does not match its rows',
  'stored body damaged',
  'served state damaged',
  'served state did not match its sources',
]);

/** Everything that there is in one schedule: one cluster and another's relay, relays, devices, and what is between them. */
export class World {
  readonly clock = new SimulatedClock();
  readonly figures = new Figures();
  readonly cluster = new Cluster('c1a0', NODES);
  readonly workload = new Workload(this.cluster);
  /** Another cluster, whose relay may answer under the address of one of ours. */
  readonly foreign = new Cluster('f0e1', NODES);
  readonly relays: (SimulatedRelay | undefined)[] = RELAYS.map(() => undefined);
  /** Relays whose watches lag: they read nothing new. */
  readonly lagging = new Set<SimulatedRelay>();
  /** Relays whose reads of single objects are not answered. */
  readonly withoutBodies = new Set<SimulatedRelay>();
  /** Devices without a network. */
  readonly offline = new Set<Device>();
  /** Bits of the bodies of the next batch to any agent are others when it arrives. */
  damagesNextBatch = false;
  impostor: { readonly url: string; readonly relay: SimulatedRelay } | undefined;
  readonly watchers: readonly DeviceWatcher[];
  /** What the devices have said to the cluster. */
  readonly said: ReportWitness;
  /** A second device with the name of the first. */
  readonly twin: Device;
  wires: Wire[] = [];
  backup: Backup | undefined;
  /** Of the step that runs; whatever asks for chance gets it from here, so that a step does the same when others are left out. */
  random = new Random(0);
  /** Frames that the relay has sent to the device, decoded, since it was last emptied. */
  readonly sentToAgents: { readonly device: Device; readonly message: RelayMessage }[] = [];
  readonly #logger: Logger;
  readonly #foreignWorkload = new Workload(this.foreign);
  #violation: Violation | undefined;

  /** @param trace told of every step and of what the product logs; undefined: nobody listens */
  constructor(seed: number, trace: ((line: string) => void) | undefined) {
    this.random = new Random(seed);
    this.#logger = this.#createLogger(trace);
    const devices = [...NODES, NODES[0] ?? ''].map((node, index) => this.#createDevice(node, index));
    const [first] = devices.slice(-1);
    if (first === undefined) throw new Error('a world has devices');
    this.twin = first;
    this.watchers = devices.map(
      (device) =>
        new DeviceWatcher(device, this.figures, (uid) => [this.cluster, this.foreign].find((cluster) => cluster.uid === uid)),
    );
    for (const watcher of this.watchers) {
      watcher.device.onSend = (bytes) => this.#guard(() => watcher.sent(decodeAgentMessage(bytes)));
      watcher.device.onDeath = () => this.#guard(() => watcher.dies());
    }
    this.said = new ReportWitness(this.cluster, this.figures);
    const { onReported } = this.cluster;
    this.cluster.onReported = (...effect) => this.#guard(() => onReported(...effect));
    this.workload.begin(this.random);
    this.#foreignWorkload.begin(this.random);
    // Mostly two of three; some are ready before anything happens.
    for (const index of RELAYS.keys()) if (index < 2 || this.random.oneIn(3)) this.startRelay(index);
    for (const relay of this.runningRelays()) if (this.random.oneIn(2)) relay.catchUp();
    for (const device of devices) if (device !== this.twin) this.startDevice(device);
  }

  watcherOf(device: Device): DeviceWatcher {
    const found = this.watchers.find((watcher) => watcher.device === device);
    if (found === undefined) throw new Error(`nobody watches ${device.label}`);
    return found;
  }

  startRelay(index: number): void {
    this.relays[index] ??= this.#createRelay(RELAYS[index] ?? '', this.cluster);
  }

  /** @param isPolite it says goodbye; otherwise its process is just gone */
  endRelay(index: number, isPolite: boolean): void {
    const relay = this.relays[index];
    if (relay === undefined) return;
    this.#end(relay, isPolite);
    this.relays[index] = undefined;
  }

  /**
   * etcd is set back to the backup; its API server starts anew, and every stream is opened anew before anything is written. Relays
   * have seen what there was before: one that had not, or that asks only when the server has come as far again, cannot tell it
   * from one that was never restored.
   */
  restoreCluster(): boolean {
    if (this.backup === undefined || this.backup.revision >= this.cluster.revision) return false;
    for (const relay of this.relays) relay?.catchUp(false);
    this.cluster.restore(this.backup);
    this.said.restored();
    for (const relay of this.relays) {
      for (const reflector of relay?.reflectors ?? []) reflector.cut();
      for (const reflector of relay?.reflectors ?? []) reflector.read();
    }
    return true;
  }

  setImpostor(url: string | undefined): void {
    if (this.impostor !== undefined) this.#end(this.impostor.relay, false);
    this.impostor = undefined;
    if (url === undefined) return;
    const relay = this.#createRelay('impostor', this.foreign);
    relay.catchUp();
    this.impostor = { url, relay };
  }

  /** All relays that run. */
  runningRelays(): SimulatedRelay[] {
    return [...this.relays, this.impostor?.relay].filter((relay) => relay !== undefined);
  }

  /** Starts the device's agent. Returns false where it did not come up. */
  startDevice(device: Device): void {
    if (device.isRunning) return;
    device.start();
    this.watcherOf(device).starts();
  }

  /** The relay, or whoever answers at that address. */
  accept(wire: Wire): void {
    const relay = this.impostor?.url === wire.url ? this.impostor.relay : this.relays[RELAYS.indexOf(wire.url)];
    if (relay === undefined || this.offline.has(wire.device)) {
      wire.connection.refuse('refused');
      return;
    }
    this.wires[this.wires.indexOf(wire)] = { ...wire, relay };
    wire.connection.onSent = (bytes) =>
      this.#guard(() => {
        const message = decodeRelayMessage(bytes);
        this.figures.add('events', `sent ${message.type}`);
        this.sentToAgents.push({ device: wire.device, message });
        this.figures.add('checks', '1 synced');
        rule1NothingBeforeSynced(relay, message);
      });
    relay.accept(wire.connection, wire.device.node);
  }

  /** The next thing arrives at the agent. */
  deliverDown(wire: Wire): boolean {
    const watcher = this.watcherOf(wire.device);
    let isForged = false;
    const isRead = wire.connection.toAgent((sent) => {
      const { bytes, bodies, deletes } = this.damagesNextBatch
        ? damagedBatch(sent, this.random)
        : { bytes: sent, bodies: 0, deletes: 0 };
      if (bodies + deletes > 0) this.damagesNextBatch = false;
      this.figures.add('events', 'bodies damaged on the way', bodies);
      this.figures.add('events', 'deletes of another uid', deletes);
      isForged = deletes > 0;
      const message = decodeRelayMessage(bytes);
      watcher.arrives(message);
      if (message.type === 'batch') for (const { change } of message.operations) this.figures.add('operations', change.type);
      return bytes;
    });
    if (isRead) this.#guard(() => (isForged ? watcher.lookAfterForgedDeletes() : watcher.look()));
    return isRead;
  }

  /** The next thing arrives at the relay. */
  deliverUp(wire: Wire): boolean {
    const isRead = wire.connection.toRelay();
    if (!isRead || wire.relay === undefined) return isRead;
    for (const [link, connection] of wire.relay.links) {
      if (connection !== wire.connection) continue;
      const mismatches = link.stats()?.digestMismatches ?? 0;
      this.figures.add('checks', 'digest');
      this.#guard(() => digestsAgree(wire.device.label, mismatches, this.watcherOf(wire.device).wasDamaged));
    }
    return isRead;
  }

  /** Lets time pass while nothing arrives anywhere. */
  pass(milliseconds: number): void {
    this.clock.advanceTo(this.clock.time + milliseconds, () => this.#lookAtAll());
  }

  /** Checks what can be checked at any moment. @throws Violation of the step that has just ended */
  afterStep(): void {
    this.wires = this.wires.filter(({ connection }) => !connection.isOver);
    this.#guard(() => {
      this.#lookAtAll();
      for (const relay of this.runningRelays()) {
        this.figures.add('checks', '5 session');
        rule5OneSession(relay);
        this.figures.add('checks', '9 bounds');
        rule9Bounds(relay);
      }
    });
    for (const { device } of this.watchers) device.bury();
    if (this.#violation !== undefined) throw this.#violation;
  }

  /** Everything ends. Returns how many timers are left, which should be none. */
  close(): number {
    let left = 0;
    for (const { device } of this.watchers) left += device.stop();
    this.setImpostor(undefined);
    for (const relay of this.runningRelays()) {
      relay.stop();
      for (const wire of this.wires) if (wire.relay === relay) wire.connection.relayClosed();
      left += relay.clock.timers;
    }
    return left;
  }

  #lookAtAll(): void {
    for (const watcher of this.watchers) this.#guard(() => watcher.look());
  }

  #end(relay: SimulatedRelay, isPolite: boolean): void {
    if (isPolite) relay.stop();
    relay.kill();
    this.lagging.delete(relay);
    this.withoutBodies.delete(relay);
  }

  /** A rule is broken in the middle of the product's code, which would take the error for its own: so it is kept until the step ends. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violation ??= error;
    }
  }

  #dial(device: Device, url: string, events: SocketEvents): Connection {
    const connection = new Connection(events);
    this.wires.push({ connection, device, url, relay: undefined });
    this.figures.add('events', 'dials');
    return connection;
  }

  #createDevice(node: string, index: number): Device {
    // Each has its own favourite, so that the replicas have both something to do.
    const urls = RELAYS.map((_, n) => RELAYS[(n + index) % RELAYS.length] ?? '');
    return new Device({
      label: index < NODES.length ? node : `twin of ${node}`,
      node,
      urls,
      clock: this.clock,
      random: () => this.random.next(),
      logger: this.#logger,
      dial: (device, url, events) => this.#dial(device, url, events),
    });
  }

  #createRelay(name: string, cluster: Cluster): SimulatedRelay {
    return new SimulatedRelay({ name, cluster, clock: this.clock, logger: this.#logger, random: () => this.random.next() });
  }

  #createLogger(trace: ((line: string) => void) | undefined): Logger {
    const heard = (fields: unknown, message: string) => {
      const detail = JSON.stringify(fields, (_, value) => (value instanceof Error ? value.stack : value));
      trace?.(`    ${message} ${detail}`);
      const isDamaged = this.watchers.some((watcher) => watcher.wasDamaged);
      if (!COMPLAINTS.has(message) && !(DAMAGE_COMPLAINTS.has(message) && !isDamaged)) return;
      this.#violation ??= new Violation('complaint', `${message}: ${detail}`);
    };
    return pino({
      level: trace === undefined ? 'error' : 'debug',
      hooks: {
        logMethod: (args: unknown[]) => {
          const [fields, message] = args;
          heard(fields, String(message));
        },
      },
    });
  }
}
