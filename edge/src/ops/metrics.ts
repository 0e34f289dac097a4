import { AGENT_VERSION } from '../agent-version.ts';
import type { ApiLoad } from '../api/http/load.ts';
import type { AutonomousStopStats } from '../autonomy/index.ts';
import type { RenewalStats } from '../enroll/index.ts';
import type { LinkStats } from '../link/index.ts';
import type { DroppedEvents, KeptAnswers, RecheckStats, Size } from '../store/index.ts';
import type { SyncStats } from '../sync/index.ts';
import type { TokenStats } from '../tokens/index.ts';
import type { QueriesStats, UpstreamStats } from '../upstream/index.ts';
import type { RunnerStats } from '../workload/index.ts';
import type { StorageUse } from './storage-use.ts';

/** What the parts of the agent count themselves, read when someone asks for the metrics. */
export interface Readings {
  /** Of the local API. */
  api(): ApiLoad;
  linkState(): string;
  link(): LinkStats;
  sessionState(): string;
  sync(): SyncStats;
  recheck(): RecheckStats;
  upstream(): UpstreamStats;
  queries(): QueriesStats;
  answers(): ReturnType<KeptAnswers['stats']>;
  isKubeletAlive(): boolean;
  /** Undefined where the workload is no kubelet. */
  runner(): RunnerStats | undefined;
  autonomy(): AutonomousStopStats;
  certificate(): RenewalStats;
  /** What is thought of the device's clock. */
  clock(): string;
  /** The device's clock less the relay's; undefined where no relay has told its time. */
  clockOffsetMs(): number | undefined;
  /** ServiceAccount tokens that are kept. */
  tokens(): number;
  tokenRequests(): TokenStats;
  outbox(): Size;
  /** When the oldest entry of the outbox was written, in seconds since 1970; undefined where nothing waits. */
  outboxOldest(): number | undefined;
  storage(): StorageUse;
  droppedEvents(): DroppedEvents;
  objects(): number;
  /** 32 hex digits. */
  digest(): string;
  /** Seconds since 1970; undefined before the first. */
  lastSync(): number | undefined;
}

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Gauges that are named as counters are: promtool objects. The library tells the same by type, without `_total`. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];
/** Hex digits that a number of Prometheus, a double, holds exactly. */
const DIGEST_DIGITS = 12;
const LINK_STATES = ['idle', 'dialling', 'greeting', 'open', 'waiting', 'closed'];
const CLOCK_VERDICTS = ['right', 'behind', 'ahead'];
const KUBELET_STATES = ['stopped', 'clearing', 'blocked', 'running', 'waiting', 'stopping', 'external'];
const SESSION_STATES = ['disconnected', 'greeting', 'waiting', 'syncing', 'inSync', 'ended'];

