import type { Report, ReportOutcome } from '@hawser/protocol';
import { type Performer, perform } from './perform.ts';
import { createReportQueue, type ReportQueue } from './report-queue.ts';

export { type Answer, readAnswer } from './answer.ts';
export { type ImpersonationForm, probeImpersonation } from './impersonation.ts';
export { EDGE_LABEL } from './label.ts';
export type { CallCounts, NodeApi } from './node-api.ts';
export { answerQuery, createQueryDesk, type QueryDesk, type QueryLane } from './queries/index.ts';
export type { ReportLane, ReportQueue } from './report-queue.ts';

export interface UpstreamOptions extends Performer {
  /** Calls of the API server at a time. */
  readonly apiCalls: number;
  readonly reportsPerSession: number;
  readonly onOutcome: (outcome: ReportOutcome['type']) => void;
}

/** Reports of all agents, each done as its node and answered by its outcome. */
export function createUpstream({ apiCalls, reportsPerSession, onOutcome, ...performer }: UpstreamOptions): ReportQueue {
  return createReportQueue({
    concurrency: apiCalls,
    reportsPerLane: reportsPerSession,
    async perform(node: string, report: Report) {
      const outcome = await perform(performer, node, report);
      onOutcome(outcome.type);
      if (outcome.type === 'refused') {
        const { resource, namespace, name, subresource, operation } = report;
        const { code, reason, message } = outcome;
        performer.logger.info(
          { node, resource, namespace, name, subresource, operation: operation.type, code, reason, message },
          'report refused',
        );
      }
      return outcome;
    },
  });
}
