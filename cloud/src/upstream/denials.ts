import type { Question, Report, ReportOutcome } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { LogBudget } from './log-budget.ts';
import type { Answered } from './queries/answer-query.ts';
import { planQuery } from './queries/plan.ts';
import { planReport } from './request.ts';

/**
 * What devices have asked for and may not have: by the API server's word for their node (403), or since nothing of the kind can be asked or
 * reported over a link at all. A device that is as it should be asks for none of it, but for a moment after a binding; one that does it
 * again and again is not ours any more.
 */
export interface Denials {
  /** Its line in the log is the one of every report that is refused. */
  report(report: Report, outcome: ReportOutcome): void;
  query(node: string, question: Question, answered: Answered): void;
}

export interface DenialsOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  readonly onDenied: (what: 'report' | 'query') => void;
}

/** Nodes whose lines are counted each for itself; of one more the oldest is forgotten, and has its lines anew. */
const MOST_NODES = 1_000;

export function createDenials({ clock, logger, onDenied }: DenialsOptions): Denials {
  const budgets = new Map<string, LogBudget>();

  function budgetOf(node: string): LogBudget {
    const known = budgets.get(node);
    if (known !== undefined) return known;
    const [oldest] = budgets.keys();
    if (budgets.size >= MOST_NODES && oldest !== undefined) budgets.delete(oldest);
    const budget = new LogBudget(clock);
    budgets.set(node, budget);
    return budget;
  }

  return {
    report(report, outcome) {
      if (outcome.type !== 'refused') return;
      if (outcome.code === 403 || planReport(report).type === 'refused') onDenied('report');
    },
    query(node, question, answered) {
      if (answered.type !== 'forbidden' && !(answered.type === 'refused' && planQuery(question).type === 'refused')) return;
      onDenied('query');
      const line = budgetOf(node).take();
      if (line === undefined) return;
      const { resource, namespace, name, type } = question;
      const subresource = type === 'submit' ? question.subresource : '';
      const { code, reason, message } = answered;
      logger.info({ node, resource, namespace, name, subresource, type, code, reason, message, ...line }, 'query refused');
    },
  };
}
