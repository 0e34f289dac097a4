import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { KNOWN_DIFFERENCES, type KnownDifference } from './differences.ts';
import { loadScenarios, RECORDINGS_FOLDER, type Scenario } from './recording.ts';
import { type ExchangeResult, replayScenario } from './runner.ts';

/** Scenarios that run at the same time, each with a server of its own: most of the time they wait. */
const AT_ONCE = 4;
/** Longest that all of it may take, in milliseconds; it takes about 8 s on two quiet cores. */
const DEADLINE_MS = 120_000;

const scenarios = await loadScenarios(['01', '02', '03', '04', '05', '06']);
const skip = scenarios === undefined ? `no recordings at ${RECORDINGS_FOLDER}` : false;

describe('the embedded API server against recordings of a real one', { skip, timeout: DEADLINE_MS }, () => {
  let results: ExchangeResult[] = [];

  before(async () => {
    results = await replayAll(scenarios ?? []);
  });

  it('answers every exchange as recorded, but for the differences that are listed with their reasons', (t) => {
    const unlisted: string[] = [];
    let listed = 0;
    for (const result of results) {
      const left = result.differences.filter(({ where }) => !KNOWN_DIFFERENCES.some((known) => covers(known, result, where)));
      if (left.length > 0) unlisted.push(report(result, left));
      else if (result.differences.length > 0) listed++;
    }
    const equal = results.filter(({ differences }) => differences.length === 0).length;
    t.diagnostic(
      `${results.length} exchanges replayed: ${equal} equal, ${listed} with listed differences, ${unlisted.length} others`,
    );
    assert.equal(unlisted.length, 0, unlisted.join('\n'));
  });

  it('lists no difference that does not occur any more', () => {
    const unused = KNOWN_DIFFERENCES.flatMap((known) => {
      const indexes = known.exchanges ?? [undefined];
      return indexes
        .filter((index) => !occurs(known, index, results))
        .map((index) => `${known.scenario} #${index ?? '*'} ${known.where ?? ''}: ${known.reason}`);
    });
    assert.deepEqual(unused, []);
  });
});

async function replayAll(all: readonly Scenario[]): Promise<ExchangeResult[]> {
  const waiting = [...all];
  const results: ExchangeResult[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results.push(...(await replayScenario(next, all)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

function covers(known: KnownDifference, result: ExchangeResult, where: string): boolean {
  return (
    known.scenario === result.scenario &&
    (known.exchanges === undefined || known.exchanges.includes(result.index)) &&
    (known.where === undefined || known.where.test(where))
  );
}

function occurs(known: KnownDifference, index: number | undefined, results: readonly ExchangeResult[]): boolean {
  return results.some(
    (result) =>
      (index === undefined || result.index === index) && result.differences.some(({ where }) => covers(known, result, where)),
  );
}

function report({ scenario, index, request, differences }: ExchangeResult, left: ExchangeResult['differences']): string {
  const lines = left
    .slice(0, 10)
    .map(({ where, recorded, live }) => `    ${where}: recorded ${brief(recorded)}, live ${brief(live)}`);
  return [`${scenario} #${index} ${request} (${differences.length} differences)`, ...lines].join('\n');
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
