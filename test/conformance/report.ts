import type { Result, Run } from './run.ts';

const WORDS = { passed: 'passed', failed: 'FAILED', notApplicable: 'n/a' } as const;
const NAME_WIDTH = 24;

/** One line for each check, and what there is to say about it; then the sum. */
export function textReport(run: Run): string {
  const lines = run.results.flatMap((result) => [
    `${WORDS[result.outcome].padEnd(7)} ${result.name.padEnd(NAME_WIDTH)} ${result.what}`,
    ...detailOf(result).map((line) => `        ${line}`),
  ]);
  const counts = countsOf(run);
  const sum = `${counts.passed} passed, ${counts.failed} failed, ${counts.notApplicable} not applicable`;
  return [
    `${run.server} (${run.version}), seed ${run.seed}, namespace ${run.namespace}`,
    `wrote ${run.wrote.join(', ') || 'nothing'}${run.refused.length === 0 ? '' : `; not ${run.refused.join('; not ')}`}`,
    '',
    ...lines,
    ...run.left.map((line) => `NOT REMOVED ${line}`),
    '',
    `${sum}; ${run.requests} requests${run.stopped ? '; stopped before the end' : ''}`,
    '',
  ].join('\n');
}

export function jsonReport(run: Run): string {
  return `${JSON.stringify({ ...run, counts: countsOf(run) }, undefined, 2)}\n`;
}

export function countsOf({ results }: Pick<Run, 'results'>): Record<Result['outcome'], number> {
  const counts = { passed: 0, failed: 0, notApplicable: 0 };
  for (const { outcome } of results) counts[outcome]++;
  return counts;
}

function detailOf(result: Result): string[] {
  if (result.outcome === 'passed') return result.note === undefined ? [] : [result.note];
  return [result.why];
}
