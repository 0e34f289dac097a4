import type { Difference } from './compare.ts';

/** A difference between a recording and the server under test that is known and left. */
export interface KnownDifference {
  /** Its name, or what the names of several have in common. */
  readonly scenario: string | RegExp;
  /** Indexes of the exchanges; absent: every exchange of the scenario. */
  readonly exchanges?: readonly number[];
  /** Of the request: `GET /api/v1/...`; absent: any. */
  readonly request?: RegExp;
  /** Where the answers differ, as `compare.ts` names it; absent: anywhere in the answer. */
  readonly where?: RegExp;
  /** What the live answer has there; absent: anything. */
  readonly live?: string | number;
  readonly reason: string;
}

export interface ExchangeResult {
  readonly scenario: string;
  readonly index: number;
  readonly request: string;
  readonly differences: readonly Difference[];
}

export interface Verdict {
  readonly equal: number;
  /** Exchanges all of whose differences are known. */
  readonly listed: number;
  /** In words, one for each exchange. */
  readonly unlisted: readonly string[];
  /** Known differences that do not occur, in words. */
  readonly unused: readonly string[];
}

export function judge(results: readonly ExchangeResult[], known: readonly KnownDifference[]): Verdict {
  const unlisted: string[] = [];
  let listed = 0;
  for (const result of results) {
    const left = result.differences.filter((difference) => !known.some((one) => covers(one, result, difference)));
    if (left.length > 0) unlisted.push(inWords(result, left));
    else if (result.differences.length > 0) listed++;
  }
  const unused = known.flatMap((one) => {
    const indexes = one.exchanges ?? [undefined];
    return indexes
      .filter((index) => !occurs(one, index, results))
      .map((index) => `${one.scenario} #${index ?? '*'} ${one.request ?? ''} ${one.where ?? ''}: ${one.reason}`);
  });
  return { equal: results.filter(({ differences }) => differences.length === 0).length, listed, unlisted, unused };
}

function covers(known: KnownDifference, result: ExchangeResult, { where, live }: Difference): boolean {
  return (
    (typeof known.scenario === 'string' ? known.scenario === result.scenario : known.scenario.test(result.scenario)) &&
    (known.request === undefined || known.request.test(result.request)) &&
    (known.exchanges === undefined || known.exchanges.includes(result.index)) &&
    (known.where === undefined || known.where.test(where)) &&
    (known.live === undefined || known.live === live)
  );
}

function occurs(known: KnownDifference, index: number | undefined, results: readonly ExchangeResult[]): boolean {
  return results.some(
    (result) =>
      (index === undefined || result.index === index) &&
      result.differences.some((difference) => covers(known, result, difference)),
  );
}

function inWords({ scenario, index, request, differences }: ExchangeResult, left: ExchangeResult['differences']): string {
  const lines = left
    .slice(0, 10)
    .map(({ where, recorded, live }) => `    ${where}: recorded ${brief(recorded)}, live ${brief(live)}`);
  return [`${scenario} #${index} ${request} (${differences.length} differences)`, ...lines].join('\n');
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
