import type { LinkStats } from '../link/index.ts';
import type { SyncStats } from '../sync/index.ts';
import type { UpstreamStats } from '../upstream/index.ts';

/** What the parts of the agent count themselves, read when someone asks for the metrics. */
export interface Readings {
  linkState(): string;
  link(): LinkStats;
  sessionState(): string;
  sync(): SyncStats;
  upstream(): UpstreamStats;
  outbox(): number;
  objects(): number;
  /** Seconds since 1970; undefined before the first. */
  lastSync(): number | undefined;
}

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

const LINK_STATES = ['idle', 'dialling', 'greeting', 'open', 'waiting', 'closed'];
const SESSION_STATES = ['disconnected', 'greeting', 'waiting', 'syncing', 'inSync', 'ended'];

/** All metrics of the agent. The library is loaded only where they are asked for: it costs some MB. */
export async function createMetrics(readings: Readings): Promise<Metrics> {
  const { Counter, collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

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
        if (value === undefined) this.reset();
        else this.set(value);
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

  oneOf('hawser_agent_link_state', '1 for the state that the link is in.', LINK_STATES, readings.linkState);
  oneOf('hawser_agent_session_state', '1 for the state that the session is in.', SESSION_STATES, readings.sessionState);
  counter('hawser_agent_link_dials_total', 'Attempts to make a link.', () => readings.link().dials);
  counter('hawser_agent_link_opened_total', 'Links on which a relay welcomed us.', () => readings.link().opened);
  new Counter({
    name: 'hawser_agent_link_failures_total',
    help: 'Links that failed or ended, by reason.',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const [kind, count] of Object.entries(readings.link().failures)) this.inc({ kind }, count);
    },
  });
  counter('hawser_agent_batches_total', 'Batches applied.', () => readings.sync().batches);
  counter('hawser_agent_operations_total', 'Operations in those batches.', () => readings.sync().operations);
  counter('hawser_agent_nacks_total', 'Operations that could not be taken.', () => readings.sync().nacks);
  counter('hawser_agent_inventories_total', 'Inventories sent.', () => readings.sync().inventories);
  gauge('hawser_agent_objects', 'Objects of the cloud in the store.', readings.objects);
  gauge('hawser_agent_outbox_entries', 'Writes that the cloud has not answered.', readings.outbox);
  gauge('hawser_agent_last_sync_timestamp_seconds', 'When the store last held all that the cloud wants.', readings.lastSync);
  new Counter({
    name: 'hawser_agent_reports_total',
    help: 'Reports to the cloud: sent, and answered by outcome.',
    labelNames: ['event'],
    registers,
    collect() {
      const { sent, applied, refused, unavailable } = readings.upstream();
      this.reset();
      for (const [event, count] of Object.entries({ sent, applied, refused, unavailable })) this.inc({ event }, count);
    },
  });

  return { contentType: registry.contentType, text: () => registry.metrics() };
}
