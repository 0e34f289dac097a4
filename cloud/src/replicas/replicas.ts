import { type ApiResource, HawserError, parseObjectKey, resourceById } from '@hawser/protocol';
import type { Logger } from 'pino';
import { type ApiClient, createReflector, type IdentityCheck, type Reflector } from '../apiserver/index.ts';
import type { Clock } from '../clock.ts';
import { type Claimant, replaced, type SessionClaims } from '../hub/index.ts';
import type { Change, ReflectorStatus } from '../merge/change.ts';
import type { Action, Outcome } from './action.ts';
import { type Begun, Coordinator, type CoordinatorEvents } from './coordinator.ts';
import { LEASE_LABEL, type NodeLease, readLease } from './lease.ts';
import type { ReplicaIdentity } from './naming.ts';
import type { Session } from './node-entry.ts';
import type { NodeLinks } from './node-link.ts';
import { perform } from './perform.ts';

export interface ReplicasOptions {
  readonly self: ReplicaIdentity;
  readonly client: ApiClient;
  readonly renewSeconds: number;
  readonly callsPerSecond: number;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  /** Another text each time, of 16 lower-case letters and digits or more: names a session or this process. */
  readonly randomId: () => string;
  readonly logger: Logger;
  readonly metrics: ReplicaMetrics;
  readonly identity: IdentityCheck;
  /**
   * The API server is behind where it was. Returns whether that led to a call of `restored`: it is not the first to say so otherwise,
   * and the Leases are listed anew all the same.
   */
  readonly onRestored: (detail: string) => boolean;
  /** The Lease of its node names this session, for the first time or again. */
  readonly onClaimed: (session: Claimant) => void;
  /** Said before `onClaimed`: the node had a session at another replica, which may not have learnt yet that it is over. */
  readonly onTakenOver: (node: string) => void;
  /** What `link` says of the node may be another. */
  readonly onLink: (node: string) => void;
}

export interface ReplicaMetrics {
  /** `lease` is `node` or `replica`; `outcome` a type of Outcome, or why it failed. */
  leaseCall(verb: Action['type'], lease: 'node' | 'replica', outcome: string): void;
  sessionElsewhere(device: 'same' | 'other'): void;
  nodeMarked(): void;
}

/** What the replicas of the relay know of each other, by Leases in one namespace. */
export interface Replicas extends SessionClaims, NodeLinks {
  start(): void;
  /** The API server was restored from a backup, whoever has noticed it: the Leases are listed anew, all live sessions written anew. */
  restored(detail: string): void;
  /** Deletes our own Lease, in bounded time; what our nodes' Leases say is left to the others. */
  stop(): Promise<void>;
  status(): ReflectorStatus;
  /** Replicas that live, ourselves included; that have gone and are not cleared away; Leases that wait for a call. */
  counts(): { readonly live: number; readonly gone: number; readonly waiting: number };
}

/** A watch that tells of none of so many renewals of ours has broken somewhere on the way, and is opened anew. */
const RENEWALS_UNTIL_SILENT = 3;
/** However often renewals come, an API server may take so long for an answer. */
const LEAST_SILENCE_MS = 10_000;
/** At the stop, for the delete of our own Lease. */
const FAREWELL_MS = 2_000;

