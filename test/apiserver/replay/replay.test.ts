import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type ExchangeResult, judge } from '../../replay/known.ts';
import { loadScenarios, RECORDINGS_FOLDER, type Scenario } from '../../replay/recording.ts';
import { KNOWN_DIFFERENCES } from './differences.ts';
import { replayScenario } from './runner.ts';

/** Scenarios that run at the same time, each with a server of its own: most of the time they wait. */
const AT_ONCE = 4;
/** How much faster than it was recorded. What then differs is replayed once more by itself: a machine with much to do is late for a watch of half a second. */
const SPEED = 10;
const CAREFUL_SPEED = 2;
/** Longest that all of it may take, in milliseconds; it takes about 8 s on two quiet cores. */
const DEADLINE_MS = 240_000;

const scenarios = await loadScenarios(['01', '02', '03', '04', '05', '06']);
const skip = scenarios === undefined ? `no recordings at ${RECORDINGS_FOLDER}` : false;

describe('the embedded API server against recordings of a real one', { skip, timeout: DEADLINE_MS }, () => {
  let results: ExchangeResult[] = [];

  before(async () => {
    results = await replayAll(scenarios ?? []);
  });

  it('answers every exchange as recorded, but for the differences that are listed with their reasons', (t) => {
    const { equal, listed, unlisted } = judge(results, KNOWN_DIFFERENCES);
    t.diagnostic(
      `${results.length} exchanges replayed: ${equal} equal, ${listed} with listed differences, ${unlisted.length} others`,
    );
    assert.equal(unlisted.length, 0, unlisted.join('\n'));
  });

  it('lists no difference that does not occur any more', () => {
    assert.deepEqual(judge(results, KNOWN_DIFFERENCES).unused, []);
  });
});

async function replayAll(all: readonly Scenario[]): Promise<ExchangeResult[]> {
  const waiting = [...all];
  const results: ExchangeResult[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results.push(...(await replayScenario(next, all, SPEED)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const late = all.filter(({ name }) => judge(of(results, name), KNOWN_DIFFERENCES).unlisted.length > 0);
  const again: ExchangeResult[] = [];
  for (const scenario of late) again.push(...(await replayScenario(scenario, all, CAREFUL_SPEED)));
  const isReplaced = new Set(late.map(({ name }) => name));
  return [...results.filter(({ scenario }) => !isReplaced.has(scenario)), ...again];
}

function of(results: readonly ExchangeResult[], name: string): ExchangeResult[] {
  return results.filter(({ scenario }) => scenario === name);
}
