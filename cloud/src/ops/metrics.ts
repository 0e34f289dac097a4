import { Counter, Gauge, Registry } from 'prom-client';
import { type AdminEndpointMetrics, type AdminReadings, createAdminMetrics } from './admin-metrics.ts';
import { type AutonomyReadings, createAutonomyMetrics } from './autonomy-metrics.ts';
import { type BoundReadings, createBoundMetrics } from './bound-metrics.ts';
import type { Bound } from './bounds.ts';
import { createDeviceMetrics, type DeviceReadings } from './device-metrics.ts';
import { createDrainMetrics, type DrainMetrics, type DrainReadings } from './drain-metrics.ts';
import { createEnrolmentMetrics, type EnrolmentMetrics, type EnrolmentReadings } from './enrolment-metrics.ts';
import { createLagMetrics, type LagReadings } from './lag-metrics.ts';
import { createNodeLeaseMetrics, type NodeLeaseMetrics, type NodeLeaseReadings } from './node-lease-metrics.ts';
import { type ProcessReadings, registerProcessMetrics } from './process-metrics.ts';
import { createQueryMetrics } from './query-metrics.ts';
import { createReportMetrics, type ReportMetrics, type ReportReadings } from './report-metrics.ts';
import { registerStoreMetrics, type StoreReadings } from './store-metrics.ts';
import { Traffic } from './traffic.ts';
import { createTrustMetrics, type TrustMetricReadings, type TrustMetrics } from './trust-metrics.ts';

/** Counts that other parts hold themselves and that are read when someone asks for the metrics. */
export interface Readings
  extends AdminReadings,
    BoundReadings,
    DeviceReadings,
    DrainReadings,
    EnrolmentReadings,
    LagReadings,
    NodeLeaseReadings,
    ProcessReadings,
    StoreReadings,
    ReportReadings,
    AutonomyReadings,
    TrustMetricReadings {
  /** Live sessions by state: `inSync`, `syncing`, … */
  sessionsByState(): ReadonlyMap<string, number>;
  /** Live sessions whose devices' clocks are off by more than five minutes. */
  clocksOff(): number;
  /** Connections that have not said hello yet. */
  handshakes(): number;
  dirtyKeys(): number;
  refusalEventsWaiting(): number;
  /** Counters over all sessions since the start. */
  sessionTotals(): SessionTotals;
  /** Superseded bodies that are kept as bases of deltas. */
  supersededBytes(): number;
  queries(): { readonly waiting: number; readonly running: number };
  /** Undefined where the relay keeps no Leases. */
  replicas(): { readonly live: number; readonly gone: number; readonly waiting: number } | undefined;
  /** The epoch of the cluster, and how often this relay has noticed a restoration or was told of one. */
  epochs(): { readonly current: number; readonly restorations: number };
  reflectors(): readonly { readonly resource: string; readonly state: string }[];
}

export interface SessionTotals {
  readonly batches: number;
  readonly upserts: number;
  readonly deltas: number;
  readonly touches: number;
  readonly deletes: number;
  readonly deltaBytes: number;
  readonly staticBytes: number;
  readonly zstdBytes: number;
  readonly identityBytes: number;
  readonly deltaRetries: number;
  readonly inventories: number;
  readonly recalled: number;
  readonly digestMismatches: number;
  /** Those of them that a check told, and not an ack. */
  readonly checkMismatches: number;
}

/**
 * All metrics of the relay, in a registry of their own. Labels have few values: never the name of an object, and of nodes only
 * those that lag.
 */
export interface Metrics
  extends AdminEndpointMetrics,
    ReportMetrics,
    NodeLeaseMetrics,
    TrustMetrics,
    EnrolmentMetrics,
    DrainMetrics {
  readonly contentType: string;
  text(): Promise<string>;
  sessionOpened(): void;
  /** `how` is a name of the table of close codes, `lost`, or `closed` by the agent. */
  sessionEnded(how: string): void;
  linkRefused(why: string): void;
  boundReached(bound: Bound): void;
  received(type: string, bytes: number): void;
  sent(type: string, bytes: number): void;
  malformedFrame(): void;
  nack(reason: string): void;
  refusalEvent(result: string): void;
  apiCall(verb: string, status: number | 'none'): void;
  queryAnswered(resource: string, answer: string, milliseconds: number): void;
  change(type: string, resource: string): void;
  listed(resource: string): void;
  watchBegun(resource: string): void;
  delivered(milliseconds: number): void;
  leaseCall(verb: string, lease: string, outcome: string): void;
  sessionElsewhere(device: string): void;
  nodeMarked(): void;
  autonomyResult(result: string): void;
  renewal(outcome: string): void;
  /** A device asked for what it may not have. */
  denied(what: string): void;
}

