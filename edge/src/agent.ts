import { resolve } from 'node:path';
import { objectKey } from '@hawser/protocol';
import { createLogLevelControl } from '@hawser/settings';
import type { Logger } from 'pino';
import { AGENT_VERSION } from './agent-version.ts';
import type { Clock } from './api/clock.ts';
import { AGENT_PATH, LOG_LEVEL_PATH } from './api/device/own-paths.ts';
import type { ApiBounds } from './api/http/load.ts';
import type { ApiServer } from './api/http/server.ts';
import { type AutonomousStop, startAutonomy, systemUptime } from './autonomy/index.ts';
import { type Connected, connectLink } from './connect.ts';
import { type KeptIdentity, keepIdentity } from './enroll/index.ts';
import { createLocalApi } from './local-api.ts';
import { deviceFacts } from './ops/device-facts.ts';
import { deviceState } from './ops/device-state.ts';
import { startEndpoint } from './ops/endpoint.ts';
import { AGENT_FACTS } from './ops/facts.ts';
import { linkIdentity } from './ops/identity.ts';
import { tellKubeletLife, tellKubeletState } from './ops/kubelet-facts.ts';
import { listenFailure } from './ops/listen.ts';
import { createAgentPath, createLastFailure, liveAgent } from './ops/live-agent.ts';
import { ensureLocalAccess, kubeletKubeconfig } from './ops/local-access/index.ts';
import { createLogLevelPath } from './ops/log-level-path.ts';
import { createMetrics } from './ops/metrics.ts';
import { storePath } from './ops/paths.ts';
import { watchRoom } from './ops/room-watch.ts';
import type { Settings } from './ops/settings.ts';
import { storageUse } from './ops/storage-use.ts';
import { keySourceOf, sealOf } from './ops/store-key.ts';
import { notifySystemd } from './ops/systemd/index.ts';
import { createLinkedTime, keepClusterKeys } from './pod-access/index.ts';
import { type EdgeStore, openStore, ROOM_TO_OPEN_BYTES, startRechecking } from './store/index.ts';
import { createSync, SYNC_FACTS, type Sync } from './sync/index.ts';
import type { TokenService } from './tokens/index.ts';
import {
  createKubeletRunner,
  type KubeletLife,
  type KubeletRunner,
  planKubelet,
  startHollowNode,
  watchKubelet,
} from './workload/index.ts';

export interface AgentOptions {
  readonly settings: Settings;
  /** $CREDENTIALS_DIRECTORY of systemd, for a `store.key` that is a credential. */
  readonly credentials?: string | undefined;
  /** Of the process: PATH and HOME are for a kubelet, NOTIFY_SOCKET and WATCHDOG_USEC are systemd's. Default: none. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

export interface Agent {
  readonly nodeName: string;
  /** `https://127.0.0.1:6444` */
  readonly localApi: string;
  /** Path of the database. */
  readonly store: string;
  /** Undefined where no endpoint was asked for. */
  readonly opsPort: number | undefined;
  /**
   * Where the disk had no room for the store, and what it holds is served out of memory: resolves when there is room again, and the agent is
   * to be started anew. Undefined otherwise.
   */
  readonly roomAgain: Promise<void> | undefined;
  /** Ends everything; the store is closed when this resolves. @param why `again`: it is started anew at once, and systemd is told nothing */
  stop(why?: 'again'): Promise<void>;
}

/**
 * Starts the agent: store, local API, workload and link, in this order, so that the device serves what it holds before the
 * first relay is dialled. Losing the link ends nothing.
 * @throws HawserError `bad_config`, `address_in_use`, `store_busy`, `store_newer`; nothing is left running then
 */
