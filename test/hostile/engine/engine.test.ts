import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { readCorpus } from './corpus.ts';
import { type Found, fuzz } from './fuzz.ts';
import { inputAt } from './inputs.ts';
import { minimise } from './minimise.ts';
import { TARGETS } from './testing/planted.ts';

const MODULE = new URL('./testing/planted.ts', import.meta.url).href;
const SEED = 7;
/** Among so many inputs some hold the byte that a planted fault waits for. */
const RUNS = 400;
const NO_END_MS = 600_000;

async function run(t: TestContext, target: string, more: { runs?: number; silenceMs?: number } = {}): Promise<Found[]> {
  const found: Found[] = [];
  const { runs = RUNS, silenceMs } = more;
  await fuzz({
    module: MODULE,
    jobs: [{ target, seed: SEED, first: 0, runs, ms: NO_END_MS, inputs: undefined }],
    signal: t.signal,
    onFound: (one) => found.push(one),
    onProgress: () => undefined,
    ...(silenceMs === undefined ? {} : { silenceMs }),
  });
  return found;
}

const FAULTS = [
  ['throws', 'crash', /a fault/],
  ['slow', 'hang', /over the bound of 100 ms/],
  ['silent', 'hang', /no answer/],
  ['reserves', 'memory', /bytes more/],
  ['fills', 'memory', /bytes more/],
  ['unpacks', 'memory', /bytes more/],
  ['keeps', 'died', /heap/],
  ['has an effect', 'effect', /0 writes[\s\S]*1 writes/],
] as const;

for (const [target, kind, message] of FAULTS) {
  test(`a planted fault is found: ${target}`, async (t) => {
    const found = await run(t, target, kind === 'crash' || kind === 'effect' ? {} : { runs: firstFatal() + 1 });
    const [first] = found;
    assert.ok(first !== undefined, 'nothing was found');
    assert.equal(first.kind, kind);
    assert.match(first.message, message);
    assert.ok(first.input.includes(0xee));
    if (kind === 'crash' || kind === 'effect') assert.equal(first.input.length, 1, 'it is made as short as it can be');
  });
}

test('a decoder that never comes back is ended from outside, and named with its input', async (t) => {
  const [first] = await run(t, 'endless', { runs: firstFatal() + 1, silenceMs: 3_000 });
  assert.equal(first?.kind, 'died');
  assert.match(first.message, /it hangs/);
  assert.ok(first.input.includes(0xee));
});

test('a decoder without a fault has none, and what is taken may have effects', async (t) => {
  assert.deepEqual(await run(t, 'sound'), []);
  assert.deepEqual(await run(t, 'takes with an effect'), []);
});

test('the same seed gives the same inputs, another one others; the corpus comes first', () => {
  const [target] = TARGETS;
  assert.ok(target !== undefined);
  const corpus = readCorpus(target.corpus);
  const inputs = (seed: number) => Array.from({ length: 100 }, (_, place) => inputAt(target, corpus, seed, place));
  assert.deepEqual(inputs(1), inputs(1));
  assert.notDeepEqual(inputs(1), inputs(2));
  assert.deepEqual(inputs(1).slice(0, corpus.length), corpus);
});

test('an input is made shorter as long as it still fails', async () => {
  const input = Buffer.from('some text with a fault somewhere in it, and more behind it');
  const shorter = await minimise(input, async (candidate) => Buffer.from(candidate).toString().includes('fault'));
  assert.equal(Buffer.from(shorter).toString(), 'fault');
});

function firstFatal(): number {
  const [target] = TARGETS;
  assert.ok(target !== undefined);
  const corpus = readCorpus(target.corpus);
  for (let place = 0; place < 10_000; place += 1) if (inputAt(target, corpus, SEED, place).includes(0xee)) return place;
  return assert.fail('no input holds the byte');
}