const REFLECTOR_STATES = ['listing', 'synced', 'notServed', 'failing'];

export function createMetrics(readings: Readings): Metrics {
  const registry = new Registry();
  const registers = [registry];
  registerProcessMetrics(registry, readings);

  function counter<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers });
  }
  function gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: (gauge: Gauge<Label>) => void,
  ): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        read(this);
      },
    });
  }

  const denied = counter('hawser_relay_denied_total', 'What devices asked for and may not have, by what it was.', ['what']);
  gauge('hawser_relay_sessions', 'Live sessions by state.', ['state'], (sessions) => {
    sessions.reset();
    for (const [state, count] of readings.sessionsByState()) sessions.set({ state }, count);
  });
  gauge(
    'hawser_relay_sessions_clock_off',
    'Live sessions whose device had a clock more than five minutes away from that of this relay when it dialled.',
    [],
    (off) => off.set(readings.clocksOff()),
  );
  gauge('hawser_relay_handshakes', 'Connections that have not said hello yet.', [], (handshakes) => {
    handshakes.set(readings.handshakes());
  });
  gauge('hawser_relay_dirty_keys', 'Objects of all sessions that differ from what the agents hold.', [], (dirty) => {
    dirty.set(readings.dirtyKeys());
  });
  gauge('hawser_relay_superseded_bytes', 'Superseded bodies kept as bases of deltas, in bytes.', [], (superseded) => {
    superseded.set(readings.supersededBytes());
  });
  gauge('hawser_relay_replicas', 'Replicas of the relay by their Leases, this one included.', ['state'], (replicas) => {
    const counts = readings.replicas();
    if (counts === undefined) return;
    replicas.set({ state: 'live' }, counts.live);
    replicas.set({ state: 'gone' }, counts.gone);
  });
  gauge('hawser_relay_leases_waiting', 'Leases of nodes that wait for a call of the API server.', [], (waiting) => {
    waiting.set(readings.replicas()?.waiting ?? 0);
  });
  gauge(
    'hawser_relay_reflector_state',
    '1 for the state that the reflector of a resource is in.',
    ['resource', 'state'],
    (states) => {
      for (const { resource, state } of readings.reflectors()) {
        for (const name of REFLECTOR_STATES) states.set({ resource, state: name }, name === state ? 1 : 0);
      }
    },
  );

  gauge('hawser_relay_epoch', 'Epoch of the cluster: 1, and one more for each restoration of the API server.', [], (epoch) => {
    epoch.set(readings.epochs().current);
  });
  new Counter({
    name: 'hawser_relay_restorations_total',
    help: 'Epochs that began while this relay ran: restorations that it noticed itself or was told of by an agent.',
    registers,
    collect() {
      this.reset();
      this.inc(readings.epochs().restorations);
    },
  });

  const opened = counter('hawser_relay_sessions_opened_total', 'Sessions begun: links whose hello was accepted.');
  const ended = counter('hawser_relay_links_ended_total', 'Links ended, by how.', ['how']);
  const refused = counter('hawser_relay_links_refused_total', 'Connections refused before they became a link, by reason.', [
    'why',
  ]);
  const traffic = new Traffic();
  new Counter({
    name: 'hawser_relay_messages_total',
    help: 'Messages of the link by direction and type.',
    labelNames: ['direction', 'type'],
    registers,
    collect() {
      this.reset();
      for (const { direction, type, messages } of traffic.counts()) this.inc({ direction, type }, messages);
    },
  });
  new Counter({
    name: 'hawser_relay_message_bytes_total',
    help: 'Bytes of messages by direction, without WebSocket and TLS.',
    labelNames: ['direction'],
    registers,
    collect() {
      this.reset();
      for (const { direction, bytes } of traffic.counts()) this.inc({ direction }, bytes);
    },
  });
  const malformed = counter('hawser_relay_malformed_frames_total', 'Frames that were no message, or may not have come then.');
  const nacks = counter(
    'hawser_relay_nacks_total',
    'Operations that an agent could not take, by reason; deltas whose objects went again whole among them.',
    ['reason'],
  );
  const refusalEvents = counter(
    'hawser_relay_refusal_events_total',
    'Events about objects that an agent could not take: created, counted up, dropped at the bound, or failed for good.',
    ['result'],
  );
  gauge('hawser_relay_refusal_events_waiting', 'Events about refused objects that are not written yet.', [], (waiting) => {
    waiting.set(readings.refusalEventsWaiting());
  });

  for (const [total, name, help] of [
    ['batches', 'hawser_relay_batches_total', 'Batches sent to agents.'],
    ['inventories', 'hawser_relay_inventories_total', 'Inventories asked of agents.'],
    ['recalled', 'hawser_relay_recalled_sets_total', 'Handshakes with what the last session had left: no inventory was needed.'],
    [
      'deltaRetries',
      'hawser_relay_delta_retries_total',
      'Deltas that an agent could not apply, after which the object was sent whole.',
    ],
  ] as const) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(readings.sessionTotals()[total]);
      },
    });
  }
  new Counter({
    name: 'hawser_relay_digest_mismatches_total',
    help: 'Digests of agents that were not the expected ones: told by an ack, or by a check on an idle link.',
    labelNames: ['told'],
    registers,
    collect() {
      this.reset();
      const { digestMismatches, checkMismatches } = readings.sessionTotals();
      this.inc({ told: 'ack' }, digestMismatches - checkMismatches);
      this.inc({ told: 'check' }, checkMismatches);
    },
  });
  new Counter({
    name: 'hawser_relay_operations_total',
    help: 'Operations sent to agents, by what they do.',
    labelNames: ['operation'],
    registers,
    collect() {
      this.reset();
      const { upserts, deltas, touches, deletes } = readings.sessionTotals();
      this.inc({ operation: 'upsert' }, upserts);
      this.inc({ operation: 'upsertDelta' }, deltas);
      this.inc({ operation: 'touch' }, touches);
      this.inc({ operation: 'delete' }, deletes);
    },
  });
  new Counter({
    name: 'hawser_relay_body_bytes_total',
    help: 'Bytes of object bodies sent to agents, as they travelled.',
    labelNames: ['encoding'],
    registers,
    collect() {
      this.reset();
      const { deltaBytes, staticBytes, zstdBytes, identityBytes } = readings.sessionTotals();
      this.inc({ encoding: 'delta' }, deltaBytes);
      this.inc({ encoding: 'static' }, staticBytes);
      this.inc({ encoding: 'zstd' }, zstdBytes);
      this.inc({ encoding: 'identity' }, identityBytes);
    },
  });
  const apiCalls = counter('hawser_relay_api_calls_total', 'Calls of the API server for agents, by verb and HTTP status.', [
    'verb',
    'code',
  ]);
  const changes = counter('hawser_relay_changes_total', 'Changes that the reflectors gave, by resource.', ['resource', 'type']);
  const lists = counter(
    'hawser_relay_reflector_lists_total',
    'Complete lists of a resource: the first, and one after each position that was lost.',
    ['resource'],
  );
  const watches = counter(
    'hawser_relay_reflector_watches_total',
    'Watches of a resource that were begun: those after the first took the place of one that had ended.',
    ['resource'],
  );
  const boundReached = createBoundMetrics(registry, readings);
  const lag = createLagMetrics(registry, readings);
  registerStoreMetrics(registry, readings);
  const queryAnswered = createQueryMetrics(registry, readings);
  const autonomyResult = createAutonomyMetrics(registry, readings);
  const leaseCalls = counter(
    'hawser_relay_lease_calls_total',
    'Calls of the API server about Leases of nodes and replicas, by what came of them.',
    ['verb', 'lease', 'outcome'],
  );
  const elsewhere = counter(
    'hawser_relay_sessions_replaced_elsewhere_total',
    'Sessions ended because the node has a newer one at another replica, by whether it is the same device.',
    ['device'],
  );
  const marked = counter('hawser_relay_nodes_marked_total', 'Nodes of gone replicas whose link was marked as unknown.');

  return {
    ...createNodeLeaseMetrics(registry, readings),
    ...createTrustMetrics(registry, readings),
    ...createDrainMetrics(registry, readings),
    ...createEnrolmentMetrics(registry, readings),
    ...createAdminMetrics(registry, readings),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    sessionOpened: () => opened.inc(),
    sessionEnded: (how) => ended.inc({ how }),
    linkRefused: (why) => refused.inc({ why }),
    boundReached,
    received: (type, size) => traffic.count('in', type, size),
    sent: (type, size) => traffic.count('out', type, size),
    malformedFrame: () => malformed.inc(),
    nack: (reason) => nacks.inc({ reason }),
    refusalEvent: (result) => refusalEvents.inc({ result }),
    apiCall: (verb, status) => apiCalls.inc({ verb, code: String(status) }),
    ...createReportMetrics(registry, readings),
    queryAnswered,
    change: (type, resource) => changes.inc({ resource, type }),
    listed: (resource) => lists.inc({ resource }),
    watchBegun: (resource) => watches.inc({ resource }),
    delivered: lag.delivered,
    leaseCall: (verb, lease, outcome) => leaseCalls.inc({ verb, lease, outcome }),
    sessionElsewhere: (device) => elsewhere.inc({ device }),
    nodeMarked: () => marked.inc(),
    autonomyResult,
    renewal: createDeviceMetrics(registry, readings),
    denied: (what) => denied.inc({ what }),
  };
}
