import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface ReportReadings {
  reports(): { readonly waiting: number; readonly running: number };
  /** The pool of calls for reports: `flowing`, `paused` or `probing`, calls a second that may begin now, and pauses since the start. */
  pool(): { readonly state: string; readonly rate: number; readonly pauses: number };
}

export interface ReportMetrics {
  /** @param about what kind of news the report was: status, event, removal, registration, other */
  reportOutcome(outcome: string, about: string): void;
  /** A report has begun that had waited so long. */
  reportBegun(waitedMs: number): void;
  /** A patch of a Node or pod: `nothing`, `less` or the `whole` of it had to be sent. */
  patchSent(how: string): void;
}

/** In seconds: from a pool with room to an API server that is away. */
const BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30];
const STATES = ['flowing', 'paused', 'probing'];

/** What devices report, and how the API server takes it. */
export function createReportMetrics(registry: Registry, readings: ReportReadings): ReportMetrics {
  const registers = [registry];
  new Gauge({
    name: 'hawser_relay_reports',
    help: 'Reports of agents that wait for or are at the API server.',
    labelNames: ['state'],
    registers,
    collect() {
      const { waiting, running } = readings.reports();
      this.set({ state: 'waiting' }, waiting);
      this.set({ state: 'running' }, running);
    },
  });
  new Gauge({
    name: 'hawser_relay_report_pool_state',
    help: '1 for the state that the calls for reports are in: flowing, paused as the API server cannot take them, probing.',
    labelNames: ['state'],
    registers,
    collect() {
      const { state } = readings.pool();
      for (const name of STATES) this.set({ state: name }, name === state ? 1 : 0);
    },
  });
  new Gauge({
    name: 'hawser_relay_report_calls_per_second',
    help: 'Calls for reports that may begin in a second now: limits.apiCallsPerSecond, less after a pause, 0 within one.',
    registers,
    collect() {
      this.set(readings.pool().rate);
    },
  });
  new Counter({
    name: 'hawser_relay_report_pauses_total',
    help: 'Pauses of all reports, as the API server could not take them.',
    registers,
    collect() {
      this.reset();
      this.inc(readings.pool().pauses);
    },
  });
  const outcomes = new Counter({
    name: 'hawser_relay_report_outcomes_total',
    help: 'Answers to reports of agents, by what they were about.',
    labelNames: ['about', 'outcome'],
    registers,
  });
  const waits = new Histogram({
    name: 'hawser_relay_report_wait_seconds',
    help: 'From when a report came to when its call of the API server began.',
    buckets: BUCKETS,
    registers,
  });
  const patches = new Counter({
    name: 'hawser_relay_report_patches_total',
    help: 'Patches of Nodes and pods, by how much of them had to be sent: nothing, less, or the whole.',
    labelNames: ['sent'],
    registers,
  });
  return {
    reportOutcome: (outcome, about) => outcomes.inc({ about, outcome }),
    reportBegun: (waitedMs) => waits.observe(waitedMs / 1000),
    patchSent: (sent) => patches.inc({ sent }),
  };
}
