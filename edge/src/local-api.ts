import type { Logger } from 'pino';
import type { Clock } from './api/clock.ts';
import { createDevicePolicy } from './api/device-policy.ts';
import type { ApiBounds } from './api/http/load.ts';
import type { OwnPath } from './api/http/own-path.ts';
import { type ApiServer, createApiServer } from './api/http/server.ts';
import { createRegistry, type Registry } from './api/registry/registry.ts';
import type { StorageKey } from './api/storage.ts';
import { createTokenCheck, type LocalAccess } from './ops/local-access/index.ts';
import { createQueryPath } from './ops/query-path.ts';
import { createPodTokens, type KeptKeys } from './pod-access/index.ts';
import type { EdgeStore } from './store/index.ts';
import { createSubmissions } from './submissions/index.ts';
import { SYNC_FACTS } from './sync/index.ts';
import { createTokenService, type TokenService } from './tokens/index.ts';
import { type CloudQueries, createElsewhere, createLookup, QUERY_PATH } from './upstream/index.ts';

export interface LocalApiOptions {
  readonly store: EdgeStore;
  readonly nodeName: string;
  readonly access: LocalAccess;
  readonly bounds: ApiBounds;
  /** Questions to the cloud. */
  readonly queries: CloudQueries;
  /** Whether the device holds now what the cloud wants here. */
  readonly isInSync: () => boolean;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
  /** Beside that of questions, what the agent tells of itself and what can be changed of it, by path. */
  readonly ownPaths?: ReadonlyMap<string, OwnPath>;
  /** By what pods are let in. Default: none is. */
  readonly pods?: PodAccess | undefined;
}

export interface PodAccess {
  readonly keys: Pick<KeptKeys, 'current'>;
  /** How long the device has been linked without a break, in milliseconds; 0: it is not. */
  readonly linkedForMs: () => number;
}

export interface LocalApi {
  /** For who is in this process: the hollow node. */
  readonly registry: Registry;
  /** Does not listen yet. */
  readonly server: ApiServer;
  readonly tokens: TokenService;
  /** Ends the server and all that goes on beside it. */
  close(): Promise<void>;
}

/** The Kubernetes API of the device: what the store holds, who may see and write it, and what is asked of the cloud. */
export function createLocalApi(options: LocalApiOptions): LocalApi {
  const { store, nodeName, access, bounds, queries, isInSync, ownPaths = new Map(), clock, random, logger, pods } = options;
  const hasSynced = () => store.fact(SYNC_FACTS.lastSync) !== undefined;
  const tokens = createTokenService({ nodeName, tokens: store.tokens, queries, clock, logger });
  const syncedAgeMs = () => (isInSync() ? 0 : ageOf(store.fact(SYNC_FACTS.lastSync), clock));
  const lookup = createLookup({ store, queries, syncedAgeMs, clock, logger });
  const synced = (key: StorageKey) => store.synced(key);
  const submissions = createSubmissions({ store, storage: store.storage, queries, synced, clock, logger });
  const policy = createDevicePolicy({
    nodeName,
    holderOf: createTokenCheck({
      tokens: { administrator: access.token, viewer: access.viewerToken, kubelet: access.nodeToken },
      changed: access.changedTokens,
      now: () => performance.now(),
      onChange() {
        logger.info('tokens of the local API changed');
        // Who holds an old one has its watches no longer.
        server.cutWatches();
      },
    }),
    podTokens:
      pods === undefined
        ? undefined
        : createPodTokens({
            nodeName,
            storage: store.storage,
            now: clock.now,
            keys: pods.keys.current,
            linkedForMs: pods.linkedForMs,
          }),
    hasSynced,
    findElsewhere: createElsewhere(lookup),
    requestToken: tokens.request,
    submit: submissions.submit,
  });
  const registry = createRegistry({ storage: store.storage, policy, clock, random });
  const server = createApiServer({
    registry,
    ownPaths: new Map([...ownPaths, [QUERY_PATH, createQueryPath(lookup)]]),
    tls: { cert: access.cert, key: access.key },
    bounds,
    notReady: () => (hasSynced() ? undefined : 'the first sync with the cloud is not complete'),
    logger,
  });
  const close = async () => {
    submissions.stop();
    await server.close();
  };
  return { registry, server, tokens, close };
}

function ageOf(time: string | undefined, clock: Pick<Clock, 'now'>): number | undefined {
  return time === undefined ? undefined : Math.max(0, clock.now().getTime() - Date.parse(time));
}
