/** `npm run fuzz`: hostile inputs for every place where bytes come in from outside. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { keepFound, replayCommand } from './engine/found.ts';
import { type Found, fuzz } from './engine/fuzz.ts';
import type { Job } from './engine/messages.ts';
import { TARGETS } from './targets/index.ts';

const EXIT = { nothingFound: 0, found: 1, usage: 2, stopped: 130 } as const;

const HELP = `Gives hostile inputs to every decoder: made by fast-check in the right form, and real ones that were changed. What must never
happen: a crash, more than 100 ms for one input, memory over the bound of the target, an effect of what was refused.

usage: npm run fuzz -- [options]

  --seconds N     for all targets together (default 60)
  --runs N        inputs for each target, in place of a time
  --target NAME   only this one; may be given several times
  --seed S        a whole number; printed, and the same seed gives the same inputs (default: another each time)
  --first I       number of the first input (default 0: the corpus comes first)
  --replay FILE   give just this file to the one target named
  --help          this text

What was found goes to test/hostile/found, with the command that replays it. Exit code 1 when something was found, 2 for wrong options;
Ctrl-C prints what there was so far and ends with 130.

targets:
${TARGETS.map(({ name, what }) => `  ${name.padEnd(20)} ${what}`).join('\n')}
`;

/** Longer than anybody waits: for runs that are counted. */
const NO_END_MS = 24 * 3_600_000;
const MOST_RUNS = 0xffff_ffff;

class UsageError extends Error {}

function jobsOf(args: string[]): { readonly seed: number; readonly jobs: readonly Job[] } | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '60' },
      runs: { type: 'string' },
      target: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string' },
      first: { type: 'string', default: '0' },
      replay: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const unknown = values.target.find((name) => TARGETS.every((target) => target.name !== name));
  if (unknown !== undefined) throw new UsageError(`no target ${unknown}`);
  const chosen = TARGETS.filter(({ name }) => values.target.length === 0 || values.target.includes(name));
  const seed = values.seed === undefined ? randomInt(0x1_0000_0000) : whole('seed', values.seed);
  const first = whole('first', values.first);
  if (values.replay !== undefined && chosen.length !== 1) throw new UsageError('--replay needs one --target');
  const inputs = values.replay === undefined ? undefined : [fileAt(values.replay)];
  const isCounted = values.runs !== undefined || inputs !== undefined;
  const runs = values.runs === undefined ? MOST_RUNS : whole('runs', values.runs);
  const ms = isCounted ? NO_END_MS : (whole('seconds', values.seconds) * 1000) / chosen.length;
  return { seed, jobs: chosen.map(({ name }) => ({ target: name, seed, first, runs, ms, inputs })) };
}

function fileAt(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new UsageError(`--replay: ${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`);
  }
}

function whole(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new UsageError(`--${name} must be a whole number, not ${text}`);
  return Number(text);
}

async function main(): Promise<number> {
  const asked = jobsOf(process.argv.slice(2));
  if (asked === 'help') {
    process.stdout.write(HELP);
    return EXIT.nothingFound;
  }
  const { seed, jobs } = asked;
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort());
  const found: Found[] = [];
  process.stderr.write(`seed ${seed}\n`);
  const began = performance.now();
  const totals = await fuzz({
    module: new URL('./targets/index.ts', import.meta.url).href,
    jobs,
    signal: stopping.signal,
    onFound(one) {
      found.push(one);
      process.stderr.write(
        `${one.target}: ${one.kind}: ${one.message}\n  ${one.input.length} bytes, input ${one.place} of seed ${seed}\n`,
      );
      process.stderr.write(`  to repeat: ${replayCommand(one.target, keepFound(one, seed))}\n`);
    },
    onProgress: (target, done) => process.stderr.write(`${target}: ${done} inputs\n`),
  });
  for (const [target, runs] of totals) {
    // A target that has not begun is not one in which nothing was found.
    process.stdout.write(
      `${target.padEnd(20)} ${runs === 0 ? 'no inputs: the time was over before it had begun' : `${runs} inputs`}\n`,
    );
  }
  process.stdout.write(`${found.length} found in ${((performance.now() - began) / 1000).toFixed(1)} s, seed ${seed}\n`);
  if (found.length > 0) return EXIT.found;
  return stopping.signal.aborted ? EXIT.stopped : EXIT.nothingFound;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  process.stderr.write(`${error instanceof Error ? (isUsage ? error.message : error.stack) : error}\n`);
  if (isUsage) process.stderr.write('npm run fuzz -- --help\n');
  process.exitCode = isUsage ? EXIT.usage : EXIT.found;
}
