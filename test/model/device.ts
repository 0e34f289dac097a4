import {
  type Connected,
  connectLink,
  createSync,
  DEFAULT_BACKOFF,
  fixedCredentials,
  type LinkSocket,
  type MemoryStore,
  openMemoryStore,
  type SocketEvents,
  type Sync,
  startRechecking,
  watchKubelet,
} from '@hawser/edge';
import { type JsonObject, type KubeObject, type ObjectKey, objectKey, type Version } from '@hawser/protocol';
import type { Statement } from 'better-sqlite3';
import type { Logger } from 'pino';
import { ProcessClock, type SimulatedClock } from './clock.ts';
import type { Connection } from './connection.ts';
import { Violation } from './violation.ts';

export interface DeviceOptions {
  /** Tells devices apart that bear one node name. */
  readonly label: string;
  readonly node: string;
  readonly urls: readonly string[];
  readonly clock: SimulatedClock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly dial: (device: Device, url: string, events: SocketEvents) => Connection;
}

/** One row as it lies in the database, read past the store. */
export interface Row {
  readonly key: ObjectKey;
  readonly version: Version;
  readonly isRefused: boolean;
  readonly body: string | undefined;
}

interface AgentProcess {
  readonly clock: ProcessClock;
  readonly store: MemoryStore;
  readonly sync: Sync;
  readonly connected: Connected;
  /** Reads past the store. */
  readonly held: Statement<[], HeldRecord>;
  readonly stopRechecking: () => void;
  readonly connections: Connection[];
}

/** An empty, migrated database without an identity, so that no store of the model has to be migrated again. */
const TEMPLATE = emptyDatabase();

/** Small, so that the bound of Events is met with a handful. */
const STORE_LIMITS = { events: 12 };

/** The agent's default: all rows are read again within it. */
const RECHECK_MS = 60_000;

/** As in the agent's own `openSocket`. */
const DIAL_MS = 15_000;

/** Far above what the model's sets need: 4 KiB pages. */
const PAGES_OF_AN_EMPTY_DISK = 100_000;

/**
 * A device: a disk and, while it runs, an agent process made of the product's own parts. Its disk keeps what was committed: when
 * the process dies, the next one begins with that, and with nothing else.
 */
export class Device {
  readonly label: string;
  readonly node: string;
  readonly #options: DeviceOptions;
  #disk: Buffer = TEMPLATE;
  /** What a disk without `synchronous=FULL` is sure to have. */
  #synced: Buffer = TEMPLATE;
  #process: AgentProcess | undefined;
  #sendsLeft: number | undefined;
  /** Died in the middle of a step, whose code still runs into the void. */
  #dead: AgentProcess[] = [];
  /** Called with every frame that leaves the device. */
  onSend: (bytes: Uint8Array) => void = () => undefined;
  /** Called before its process dies. */
  onDeath: () => void = () => undefined;

