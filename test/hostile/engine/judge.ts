import type { Cost, Meter } from './meter.ts';
import type { Bounds, Failure, Opened, Verdict } from './target.ts';

/** An answer that has not come by then does not come, in milliseconds of the wall clock. A loop that never ends is seen from outside. */
const ANSWER_MS = 10_000;

/**
 * So often an input over a bound is given again. Of times the least counts: what was slow once was the compiler or a first call. Of sizes the
 * middle one: what was large once was left over from before, and what was small once was collected before it was seen.
 */
const REPEATS = 5;

type Outcome = { readonly verdict: Verdict } | { readonly error: unknown } | { readonly silent: true };

/** Gives one input to a decoder and says how that failed; undefined where it did not. */
export async function judge(opened: Opened, bounds: Bounds, input: Uint8Array, meter: Meter): Promise<Failure | undefined> {
  const before = await opened.state?.();
  const { result, cost } = await meter.measure(() => outcomeOf(opened, input));
  if ('silent' in result) return { kind: 'hang', message: `no answer within ${ANSWER_MS} ms` };
  if ('error' in result) return { kind: 'crash', message: describe(result.error) };
  if (result.verdict === 'refused' && opened.state !== undefined) {
    const after = await opened.state();
    if (after !== before)
      return { kind: 'effect', message: `refused, and yet it had an effect:\n${difference(before ?? '', after)}` };
  }
  if (cost.ms <= bounds.ms && cost.bytes <= bounds.bytes) return undefined;
  return overBound(opened, bounds, input, meter);
}

async function overBound(opened: Opened, bounds: Bounds, input: Uint8Array, meter: Meter): Promise<Failure | undefined> {
  const costs: Cost[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    meter.settle();
    const { cost } = await meter.measure(() => outcomeOf(opened, input));
    costs.push(cost);
  }
  const ms = Math.min(...costs.map((cost) => cost.ms));
  if (ms > bounds.ms) return { kind: 'hang', message: `${ms.toFixed(0)} ms, over the bound of ${bounds.ms} ms` };
  const bytes = costs.map((cost) => cost.bytes).sort((a, b) => a - b)[Math.floor(costs.length / 2)] ?? 0;
  if (bytes > bounds.bytes) return { kind: 'memory', message: `${bytes} bytes more, over the bound of ${bounds.bytes}` };
  return undefined;
}

function outcomeOf(opened: Opened, input: Uint8Array): Outcome | Promise<Outcome> {
  try {
    // A copy: a decoder that writes into its input must not change what is tried next.
    const verdict = opened.run(Uint8Array.from(input));
    return verdict instanceof Promise ? answered(verdict) : { verdict };
  } catch (error) {
    return { error };
  }
}

async function answered(pending: Promise<Verdict>): Promise<Outcome> {
  const timer = Promise.withResolvers<Outcome>();
  const handle = setTimeout(() => timer.resolve({ silent: true }), ANSWER_MS);
  try {
    return await Promise.race([
      pending.then(
        (verdict): Outcome => ({ verdict }),
        (error: unknown): Outcome => ({ error }),
      ),
      timer.promise,
    ]);
  } finally {
    clearTimeout(handle);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** From where they differ on. */
function difference(before: string, after: string): string {
  let at = 0;
  while (at < before.length && before[at] === after[at]) at += 1;
  const from = Math.max(0, at - 60);
  return `  before: ${before.slice(from, at + 200)}\n  after:  ${after.slice(from, at + 200)}`;
}
