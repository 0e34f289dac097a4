import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { readCorpus } from './engine/corpus.ts';
import { keepFound, replayCommand } from './engine/found.ts';
import { type Found, fuzz } from './engine/fuzz.ts';
import { TARGETS } from './targets/index.ts';

/** By number and not by time, so that a slow machine tests as much. The corpus comes first and is not counted. */
const RUNS = 150;
/** Of those that open files or sockets for each input. */
const SLOW_RUNS = 30;
const SLOW: ReadonlySet<string> = new Set([
  'store',
  'link',
  'upgrade',
  'enrolment-http',
  'local-api',
  'local-api-http2',
  'admin',
]);
const NO_END_MS = 3_600_000;

test('no input crashes a decoder, holds it up, takes more memory than its bound or has an effect where it is refused', async (t) => {
  const seed = randomInt(0x1_0000_0000);
  t.diagnostic(`seed ${seed}`);
  const found: Found[] = [];
  const jobs = TARGETS.map(({ name, corpus }) => {
    const runs = readCorpus(corpus).length + (SLOW.has(name) ? SLOW_RUNS : RUNS);
    return { target: name, seed, first: 0, runs, ms: NO_END_MS, inputs: undefined };
  });
  const totals = await fuzz({
    module: new URL('./targets/index.ts', import.meta.url).href,
    jobs,
    signal: t.signal,
    onFound: (one) => found.push(one),
    onProgress: () => undefined,
  });
  const told = found.map(
    (one) => `${one.target}: ${one.kind}: ${one.message}\nto repeat: ${replayCommand(one.target, keepFound(one, seed))}`,
  );
  assert.deepEqual(told, []);
  for (const { target, runs } of jobs) assert.equal(totals.get(target), runs, `${target} was left early`);
});
