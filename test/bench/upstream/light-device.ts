import {
  AGENT_VERSION,
  type Connected,
  connectLink,
  createDevicePolicy,
  createRegistry,
  createSync,
  DEFAULT_BACKOFF,
  type EdgeStore,
  fixedCredentials,
  nodeIdentity,
  openMemoryStore,
  openStore,
  type Registry,
  type Sync,
  systemClock,
} from '@hawser/edge';
import { diffStrategicMergePatch, type JsonObject, type JsonValue, resourceById } from '@hawser/protocol';
import type { Logger } from 'pino';
import { NAMESPACE, statusAfter } from './cluster.ts';
import type { Shown } from './messages.ts';

const PODS = resourceById('pods');
const EVENTS = resourceById('events');
const POD_TYPE = { apiVersion: 'v1', kind: 'Pod' };

/** So that the relay renews the Leases of all of them beside their reports, as it does in the field. */
const LIVE_KUBELET = { isAlive: () => true, onChange: () => () => undefined };

export interface LightDeviceOptions {
  readonly node: string;
  readonly url: string;
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string };
  readonly pods: readonly string[];
  /** Undefined: in memory. */
  readonly storeFile: string | undefined;
  readonly logger: Logger;
  /** The relay has sent all that it has; called each time. */
  readonly onInSync: () => void;
  /** The relay has welcomed the device, or the link that was welcomed has ended. */
  readonly onLinked: (isLinked: boolean) => void;
  /** The last of what `crashEach` wrote has its answer. */
  readonly onDrained: () => void;
}

/**
 * The product's agent but for its HTTP, and mostly for its disk: store (SQLite, in memory or in a file), local API, outbox, sync and link. Its kubelet is the
 * benchmark.
 */
export class LightDevice {
  readonly node: string;
  readonly pods: readonly string[];
  readonly #restarts = new Map<string, number>();
  readonly #store: EdgeStore;
  readonly #registry: Registry;
  readonly #sync: Sync;
  readonly #connected: Connected;
  readonly #onDrained: () => void;
  #isWaiting = false;

  constructor(options: LightDeviceOptions) {
    const { node, url, tls, logger } = options;
    const clock = systemClock;
    this.pods = options.pods;
    this.node = node;
    this.#onDrained = options.onDrained;
    const { storeFile } = options;
    const store = storeFile === undefined ? openMemoryStore({ logger, clock }) : openStore({ path: storeFile, logger, clock });
    this.#store = store;
    const policy = createDevicePolicy({ nodeName: node, hasSynced: () => true });
    this.#registry = createRegistry({ storage: store.storage, policy, clock });
    const sync = createSync({ store, agentVersion: AGENT_VERSION, logger, clock });
    this.#sync = sync;
    this.#connected = connectLink({
      urls: [url],
      credentials: fixedCredentials(() => tls),
      backoff: DEFAULT_BACKOFF,
      store,
      sync,
      kubelet: LIVE_KUBELET,
      nodeName: node,
      clock,
      random: Math.random,
      logger,
    });
    let isLinked = false;
    sync.onState(({ name }) => {
      const wasLinked = isLinked;
      isLinked = name === 'waiting' || name === 'syncing' || name === 'inSync';
      if (isLinked !== wasLinked) options.onLinked(isLinked);
      if (name === 'inSync') options.onInSync();
    });
    store.outbox.onEntry(() => this.#look());
  }

  start(): void {
    this.#connected.link.start();
  }

  /** Answers so far. */
  answers(): { readonly sent: number; readonly applied: number; readonly refused: number; readonly unavailable: number } {
    return this.#connected.upstream.stats();
  }

  /** Changes that have no answer. */
  waiting(): number {
    return this.#store.outbox.count();
  }

  /** By pod: how often its container has crashed. */
  restarts(): ReadonlyMap<string, number> {
    return this.#restarts;
  }

  show(): Shown {
    const held: Record<string, string> = {};
    for (const { key, version } of this.#store.inventory()) held[key] = version.resourceVersion;
    const { operations, inventories } = this.#sync.stats();
    const { bytesRead, bytesWritten } = this.#connected.link.stats();
    return { node: this.node, held, operations, inventories, linkBytes: bytesRead + bytesWritten };
  }

  /** Its kubelet makes an Event about the first pod. */
  async event(text: string): Promise<void> {
    const [pod] = this.pods;
    if (EVENTS === undefined || pod === undefined) throw new Error('there is no resource events, or no pod');
    const name = `${pod}.${text}`;
    const time = `${new Date().toISOString().slice(0, 19)}Z`;
    await this.#registry.create(
      nodeIdentity(this.node),
      { resource: EVENTS, namespace: NAMESPACE, name: '', subresource: '' },
      {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name, namespace: NAMESPACE },
        involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: NAMESPACE, name: pod },
        type: 'Normal',
        reason: 'Moved',
        message: text,
        count: 1,
        firstTimestamp: time,
        lastTimestamp: time,
        source: { component: 'kubelet', host: this.node },
      },
    );
  }

  #look(): void {
    if (!this.#isWaiting || this.waiting() > 0) return;
    this.#isWaiting = false;
    this.#onDrained();
  }

  /** One crash of each; `onDrained` is called when all are answered. */
  async crashEach(pods: readonly string[]): Promise<void> {
    for (const pod of pods) await this.crash(pod);
    this.#isWaiting = true;
    this.#look();
  }

  /** The pod's container crashes once more, and its kubelet says so: a strategic merge patch of what differs, as the node. */
  async crash(pod: string): Promise<void> {
    if (PODS === undefined) throw new Error('there is no resource pods');
    const identity = nodeIdentity(this.node);
    const target = { resource: PODS, namespace: NAMESPACE, name: pod };
    const current = await this.#registry.get(identity, { ...target, subresource: '' });
    const restarts = (this.#restarts.get(pod) ?? 0) + 1;
    const status = statusAfter(restarts, `${new Date().toISOString().slice(0, 19)}Z`);
    const before: JsonValue = JSON.parse(JSON.stringify({ status: current.status ?? {} }));
    const patch = diffStrategicMergePatch(POD_TYPE, before as JsonObject, { status });
    if (patch === undefined) throw new Error(`${pod}: a crash that changes nothing`);
    this.#restarts.set(pod, restarts);
    const { uid = '' } = current.metadata;
    await this.#registry.patch(identity, { ...target, subresource: 'status' }, 'strategic', { metadata: { uid }, ...patch });
  }
}