export async function startAgent({
  settings,
  credentials,
  environment = {},
  clock,
  random,
  logger,
}: AgentOptions): Promise<Agent> {
  const identity = linkIdentity(settings, logger);
  const { nodeName } = identity;
  const ending: (() => unknown)[] = [];
  let isAgain = false;
  const stop = async (why?: 'again') => {
    isAgain = why === 'again';
    for (const end of ending.splice(0).toReversed()) await end();
  };
  try {
    const plan = settings.workload === 'kubelet' ? await kubeletPlan(settings, nodeName, environment) : undefined;
    const path = storePath(settings.dataDir);
    const key = keySourceOf(settings.store.key, settings.dataDir, credentials);
    const store = openStore({ path, seal: sealOf(key), factsOfWhole: [SYNC_FACTS.lastSync], fullDisk: 'serve', logger, clock });
    ending.push(() => store.close());
    if (key.type === 'none') logger.warn({ path }, 'store.key is none: Secrets and tokens lie in the store as they are');
    const kubelet = watchKubelet({ storage: store.storage, nodeName, clock });
    ending.push(kubelet.close);
    const uptime = systemUptime();
    const kept = keepIdentity({ ...identity, store, clock, uptime, random, logger });
    ending.push(kept.stop);
    const keys = settings.api.pods ? keepClusterKeys(store, logger) : undefined;
    const linked = createLinkedTime(() => performance.now());
    const failure = createLastFailure();
    const logLevel = createLogLevelControl(logger, settings.logLevel);
    const sync = createSync({
      ...{ store, agentVersion: AGENT_VERSION, authorities: kept.authorities, tellsState: true, logger, clock },
      ...(keys === undefined ? {} : { clusterKeys: keys }),
    });
    // It asks for nothing before it is told that the agent is ready.
    const systemd = notifySystemd({
      environment,
      isApiListening: () => server.isListening(),
      facts: () => ({ link: link.link.state(), objects: store.objectCount(), outbox: store.outbox.size().entries }),
      clock,
      logger,
    });
    const link = connectLink({
      urls: identity.relays,
      credentials: kept,
      backoff: settings.backoff,
      store,
      sync,
      kubelet,
      nodeName,
      clusterKeys: keys,
      deviceState: (id, upstream) => deviceState(id, { store, upstream, clock }),
      onState(state) {
        linked.changed(state);
        systemd.linkChanged(state.name === 'open');
        failure.changed(state);
      },
      clock,
      random,
      logger,
    });
    ending.push(link.stop);
    const live = () =>
      liveAgent(
        {
          ...{ version: AGENT_VERSION, pid: process.pid, link: link.link.state, logLevel },
          ...{
            session: () => sync.state().name,
            clock: kept.clock,
            clockOffsetMs: kept.clockOffsetMs,
            reports: link.upstream.stats,
          },
        },
        failure,
      );
    const access = await ensureLocalAccess(settings.dataDir, settings.api.address);
    const local = createLocalApi({
      store,
      nodeName,
      access,
      bounds: apiBounds(settings.limits),
      queries: link.queries,
      isInSync: () => sync.state().name === 'inSync',
      ownPaths: new Map([
        [AGENT_PATH, createAgentPath(live)],
        [LOG_LEVEL_PATH, createLogLevelPath(logLevel)],
      ]),
      pods: keys === undefined ? undefined : { keys, linkedForMs: linked.linkedForMs },
      clock,
      random,
      logger,
    });
    const { registry, server, tokens } = local;
    const { address, port } = settings.api;
    const api = await server.listen(port, address).catch((cause: unknown) => {
      throw listenFailure(cause, { address, port, what: 'the Kubernetes API of the device', setting: 'api' });
    });
    ending.push(local.close);

    const rechecking = startRechecking({
      recheck: store.recheck,
      held: () => store.objectCount(),
      roundMs: settings.recheckSeconds * 1000,
      clock,
      logger,
      onMended: link.check,
    });
    ending.push(rechecking.stop);

    const autonomy = startAutonomy({ store, registry, sync, nodeName, clock, uptime, logger });
    ending.push(autonomy.close);

    const runner =
      plan === undefined
        ? undefined
        : createKubeletRunner({
            ...{ plan, nodeName, environment, clock, logger },
            kubeconfig: () => kubeletKubeconfig(resolve(settings.dataDir), api.url, nodeName),
            onState: (state) => tellKubeletState(state, store, clock),
          });
    const opsPort = await startOps(
      settings,
      { store, sync, tokens, kubelet, runner, autonomy, server, kept, ...link },
      logger,
      ending,
    );
    const startedAt = clock.now().toISOString();
    store.setFacts({
      [AGENT_FACTS.version]: AGENT_VERSION,
      [AGENT_FACTS.nodeName]: nodeName,
      [AGENT_FACTS.startedAt]: startedAt,
      [AGENT_FACTS.localApi]: api.url,
      [AGENT_FACTS.workload]: settings.workload,
      [AGENT_FACTS.kubelet]: '',
      // The last process may not have lived to say so, nor since when.
      ...(store.fact(AGENT_FACTS.link) === 'open'
        ? { [AGENT_FACTS.link]: 'down', [AGENT_FACTS.linkSince]: startedAt, [AGENT_FACTS.linkDetail]: 'the agent was ended' }
        : {}),
    });

    if (settings.workload === 'hollow') {
      const hollow = startHollowNode({
        ...{ registry, facts: deviceFacts(nodeName), clock, random, logger },
        tokens: settings.hollow.tokens,
      });
      ending.push(hollow.stop);
      ending.push(
        sync.onState((state) => {
          if (state.name === 'waiting' && state.relay === 'nodeMissing' && servesLostNode(store, nodeName)) hollow.registerAnew();
        }),
      );
    }
    if (runner !== undefined) {
      ending.push(tellKubeletLife(kubelet, store, logger));
      ending.push(runner.stop);
      await runner.start();
    }
    systemd.ready();
    ending.push(() => systemd.stop({ isAgain }));
    const room = store.isWithoutRoom ? watchRoom(settings.dataDir, ROOM_TO_OPEN_BYTES, clock) : undefined;
    if (room !== undefined) ending.push(room.stop);
    link.link.start();
    return { nodeName, localApi: api.url, store: path, opsPort, roomAgain: room?.room, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type OpsParts = {
  readonly store: EdgeStore;
  readonly sync: Sync;
  readonly tokens: TokenService;
  readonly kubelet: KubeletLife;
  readonly runner: KubeletRunner | undefined;
  readonly autonomy: AutonomousStop;
  readonly kept: KeptIdentity;
  readonly server: Pick<ApiServer, 'load'>;
} & Omit<Connected, 'stop'>;

async function startOps(
  { ops }: Settings,
  { store, sync, tokens, kubelet, runner, autonomy, server, kept, link, upstream, queries }: OpsParts,
  logger: Logger,
  ending: (() => unknown)[],
): Promise<number | undefined> {
  if (ops.port === undefined) return undefined;
  const metrics = await createMetrics({
    linkState: () => link.state().name,
    api: server.load,
    link: link.stats,
    sessionState: () => sync.state().name,
    sync: () => sync.stats(),
    recheck: () => store.recheck.stats(),
    upstream: upstream.stats,
    queries: queries.stats,
    answers: () => store.answers.stats(),
    isKubeletAlive: kubelet.isAlive,
    runner: () => runner?.stats(),
    autonomy: autonomy.stats,
    certificate: kept.stats,
    clock: kept.clock,
    clockOffsetMs: kept.clockOffsetMs,
    tokens: () => store.tokens.count(),
    tokenRequests: tokens.stats,
    outbox: () => store.outbox.size(),
    outboxOldest: () => secondsOf(store.outbox.oldest()),
    storage: () => storageUse(store.path),
    droppedEvents: () => store.outbox.dropped(),
    objects: () => store.objectCount(),
    digest: () => store.digest(),
    lastSync: () => secondsOf(store.fact(SYNC_FACTS.lastSync)),
  });
  const endpoint = await startEndpoint({ address: ops.address, port: ops.port, metrics, logger });
  ending.push(endpoint.close);
  return endpoint.port;
}

function kubeletPlan({ kubelet, dataDir }: Settings, nodeName: string, { PATH }: NonNullable<AgentOptions['environment']>) {
  return planKubelet(kubelet, { dataDir, nodeName, searchPath: PATH });
}

function apiBounds({ apiConnections, apiStrangers, apiRequests, apiWatches }: Settings['limits']): ApiBounds {
  return { connections: apiConnections, strangers: apiStrangers, requests: apiRequests, watches: apiWatches };
}

function secondsOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time) / 1000;
}

/** Whether the store serves the Node that it has from the cloud, which says that it has none: another one is being registered already. */
function servesLostNode(store: EdgeStore, nodeName: string): boolean {
  const key = objectKey('nodes', '', nodeName);
  const { uid } = store.storage.get({ resource: 'nodes', namespace: '', name: nodeName })?.metadata ?? {};
  let isLost = false;
  for (const held of store.inventory()) if (held.key === key && held.version.uid === uid) isLost = true;
  return isLost;
}
