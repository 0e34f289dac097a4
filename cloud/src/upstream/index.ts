import type { Report, ReportOutcome } from '@hawser/protocol';
import { CallPool, type PoolState } from './call-pool.ts';
import type { Denials } from './denials.ts';
import { type EventScope, refuseEvent } from './event-scope.ts';
import { openReportSession, type Performer, perform, type ReportSession } from './perform.ts';
import { classOf, type ReportClass } from './report-class.ts';
import { createReportQueue, type FullBecause, type ReportQueue } from './report-queue.ts';

export { type Answer, readAnswer } from './answer.ts';
export type { PoolState } from './call-pool.ts';
export { createDenials, type Denials } from './denials.ts';
export { Impersonation, type ImpersonationForm, nodeUser } from './impersonation.ts';
export { LogBudget } from './log-budget.ts';
export { type CallCounts, callApi, type NodeApi } from './node-api.ts';
export { MAX_MARKS, nodeMarks, parseLabel, parseTaint } from './node-marks.ts';
export type { Sent } from './perform.ts';
export { answerQuery, createQueryDesk, type QueryDesk, type QueryLane } from './queries/index.ts';
export type { ReportClass } from './report-class.ts';
export type { ReportLane, ReportQueue } from './report-queue.ts';
export type { ApiCall } from './request.ts';

/** Nothing is likely to change soon. */
const FAULT_RETRY_MS = 60_000;

export interface UpstreamOptions extends Omit<Performer, 'pool'> {
  /** Calls of the API server at a time. */
  readonly apiCalls: number;
  /** Calls of the API server that begin in a second, over time. */
  readonly apiCallsPerSecond: number;
  readonly reportsPerSession: number;
  /** Bodies of reports, in characters: of one session, and of all. */
  readonly reportBytesPerSession: number;
  readonly reportBytes: number;
  /** A session has as many reports as it may have, and is read no further for now. */
  readonly onFull: (bound: FullBecause) => void;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly onOutcome: (outcome: ReportOutcome['type'], about: ReportClass) => void;
  readonly denials: Pick<Denials, 'report'>;
  readonly events: EventScope;
  /** A report begins that has waited so long. */
  readonly onBegun: (waitedMs: number) => void;
}

export interface Upstream extends ReportQueue {
  poolStats(): PoolStats;
}

export interface PoolStats {
  readonly state: PoolState;
  /** Calls that may begin in a second, as of now. */
  readonly rate: number;
  /** Since the start. */
  readonly pauses: number;
}

/** Reports of all agents, each done as its node and answered by its outcome. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { apiCalls, apiCallsPerSecond, reportsPerSession, reportBytesPerSession, reportBytes, ...others } = options;
  const { onFull, random, onOutcome, denials, events, onBegun, ...performer } = others;
  const { clock, logger } = performer;
  const pool = new CallPool({
    callsPerSecond: apiCallsPerSecond,
    clock,
    random,
    onState(state, { waitMs, reason }) {
      if (state === 'paused') logger.warn({ waitMs, reason }, 'reports pause: the API server cannot take them');
      if (state === 'flowing') logger.info({ callsPerSecond: Math.round(pool.rate()) }, 'reports go on');
      queue.poolChanged(reason);
    },
  });

  function tellRefusal({ node, log }: ReportSession, report: Report, outcome: Extract<ReportOutcome, { type: 'refused' }>): void {
    const line = log.take();
    if (line === undefined) return;
    const { resource, namespace, name, subresource, operation } = report;
    const { code, reason, message } = outcome;
    logger.info(
      { node, resource, namespace, name, subresource, operation: operation.type, code, reason, message, ...line },
      'report refused',
    );
  }

  /** A report that we fail over is one of one device, and the others go on; the device keeps it. */
  function fault({ node, log }: ReportSession, { resource, name, operation }: Report, err: unknown): ReportOutcome {
    const line = log.take();
    if (line !== undefined) logger.error({ err, node, resource, name, operation: operation.type, ...line }, 'fault in a report');
    return { type: 'unavailable', retryAfterMs: FAULT_RETRY_MS, message: 'internal error of the relay' };
  }

  async function outcomeOf(session: ReportSession, report: Report): Promise<ReportOutcome> {
    return refuseEvent(events, session.node, report) ?? perform({ ...performer, pool }, session, report);
  }

  const queue = createReportQueue<ReportSession>({
    concurrency: apiCalls,
    reportsPerLane: reportsPerSession,
    bytesPerLane: reportBytesPerSession,
    bytes: reportBytes,
    onFull,
    pool,
    callsPerSecond: apiCallsPerSecond,
    clock,
    random,
    onBegun,
    openSession: (node) => openReportSession(node, clock),
    async perform(session, report) {
      const outcome = await outcomeOf(session, report).catch((error: unknown) => fault(session, report, error));
      onOutcome(outcome.type, classOf(report));
      denials.report(report, outcome);
      if (outcome.type === 'refused') tellRefusal(session, report, outcome);
      return outcome;
    },
  });

  return {
    open: queue.open,
    counts: queue.counts,
    bytes: queue.bytes,
    poolStats: () => ({ state: pool.state, rate: pool.rate(), pauses: pool.pauses }),
    async stop() {
      await queue.stop();
      pool.close();
    },
  };
}