export function createReplicas(options: ReplicasOptions): Replicas {
  const { self, client, clock, random, randomId, metrics } = options;
  const { replica, namespace } = self;
  const logger = options.logger.child({ replica });
  const leases = leaseResource();
  const stopping = new AbortController();
  const performer = { client, leases, namespace, signal: stopping.signal, now: () => clock.now() };
  /** Our live sessions, by link and by id. */
  const sessions = new Map<Claimant, Session>();
  const links = new Map<string, Claimant>();
  const nowMs = () => clock.now().getTime();

  const events: CoordinatorEvents = {
    claimed(session) {
      const link = links.get(session.id);
      if (link !== undefined) options.onClaimed(link);
    },
    takenOver({ node, sessionId, storeId }, before) {
      options.onTakenOver(node);
      const older = { olderStoreId: before.storeId, olderReplica: before.holder };
      const fields = { node, storeId, remote: links.get(sessionId)?.remote, ...older };
      if (before.storeId === storeId) logger.info(fields, 'session taken over from another replica');
      else logger.warn(fields, 'two devices under one node name');
    },
    replaced(session, by) {
      const link = links.get(session.id);
      forget(link);
      if (link !== undefined) tellReplaced(link, by);
    },
    marked({ node, holder, storeId }) {
      metrics.nodeMarked();
      logger.info({ node, holder, storeId }, 'link of a node is unknown: its replica has gone');
    },
    gone: (other, nodes) => logger.warn({ gone: other, nodes }, 'replica has gone'),
    linkChanged: (node) => options.onLink(node),
    contested: (process) =>
      logger.error({ process }, 'another relay runs under the name of this replica: give each its own replica.name'),
    failing(failure, failures, waitMs) {
      const isNews = failures === 1 || failures % 10 === 0;
      const { why, message } = failure;
      logger[isNews ? 'warn' : 'debug']({ namespace, why, detail: message, failures, waitMs }, 'leases not written');
    },
    recovered: (failures) => logger.info({ failures }, 'leases are written again'),
    wentBack(detail) {
      if (!options.onRestored(detail)) void reflector.listAnew('newEpoch', detail);
    },
  };
  const coordinator = new Coordinator({
    replica,
    process: randomId(),
    renewMs: options.renewSeconds * 1000,
    callsPerSecond: options.callsPerSecond,
    nowMs: nowMs(),
    random,
    events,
  });

  function tellReplaced(link: Claimant, by: NodeLease): void {
    const isSameDevice = by.storeId === link.storeId;
    const { node, remote, storeId } = link;
    const fields = { node, remote, storeId, newerStoreId: by.storeId, newerReplica: by.holder };
    if (isSameDevice) logger.info(fields, 'session replaced at another replica');
    else logger.warn(fields, 'two devices under one node name');
    metrics.sessionElsewhere(isSameDevice ? 'same' : 'other');
    link.end(replaced(isSameDevice, ` at replica ${by.holder}`));
  }

  function forget(link: Claimant | undefined): Session | undefined {
    const session = link === undefined ? undefined : sessions.get(link);
    if (link === undefined || session === undefined) return undefined;
    sessions.delete(link);
    links.delete(session.id);
    return session;
  }

  const reflector: Reflector = createReflector({
    resource: leases,
    client,
    namespace,
    labelSelector: LEASE_LABEL,
    // Our own renewals come by it.
    watchSilenceMs: Math.max(options.renewSeconds * 1000 * RENEWALS_UNTIL_SILENT, LEAST_SILENCE_MS),
    clock,
    random,
    logger,
    identity: options.identity,
    onRestored(detail) {
      coordinator.restored(nowMs());
      options.onRestored(detail);
    },
    emit: take,
    onStatus({ resourceVersion }) {
      if (resourceVersion === undefined) return;
      coordinator.listed(resourceVersion, nowMs());
      wake();
    },
  });

  function take(change: Change): void {
    if (change.type === 'delete') {
      const name = parseObjectKey(change.key).name;
      coordinator.observeGone(name, change.uid, change.resourceVersion, nowMs());
    } else {
      const lease = change.object.text === undefined ? undefined : readLease(change.object.text);
      if (lease !== undefined) coordinator.observe(lease, nowMs());
    }
    wake();
  }

  let cancelTimer = () => {};
  let turn: NodeJS.Immediate | undefined;
  let isRunning = false;

  /** Once in a turn of the event loop, whatever has happened in it. */
  function wake(): void {
    if (isRunning) turn ??= setImmediate(run);
  }

  function run(): void {
    turn = undefined;
    cancelTimer();
    for (let begun = coordinator.next(nowMs()); begun !== undefined; begun = coordinator.next(nowMs())) void carryOut(begun);
    cancelTimer = clock.after(Math.ceil(coordinator.waitMs(nowMs())), wake);
  }

  async function carryOut(begun: Begun): Promise<void> {
    const outcome = await perform(performer, begun.action);
    if (!isRunning) return;
    metrics.leaseCall(begun.action.type, begun.of === 'node' ? 'node' : 'replica', labelOf(outcome));
    if (outcome.type === 'foreign') logger.warn({ name: begun.action.name, namespace }, 'a Lease of that name is not ours');
    if (outcome.type === 'failed' && (outcome.why === 'refused' || begun.of === 'own')) {
      logger.warn({ name: begun.action.name, namespace, why: outcome.why, detail: outcome.message }, 'lease not written');
    }
    coordinator.settled(begun, outcome, nowMs());
    wake();
  }

  return {
    opened(link) {
      const { node, storeId, agentVersion } = link;
      const session = { id: randomId(), node, storeId, agentVersion };
      sessions.set(link, session);
      links.set(session.id, link);
      coordinator.opened(session, nowMs());
      wake();
    },
    ended(link) {
      const session = forget(link);
      if (session === undefined) return;
      coordinator.ended(session, nowMs());
      wake();
    },
    isOurs(link) {
      const session = sessions.get(link);
      return session !== undefined && coordinator.holds(session);
    },
    link: (node) => coordinator.link(node, nowMs()),
    start() {
      logger.info({ namespace }, 'keeping leases');
      isRunning = true;
      reflector.start();
      wake();
    },
    restored(detail) {
      coordinator.restored(nowMs());
      void reflector.listAnew('newEpoch', detail);
    },
    async stop() {
      if (!isRunning) return;
      isRunning = false;
      clearImmediate(turn);
      cancelTimer();
      stopping.abort();
      await reflector.stop();
      await sayFarewell();
    },
    status: () => reflector.status(),
    counts: () => coordinator.counts(nowMs()),
  };

  /** Not conditional on its resourceVersion: a renewal may just have been under way. */
  async function sayFarewell(): Promise<void> {
    const { ownLease } = coordinator;
    if (ownLease === undefined) return;
    const { name, uid } = ownLease;
    const signal = AbortSignal.timeout(FAREWELL_MS);
    const outcome = await perform({ ...performer, signal }, { type: 'delete', name, uid, resourceVersion: undefined });
    metrics.leaseCall('delete', 'replica', labelOf(outcome));
    if (outcome.type === 'failed') logger.warn({ detail: outcome.message }, 'own lease not deleted: it expires');
  }
}

function leaseResource(): ApiResource {
  const resource = resourceById('coordination.k8s.io/leases');
  if (resource === undefined) throw new HawserError('unsupported', 'no Leases in the resource table');
  return resource;
}

function labelOf(outcome: Outcome): string {
  return outcome.type === 'failed' ? outcome.why : outcome.type;
}