  constructor(options: DeviceOptions) {
    this.label = options.label;
    this.node = options.node;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get store(): MemoryStore | undefined {
    return this.#process?.store;
  }

  get sync(): Sync | undefined {
    return this.#process?.sync;
  }

  get linkState(): string {
    return this.#process?.connected.link.state().name ?? 'off';
  }

  /** @throws whatever keeps an agent from starting */
  start(): void {
    if (this.#process !== undefined) return;
    const { clock: world, logger, random, node, urls, dial } = this.#options;
    const clock = new ProcessClock(world);
    const store = openMemoryStore({ image: this.#disk, logger, clock, limits: STORE_LIMITS });
    this.#synced = this.#disk;
    const sync = createSync({ store, agentVersion: 'model', logger, clock });
    const connections: Connection[] = [];
    const open = (url: string, _tls: unknown, events: SocketEvents): LinkSocket => {
      const connection = dial(this, url, events);
      connection.mayLeaveAgent = (bytes) => this.#mayLeave(bytes);
      connections.push(connection);
      world.after(DIAL_MS, () => connection.giveUp());
      return connection.agentSocket;
    };
    const connected = connectLink({
      urls,
      credentials: fixedCredentials(() => ({ cert: '', key: '', ca: '' })),
      backoff: DEFAULT_BACKOFF,
      clock,
      random,
      logger,
      open,
      store,
      sync,
      kubelet: watchKubelet({ storage: store.storage, nodeName: node, clock }),
      nodeName: node,
    });
    const rechecking = startRechecking({
      recheck: store.recheck,
      held: () => store.objectCount(),
      roundMs: RECHECK_MS,
      clock,
      logger,
      onMended: connected.check,
    });
    const held = store.database.prepare<[], HeldRecord>(HELD);
    this.#process = { clock, store, sync, connected, connections, held, stopRechecking: rechecking.stop };
    connected.link.start();
  }

  /** Ends as the agent does on SIGTERM. @returns how many timers are left, which should be none */
  stop(): number {
    const process = this.#process;
    if (process === undefined) return 0;
    process.stopRechecking();
    process.connected.stop();
    this.#disk = process.store.image();
    process.store.close();
    this.#process = undefined;
    const { timers } = process.clock;
    process.clock.kill();
    return timers;
  }

  /** `kill -9`, or the power goes: what was not committed is gone, and nothing is said to anybody. */
  kill(): void {
    const process = this.#process;
    if (process === undefined) return;
    this.onDeath();
    this.#process = undefined;
    this.#dead.push(process);
    this.#sendsLeft = undefined;
    if (process.store.database.inTransaction)
      throw new Violation('6 durable', 'something left the device from within a transaction');
    this.#disk = process.store.durability().synchronous === 'full' ? process.store.image() : this.#synced;
    process.clock.kill();
    for (const connection of process.connections) connection.agentDied();
  }

  /** Frees what dead processes held, once no code of theirs runs any more. */
  bury(): void {
    for (const { store } of this.#dead.splice(0)) store.close();
  }

  /** The process dies when it is about to send for the n-th time from now: that frame does not leave. Undefined: it lives. */
  dieAtSend(n: number | undefined): void {
    this.#sendsLeft = n;
  }

  /** The disk is replaced by an empty one. */
  loseStore(): void {
    this.kill();
    this.#disk = TEMPLATE;
  }

  setFull(isFull: boolean): void {
    const database = this.#process?.store.database;
    const pages = isFull ? Number(database?.pragma('page_count', { simple: true })) : PAGES_OF_AN_EMPTY_DISK;
    database?.pragma(`max_page_count = ${pages}`);
  }

  /** Everything that the cloud has sent and not taken back, as the database has it. */
  rows(): Row[] {
    const records = this.#process?.held.all() ?? [];
    return records.map(({ resource, namespace, name, uid, resource_version, hash, refused, body }) => ({
      key: objectKey(resource, namespace, name),
      version: { uid, resourceVersion: resource_version, hash },
      isRefused: refused !== null,
      body: body ?? undefined,
    }));
  }

  /** Writes of the device on that object that have not ended. */
  openWrites(resource: string, namespace: string, name: string): number {
    const count = this.#process?.store.database.prepare<[string, string, string], { writes: number }>(OPEN_WRITES);
    return count?.get(resource, namespace, name)?.writes ?? 0;
  }

  /** A kubelet writes the status of its Node or of a pod that it runs. @returns the object's uid; undefined when there is none */
  writeStatus(resource: 'nodes' | 'pods', namespace: string, name: string, status: JsonObject): string | undefined {
    const storage = this.#process?.store.storage;
    const key = { resource, namespace, name };
    const before = storage?.get(key);
    if (storage === undefined || before === undefined) return undefined;
    const object: KubeObject = { ...before, status: { ...(typeof before.status === 'object' ? before.status : {}), ...status } };
    const expectedRevision = Number(before.metadata.resourceVersion);
    const intent = { verb: 'patch', patchType: 'strategic', patch: { status } } as const;
    storage.commit({ type: 'update', key, expectedRevision, object, subresource: 'status', intent });
    return before.metadata.uid;
  }

  /** A kubelet has ended a pod: the last delete, with grace 0. @returns its uid; undefined when there is none */
  deletePod(name: string, namespace: string): string | undefined {
    const storage = this.#process?.store.storage;
    const key = { resource: 'pods', namespace, name };
    const pod = storage?.get(key);
    if (storage === undefined || pod === undefined) return undefined;
    const { uid = '', resourceVersion } = pod.metadata;
    const expectedRevision = Number(resourceVersion);
    storage.commit({ type: 'delete', key, expectedRevision, expectedUid: uid, gracePeriodSeconds: 0 });
    return uid;
  }

  writeEvent(name: string, namespace: string): void {
    const key = { resource: 'events', namespace, name };
    const metadata = { name, namespace, uid: `event-${name}` };
    this.#process?.store.storage.commit({
      type: 'create',
      key,
      object: { apiVersion: 'v1', kind: 'Event', metadata, reason: 'Started', message: name, count: 1 },
    });
  }

  /** It happened once more. @returns the new count; undefined when the Event is no longer here */
  countEvent(name: string, namespace: string): number | undefined {
    const storage = this.#process?.store.storage;
    const key = { resource: 'events', namespace, name };
    const event = storage?.get(key);
    if (storage === undefined || event === undefined) return undefined;
    const count = Number(event.count) + 1;
    const expectedRevision = Number(event.metadata.resourceVersion);
    const intent = { verb: 'patch', patchType: 'strategic', patch: { count } } as const;
    storage.commit({ type: 'update', key, expectedRevision, object: { ...event, count }, subresource: '', intent });
    return count;
  }

  /** Of the Events that its API serves. */
  eventNames(): string[] {
    return this.#process?.store.storage.list('events').map(({ metadata }) => metadata.name ?? '') ?? [];
  }

  /** Events that it has dropped over their bound before the cloud had them. */
  droppedEvents(): number {
    const { count = 0, bytes = 0, age = 0 } = this.#process?.store.outbox.dropped().total ?? {};
    return count + bytes + age;
  }

  #mayLeave(bytes: Uint8Array): boolean {
    if (this.#process === undefined) return false;
    if (this.#sendsLeft !== undefined) {
      this.#sendsLeft -= 1;
      if (this.#sendsLeft <= 0) {
        this.kill();
        return false;
      }
    }
    this.onSend(bytes);
    return true;
  }
}

interface HeldRecord {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resource_version: string;
  readonly hash: string;
  readonly refused: string | null;
  readonly body: string | null;
}

const HELD = `SELECT resource, namespace, name, uid, resource_version, hash, refused, body FROM objects
  WHERE uid IS NOT NULL ORDER BY resource, namespace, name`;

const OPEN_WRITES = `SELECT count(*) AS writes FROM open_writes AS w JOIN objects AS o ON o.id = w.object
  WHERE o.resource = ? AND o.namespace = ? AND o.name = ?`;

function emptyDatabase(): Buffer {
  const silent = { info() {}, warn() {}, error() {}, debug() {} } as unknown as Logger;
  const store = openMemoryStore({ logger: silent, clock: { now: () => new Date(0) } });
  store.database.exec("DELETE FROM meta; DELETE FROM sqlite_sequence WHERE name = 'changes'");
  const image = store.image();
  store.close();
  return image;
}
