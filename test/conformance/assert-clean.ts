import assert from 'node:assert/strict';
import type { Result, Run } from './run.ts';

/**
 * Nothing failed, everything was removed, and what did not fit is known.
 * @param notApplicable by the name of the check how the reason begins
 */
export function assertClean(run: Run, notApplicable: Readonly<Record<string, string>>): void {
  const how = (result: Result) => `${result.name}: ${result.outcome === 'passed' ? '' : result.why}`;
  const failed = run.results.filter(({ outcome }) => outcome === 'failed').map(how);
  assert.deepEqual(failed, [], `replay with --seed ${run.seed}`);
  assert.deepEqual(run.left, []);
  for (const result of run.results) {
    if (result.outcome !== 'notApplicable') continue;
    const why = notApplicable[result.name];
    assert.ok(why !== undefined && result.why.startsWith(why), `${result.name} did not fit: ${result.why}`);
  }
}