/** All metrics of the agent. The library is loaded only where they are asked for: it costs some MB. */
export async function createMetrics(readings: Readings): Promise<Metrics> {
  const { Counter, collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);

  function oneOf(name: string, help: string, states: readonly string[], current: () => string): void {
    new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers,
      collect() {
        const now = current();
        for (const state of states) this.set({ state }, state === now ? 1 : 0);
      },
    });
  }
  function gauge(name: string, help: string, read: () => number | undefined): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  }
  function labelledGauge(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        for (const [value, count] of Object.entries(read())) this.set({ [label]: value }, count);
      },
    });
  }
  function counter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }
  function byLabel(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count);
      },
    });
  }

  labelledGauge('hawser_agent_build_info', '1, with the version of the agent.', 'version', () => ({ [AGENT_VERSION]: 1 }));
  oneOf('hawser_agent_link_state', '1 for the state that the link is in.', LINK_STATES, readings.linkState);
  oneOf('hawser_agent_session_state', '1 for the state that the session is in.', SESSION_STATES, readings.sessionState);
  counter('hawser_agent_link_dials_total', 'Attempts to make a link.', () => readings.link().dials);
  counter('hawser_agent_link_opened_total', 'Links on which a relay welcomed us.', () => readings.link().opened);
  byLabel('hawser_agent_link_failures_total', 'Links that failed or ended, by reason.', 'kind', () => readings.link().failures);
  byLabel(
    'hawser_agent_link_bytes_total',
    'Bytes over all links: those received with TLS, those sent without.',
    'direction',
    () => {
      const { bytesRead, bytesWritten } = readings.link();
      return { in: bytesRead, out: bytesWritten };
    },
  );
  counter('hawser_agent_batches_total', 'Batches applied.', () => readings.sync().batches);
  byLabel(
    'hawser_agent_operations_total',
    'Operations in those batches, by what they do.',
    'operation',
    () => readings.sync().byType,
  );
  counter('hawser_agent_nacks_total', 'Operations that could not be taken.', () => readings.sync().nacks);
  counter('hawser_agent_inventories_total', 'Inventories sent.', () => readings.sync().inventories);
  counter(
    'hawser_agent_checks_total',
    'Digests told to the relay unasked: rows were not as they were written.',
    () => readings.sync().checks,
  );
  counter('hawser_agent_rows_reread_total', 'Rows of the store that were read again.', () => readings.recheck().rows);
  counter('hawser_agent_reread_rounds_total', 'Times that all rows were read again.', () => readings.recheck().rounds);
  counter('hawser_agent_unreadable_rows_total', 'Rows that could not be read again.', () => readings.recheck().failures);
  byLabel(
    'hawser_agent_damaged_rows_total',
    'Rows that were not as they were written, by what was wrong.',
    'damage',
    () => readings.recheck().damaged,
  );
  gauge('hawser_agent_objects', 'Objects of the cloud in the store.', readings.objects);
  gauge(
    'hawser_agent_digest',
    'The first 48 bits of the digest of those objects: changes when they do, and is the same where the same is held.',
    () => Number.parseInt(readings.digest().slice(0, DIGEST_DIGITS), 16),
  );
  gauge('hawser_agent_outbox_entries', 'Writes that the cloud has not answered.', () => readings.outbox().entries);
  gauge('hawser_agent_outbox_bytes', 'Bytes of their bodies.', () => readings.outbox().bytes);
  gauge(
    'hawser_agent_outbox_oldest_timestamp_seconds',
    'When the oldest of these writes was made; absent where none waits.',
    readings.outboxOldest,
  );
  gauge('hawser_agent_store_bytes', 'Bytes of the store, its log included.', () => readings.storage().storeBytes);
  gauge(
    'hawser_agent_storage_free_bytes',
    'Bytes that are free where the store is, for users that are not root.',
    () => readings.storage().freeBytes,
  );
  gauge('hawser_agent_storage_size_bytes', 'Bytes of the file system where the store is.', () => readings.storage().sizeBytes);
  byLabel(
    'hawser_agent_events_dropped_total',
    'Events that were dropped before the cloud was told of them, by the bound that they were over, since the store began.',
    'reason',
    () => readings.droppedEvents().total,
  );
  gauge(
    'hawser_agent_events_dropped_untold',
    'Of these, the ones that no Event on the Node has told of yet.',
    () => readings.droppedEvents().untold,
  );
  gauge('hawser_agent_last_sync_timestamp_seconds', 'When the store last held all that the cloud wants.', readings.lastSync);
  gauge('hawser_agent_kubelet_alive', '1 while the kubelet keeps renewing its Lease at the local API.', () =>
    readings.isKubeletAlive() ? 1 : 0,
  );
  oneOf(
    'hawser_agent_kubelet_state',
    '1 for the state of the kubelet that the agent runs.',
    KUBELET_STATES,
    () => readings.runner()?.state ?? '',
  );
  counter('hawser_agent_kubelet_starts_total', 'Times that the kubelet was started.', () => readings.runner()?.starts ?? 0);
  counter(
    'hawser_agent_kubelet_ends_total',
    'Times that it ended unasked, or could not be started.',
    () => readings.runner()?.ends ?? 0,
  );
  counter(
    'hawser_agent_kubelet_lines_left_out_total',
    'Lines of its log that were left out, since it said too much.',
    () => readings.runner()?.linesLeftOut ?? 0,
  );
  gauge(
    'hawser_agent_reports_held',
    'Objects whose report the cloud could not take, and that wait before it is sent again.',
    () => readings.upstream().held,
  );
  byLabel('hawser_agent_reports_total', 'Reports to the cloud: sent, and answered by outcome.', 'event', () => {
    const { sent, applied, refused, unavailable } = readings.upstream();
    return { sent, applied, refused, unavailable };
  });

  gauge('hawser_agent_tokens', 'ServiceAccount tokens that are kept for the time without a link.', readings.tokens);
  byLabel('hawser_agent_token_requests_total', 'Requests for ServiceAccount tokens, by what became of them.', 'outcome', () => ({
    ...readings.tokenRequests(),
  }));
  labelledGauge(
    'hawser_agent_queries',
    'Questions to the cloud without an answer: sent, or waiting for room or a link.',
    'state',
    () => {
      const { open, waiting } = readings.queries();
      return { open, waiting };
    },
  );
  counter('hawser_agent_queries_asked_total', 'Questions to the cloud, by who asked.', () => readings.queries().asked);
  byLabel('hawser_agent_query_answers_total', 'What came of them: the answer, or nobody waited for it.', 'answer', () => {
    const { answered, abandoned } = readings.queries();
    return { ...answered, abandoned };
  });
  byLabel('hawser_agent_query_messages_total', 'Messages about them over the link.', 'message', () => {
    const { sent, cancelled, ignored } = readings.queries();
    return { query: sent, cancel: cancelled, lateAnswer: ignored };
  });
  gauge('hawser_agent_kept_answers', 'Answers that serve without a link.', () => readings.answers().answers);
  gauge('hawser_agent_kept_answer_bytes', 'Bytes of them.', () => readings.answers().size);

  gauge('hawser_agent_api_connections', 'Connections to the local API.', () => readings.api().connections);
  labelledGauge('hawser_agent_api_requests', 'Requests that the local API is answering, and open watches.', 'kind', () => {
    const { requests, watches } = readings.api();
    return { request: requests, watch: watches };
  });
  counter(
    'hawser_agent_api_unauthorized_total',
    'Requests to the local API that were answered 401.',
    () => readings.api().unauthorized,
  );
  byLabel(
    'hawser_agent_api_bounds_reached_total',
    'Times that a bound of the local API was reached, by the bound.',
    'bound',
    () => readings.api().reached,
  );

  gauge(
    'hawser_agent_away_seconds',
    'Time without a link as measured for hawser.dev/autonomy-stop-after; 0 with one.',
    () => readings.autonomy().awaySeconds,
  );
  counter(
    'hawser_agent_autonomy_stopped_pods_total',
    'Pods ended since there was no link for too long.',
    () => readings.autonomy().podsStopped,
  );

  gauge(
    'hawser_agent_certificate_end_timestamp_seconds',
    'When the certificate ends that links are made with.',
    () => readings.certificate().endsMs / 1000,
  );
  byLabel('hawser_agent_renewals_total', 'Renewals of the certificate, by what became of them.', 'outcome', () => ({
    ...readings.certificate().renewals,
  }));
  gauge(
    'hawser_agent_clock_offset_seconds',
    'Clock of the device less that of the relay, as of the last dial and counted on since.',
    () => {
      const offsetMs = readings.clockOffsetMs();
      return offsetMs === undefined ? undefined : offsetMs / 1000;
    },
  );
  oneOf('hawser_agent_clock', "1 for what is thought of the device's clock.", CLOCK_VERDICTS, readings.clock);

  return { contentType: registry.contentType, text: () => registry.metrics() };
}
