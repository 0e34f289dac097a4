import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type ExchangeResult, judge } from '../../replay/known.ts';
import { loadScenarios, RECORDINGS_FOLDER } from '../../replay/recording.ts';
import { presupposed } from '../../replay/seeds.ts';
import { KNOWN_DIFFERENCES } from './differences.ts';
import { replayRun } from './runner.ts';
import { kubectlRuns, kubeletRun } from './runs.ts';

const scenarios = await loadScenarios(['08', '09']);
const skip = scenarios === undefined ? `no recordings at ${RECORDINGS_FOLDER}` : false;
/** Longest that all of it may take, in milliseconds; no run waits for anything but the device. */
const DEADLINE_MS = 240_000;

describe("a device's local API against what a kubelet and kubectl were recorded to ask", { skip, timeout: DEADLINE_MS }, () => {
  const results: ExchangeResult[] = [];

  before(async () => {
    const all = scenarios ?? [];
    for (const encoding of ['json', 'protobuf'] as const) results.push(...(await replayRun(kubeletRun(encoding, all), [])));
    const ofKubectl = kubectlRuns(all).map((run) => {
      const seeds = run.parts.flatMap(({ scenario }) => presupposed(scenario, all).objects);
      return replayRun(
        run,
        seeds.map(({ object }) => object),
      );
    });
    for (const replayed of await Promise.all(ofKubectl)) results.push(...replayed);
  });

  it('is asked everything that was recorded', () => {
    const replayed = new Set(results.map(({ scenario }) => scenario));
    // What watches told from beginning to end is part of the scenarios in which they were opened.
    const all = (scenarios ?? []).map(({ name }) => name).filter((name) => !/^08-kubelet-[a-z]+-9-/.test(name));
    assert.deepEqual(
      all.filter((name) => !replayed.has(name)),
      [],
    );
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
