import { type Check, type NamedFinding, unseen } from './types.ts';

/**
 * What one check may take, in milliseconds: a name that no server answers for, a proxy that is silent, or a relay behind a link of some
 * bytes a second would else keep the others from being told.
 */
export const CHECK_TIMEOUT_MS = 15_000;
/** A probe that does not mind its signal is left behind after this, in milliseconds. */
const GRACE_MS = 1_000;

export interface CheckEvents {
  onBegin(check: Check): void;
  onFindings(findings: readonly NamedFinding[]): void;
}

/** One after the other, each bounded in time. Stops between two when it is interrupted. @returns all that was found */
export async function runChecks(
  checks: readonly Check[],
  interrupted: AbortSignal,
  { onBegin, onFindings }: CheckEvents,
  timeoutMs = CHECK_TIMEOUT_MS,
): Promise<readonly NamedFinding[]> {
  const all: NamedFinding[] = [];
  for (const check of checks) {
    if (interrupted.aborted) break;
    onBegin(check);
    const found = (await lookInTime(check, interrupted, timeoutMs)).map((finding) => ({ check: check.name, ...finding }));
    if (interrupted.aborted) break;
    all.push(...found);
    onFindings(found);
  }
  return all;
}

async function lookInTime(check: Check, interrupted: AbortSignal, timeoutMs: number) {
  const ending = new AbortController();
  const signal = AbortSignal.any([interrupted, ending.signal]);
  let late = () => {};
  const timer = setTimeout(() => ending.abort(), timeoutMs);
  const hard = new Promise<'late'>((resolve) => {
    late = () => resolve('late');
  });
  const lastTimer = setTimeout(late, timeoutMs + GRACE_MS);
  interrupted.addEventListener('abort', late, { once: true });
  try {
    const found = await Promise.race([check.look(signal), hard]);
    return found === 'late' ? [unseen(`did not come to an end within ${timeoutMs / 1000} s`)] : found;
  } catch (error) {
    return [unseen(`could not be looked at: ${error instanceof Error ? error.message : String(error)}`)];
  } finally {
    clearTimeout(timer);
    clearTimeout(lastTimer);
    interrupted.removeEventListener('abort', late);
    ending.abort();
  }
}
