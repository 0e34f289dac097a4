import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { HawserError } from '@hawser/protocol';
import { createLogLevelControl } from '@hawser/settings';
import type { Logger } from 'pino';
import { type AdminServer, Reviews, startAdmin } from './admin/index.ts';
import { bearerOf, createApiClient, fetchObject, loadCredentials } from './apiserver/index.ts';
import { createAutonomy } from './autonomy/index.ts';
import { createBodies } from './bodies.ts';
import type { Clock } from './clock.ts';
import { readClusterUid } from './cluster.ts';
import { ClusterIdentity, FOREIGN_CLUSTER, guarded } from './cluster-identity.ts';
import { createClusterKeys } from './cluster-keys/index.ts';
import { createDownstream } from './downstream/index.ts';
import { createEnrolment } from './enroll/index.ts';
import { AheadChecks } from './epoch/ahead-checks.ts';
import { Epochs } from './epoch/epochs.ts';
import { type Hub, hubReadings, startHub } from './hub/index.ts';
import { createNodeLeases } from './node-leases/index.ts';
import type { DrainState } from './ops/drain-metrics.ts';
import { type Endpoint, type Readiness, startEndpoint } from './ops/endpoint.ts';
import { createMetrics } from './ops/metrics.ts';
import { memoryLimitOf } from './ops/process-metrics.ts';
import type { Settings } from './ops/settings.ts';
import { createRefusalEvents } from './refusals/index.ts';
import { RELAY_VERSION } from './relay-version.ts';
import { createReplicas, replicaIdentity } from './replicas/index.ts';
import { untilDone, wait, within } from './retry.ts';
import {
  answerQuery,
  createDenials,
  createQueryDesk,
  createUpstream,
  Impersonation,
  LogBudget,
  nodeMarks,
} from './upstream/index.ts';
import { createWatching, waitingForAny } from './watching.ts';

export interface RelayOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly logger: Logger;
}

export interface Relay {
  readonly linkPort: number;
  readonly opsPort: number;
  /** Undefined where administrators are not answered. */
  readonly adminPort: number | undefined;
  readiness(): Readiness;
  /**
   * Is ready no more; takes links for a moment still, so that whoever spreads them notices; tells sessions to move to other replicas; finishes
   * the reports that are at the API server, and resolves when all is closed.
   */
  stop(): Promise<void>;
}

/**
 * Starts the whole relay and resolves when it listens; it becomes ready when its resources are synced, and waits for an API
 * server that is not there.
 * @throws HawserError `bad_config` for files that are missing or wrong, `address_in_use`
 */
export async function startRelay({ settings, clock, random, logger }: RelayOptions): Promise<Relay> {
  const connection = loadCredentials(settings.kubeconfig === undefined ? {} : { kubeconfig: settings.kubeconfig });
  const client = createApiClient(connection, { logger, clock });
  const stopping = new AbortController();
  const closing = new AbortController();
  const retry = { clock, random, signal: stopping.signal };
  let clusterUid: string | undefined;
  let hub: Hub | undefined;
  let drainState: DrainState = 'serving';
  let admin: AdminServer | undefined;
  const identity = new ClusterIdentity({
    // What is written at the end is still written to our own cluster only.
    read: () => readClusterUid(client, closing.signal),
    onChange(isForeign) {
      downstream.hold(isForeign ? FOREIGN_CLUSTER : undefined);
      tellReadiness();
    },
    logger,
  });
  const ownCluster = guarded(client, identity);
  const clusterKeys = createClusterKeys({
    api: ownCluster,
    ownToken: async () => bearerOf(await connection.credentials()),
    clock,
    random,
    signal: stopping.signal,
    logger,
  });
  const impersonation = new Impersonation({ api: ownCluster, clock, signal: stopping.signal, logger });
  const epochs = new Epochs({
    clock,
    logger,
    onBegin(epoch, detail) {
      hub?.endEpoch(detail);
      downstream.beginEpoch();
      replicas?.restored(detail);
      enrolment.restored(detail);
      void watching.beginEpoch(detail).then(() => epochs.listedAnew(epoch));
    },
  });

  const aheadChecks = new AheadChecks({
    clock,
    logger,
    async howFar(resource, reached) {
      await identity.check();
      return watching.howFar(resource, reached, stopping.signal);
    },
    onLag: (resource) => void watching.listAnew(resource, 'the watch lags behind what agents hold'),
    onRestored: (node, detail) => void epochs.restored({ type: 'agent', node }, detail),
  });

  const metrics = createMetrics({
    ...hubReadings(() => hub),
    isReady: () => readiness().type === 'ready',
    memoryLimit: () => memoryLimitOf(process.constrainedMemory()),
    drainState: () => drainState,
    reportBytes: () => reports.bytes(),
    refusalEventsWaiting: () => refusals.waiting(),
    downstream: () => downstream.stats(),
    supersededBytes: () => downstream.stats().supersededBytes,
    reports: () => reports.counts(),
    pool: () => reports.poolStats(),
    queries: () => queries.counts(),
    replicas: () => replicas?.counts(),
    autonomy: () => autonomy?.counts(),
    trust: () => enrolment.readings(),
    enrolments: () => enrolment.endpoint?.connections() ?? 0,
    adminWatches: () => admin?.watches() ?? 0,
    nodeLeases: () => nodeLeases.counts(),
    devices: () => enrolment.deviceCounts(),
    reflectors: () => [...watching.statuses(), ...enrolment.statuses(), ...(replicas === undefined ? [] : [replicas.status()])],
    epochs: () => epochs,
  });
  const randomId = () => randomBytes(8).toString('hex');
  const machine = { podName: process.env.POD_NAME, hostname: hostname(), randomText: randomId() };
  const self = replicaIdentity(settings.replica, connection, machine);
  const enrolment = await createEnrolment({
    settings,
    client: ownCluster,
    namespace: self.namespace,
    identity,
    machine: { hostname: hostname(), podIp: process.env.POD_IP },
    clock,
    random,
    logger,
    metrics,
    onRestored: (detail) => epochs.restored({ type: 'reflector' }, detail),
    onStatus: tellReadiness,
  });
  const bodies = createBodies({
    ...retry,
    fetch: (key) => fetchObject(ownCluster, key, { clock, signal: stopping.signal }),
    provide(answer) {
      downstream.provideBody(answer);
      autonomy?.changed('notFound' in answer ? answer.notFound : answer.key);
    },
    onFailure: (error, waitMs) => logger.warn({ err: error, waitMs }, 'object not read'),
  });
  const refusals = createRefusalEvents({
    api: ownCluster,
    clock,
    random,
    logger,
    instance: hostname(),
    apiCall: (verb, status) => metrics.apiCall(verb, status),
    onResult: (result) => metrics.refusalEvent(result),
  });
  const downstream = createDownstream({
    epoch: () => epochs.current,
    listAgain: (resource) =>
      void watching
        .listAnew(resource, 'most of what a device holds would be deleted')
        .then(() => downstream.listedAgain(resource)),
    onBehind: (node, ahead) => aheadChecks.overdue(node, ahead),
    logger,
    clock,
    requestBody: (key) => bodies.request(key),
    limits: {
      supersededBytes: settings.limits.supersededBytes,
      answerMs: settings.limits.answerSeconds * 1000,
    },
    onRefused: (refusal) => refusals.add(refusal),
    onDelivered: (milliseconds) => metrics.delivered(milliseconds),
  });
  const answerer = {
    api: impersonation.api,
    cache: downstream,
    clock,
    logger,
    log: new LogBudget(clock),
    counts: metrics,
    form: () => impersonation.form ?? 'groups',
  };
  const denials = createDenials({ clock, logger, onDenied: (what) => metrics.denied(what) });
  const queries = createQueryDesk({
    concurrency: settings.limits.queryCalls,
    perLane: settings.limits.queriesPerSession,
    onOverBound: (bound) => metrics.boundReached(bound),
    clock,
    async answer(node, question, signal) {
      const answered = await answerQuery(answerer, node, question, signal);
      denials.query(node, question, answered);
      return answered;
    },
    onAnswered: ({ resource }, answer, milliseconds) => metrics.queryAnswered(resource, answer, milliseconds),
  });
  const reports = createUpstream({
    api: impersonation.api,
    clock,
    logger,
    counts: metrics,
    form: () => impersonation.form ?? 'groups',
    random,
    marks: nodeMarks(settings.labelNodes, settings.nodeLabels, settings.nodeTaints),
    cached(node, key) {
      const known = downstream.read(node, key);
      return known.state === 'found' ? known : undefined;
    },
    apiCalls: settings.limits.apiCalls,
    apiCallsPerSecond: settings.limits.apiCallsPerSecond,
    reportsPerSession: settings.limits.reportsPerSession,
    reportBytesPerSession: settings.limits.reportBytesPerSession,
    reportBytes: settings.limits.reportBytes,
    onFull: (bound) => metrics.boundReached(bound),
    onOutcome: (outcome, about) => metrics.reportOutcome(outcome, about),
    denials,
    events: { neededBy: (key) => downstream.neededBy(key), uidOf: (key) => downstream.body(key)?.version.uid },
    onBegun: (waitedMs) => metrics.reportBegun(waitedMs),
  });

  const autonomy = settings.autonomy
    ? createAutonomy({
        objects: downstream,
        api: ownCluster,
        clock,
        random,
        logger,
        instance: hostname(),
        counts: metrics,
        onResult: (result) => metrics.autonomyResult(result),
      })
    : undefined;

  const replicas = settings.replica.leases
    ? createReplicas({
        ...settings.replica,
        self,
        identity,
        onRestored: (detail) => epochs.restored({ type: 'reflector' }, detail),
        client: ownCluster,
        clock,
        random,
        randomId,
        logger,
        metrics,
        onClaimed: (session) => nodeLeases.claimed(session),
        onTakenOver: (node) => nodeLeases.takenOver(node),
        onLink: (node) => nodeLeases.linkChanged(node),
      })
    : undefined;
  const nodeLeases = createNodeLeases({
    ...settings.nodeLeases,
    api: impersonation.api,
    counts: metrics,
    form: () => impersonation.form,
    downstream,
    links: replicas,
    self: randomId(),
    clock,
    random,
    logger,
    metrics,
  });

  function readiness(): Readiness {
    if (drainState !== 'serving') return { type: 'draining' };
    const cause = clusterUid === undefined ? ['the API server: the namespace kube-system was not read yet'] : [];
    const foreign = identity.isForeign ? [FOREIGN_CLUSTER] : [];
    const waitingFor = [
      ...cause,
      ...foreign,
      ...enrolment.waitingFor(),
      ...watching.waitingFor(),
      ...waitingForAny([enrolment.devicesStatus()]),
    ];
    return waitingFor.length === 0 ? { type: 'ready' } : { type: 'notReady', waitingFor };
  }

  function enterDrain(state: DrainState): void {
    drainState = state;
    logger.info({ state }, 'drain');
    tellReadiness();
  }

  let wasReady = false;
  function tellReadiness(): void {
    const isReady = readiness().type === 'ready';
    if (isReady !== wasReady) logger.info({ isReady }, isReady ? 'relay ready' : 'relay no longer ready');
    wasReady = isReady;
  }

  const watching = createWatching({
    client,
    downstream,
    clock,
    random,
    logger,
    onChange: (type, resource) => metrics.change(type, resource),
    onApplied: (key) => autonomy?.changed(key),
    onListed: (resource) => metrics.listed(resource),
    onWatch: (resource) => metrics.watchBegun(resource),
    onStatus: tellReadiness,
    identity,
    onRestored(detail) {
      // Where everything is being listed anew already, what has come since is of the past as well.
      if (!epochs.restored({ type: 'reflector' }, detail)) downstream.beginEpoch();
    },
  });

  async function learnCluster(): Promise<void> {
    const learn = async () => {
      if (identity.uid === undefined) await identity.check();
      if (identity.uid === undefined) throw new HawserError('unreachable', 'the API server has not said which cluster it is');
      await impersonation.learn();
      return identity.uid;
    };
    clusterUid = await untilDone(learn, {
      ...retry,
      onFailure: (error, waitMs) => logger.warn({ err: error, waitMs }, 'cluster not known yet'),
    });
    if (clusterUid === undefined) return;
    logger.info({ clusterUid, impersonation: impersonation.form }, 'cluster known');
    tellReadiness();
  }

  let endpoint: Endpoint | undefined;
  async function close(): Promise<void> {
    stopping.abort();
    queries.stop();
    nodeLeases.stop();
    await watching.stop();
    enrolment.endpoint?.stop();
    await admin?.stop();
    await hub?.stop();
    await replicas?.stop();
    await enrolment.stop();
    downstream.close();
    await refusals.stop();
    await autonomy?.stop();
    await endpoint?.close();
    closing.abort();
    client.close();
  }

  try {
    endpoint = await startEndpoint({ ...settings.ops, metrics, readiness, logger });
    hub = await startHub({
      settings,
      serving: enrolment.serving,
      relay: () => (clusterUid === undefined ? undefined : { relayVersion: RELAY_VERSION, clusterUid }),
      downstream,
      reports,
      queries,
      claims: {
        opened(session) {
          nodeLeases.opened(session);
          replicas?.opened(session);
        },
        ended(session) {
          nodeLeases.ended(session);
          replicas?.ended(session);
        },
      },
      onKubelet: nodeLeases.kubelet,
      epochs,
      trust: enrolment.trust,
      clusterKeys,
      enrolment: enrolment.endpoint,
      metrics,
      clock,
      random,
      logger,
    });
    if (settings.admin.enabled) {
      admin = await startAdmin({
        settings,
        serving: enrolment.serving,
        reviews: new Reviews({ api: ownCluster, clock, logger, apiCall: (verb, status) => metrics.apiCall(verb, status) }),
        replica: self.replica,
        version: RELAY_VERSION,
        links: hub.sessions,
        epoch: () => epochs.current,
        logLevel: createLogLevelControl(logger, settings.logLevel),
        metrics,
        clock,
        logger,
      });
    }
  } catch (error) {
    await close();
    throw error;
  }
  watching.start();
  nodeLeases.start();
  replicas?.start();
  enrolment.start();
  const learning = learnCluster();

  return {
    linkPort: hub.port,
    opsPort: endpoint.port,
    adminPort: admin?.port,
    readiness,
    async stop() {
      const { drainSeconds, drainNoticeSeconds } = settings;
      enterDrain('noticed');
      await wait(clock, drainNoticeSeconds * 1000, stopping.signal);
      enterDrain('moving');
      const begunMs = clock.now().getTime();
      await hub?.drain(drainSeconds);
      enterDrain('ending');
      stopping.abort();
      const leftMs = drainSeconds * 1000 - (clock.now().getTime() - begunMs);
      await within(Math.max(0, leftMs), reports.stop(), {
        clock,
        // Those that are still at the API server come again from the agents: their effects are idempotent.
        onOver: () => logger.warn({ ...reports.counts(), seconds: drainSeconds }, 'reports left at the API server'),
      });
      await close();
      await learning;
    },
  };
}
