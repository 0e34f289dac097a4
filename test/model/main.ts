import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Figures } from './figures.ts';
import { figuresText } from './report.ts';
import { run, type Schedule, scheduleOf, shrink } from './schedule.ts';

const HELP = `Runs random schedules of the sync engine's model and holds what happens against the rules of the design.

usage: npm run model -- [options]

  --schedules N   how many schedules (default 1000)
  --seed S        a whole number; printed, and the same seed gives the same schedules (default: another each time)
  --first I       number of the first schedule (default 0)
  --steps K       steps of a schedule at most (default 150)
  --verbose       print each step, and what the product logs
  --help          this text

The figures go to standard output, progress and a broken rule to standard error. Exit code 1 when a rule was broken; then the
schedule is made as short as it can be, and the command that runs just it is printed. Ctrl-C prints the figures so far and ends with 130.
`;

/** Exit code of a run that was stopped by SIGINT, as shells have it. */
const STOPPED = 130;

/** So often progress is told, in milliseconds. */
const PROGRESS_MS = 2_000;
/** Lines of a shortened schedule's trace that are printed: its end is what matters. */
const TRACE_LINES = 120;

interface Options {
  readonly schedules: number;
  readonly seed: number;
  readonly first: number;
  readonly steps: number;
  readonly isVerbose: boolean;
}

function optionsOf(args: string[]): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      schedules: { type: 'string', default: '1000' },
      seed: { type: 'string' },
      first: { type: 'string', default: '0' },
      steps: { type: 'string', default: '150' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    schedules: wholeNumber('schedules', values.schedules),
    seed: values.seed === undefined ? randomInt(0x1_0000_0000) : wholeNumber('seed', values.seed),
    first: wholeNumber('first', values.first),
    steps: Math.max(1, wholeNumber('steps', values.steps)),
    isVerbose: values.verbose,
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name} must be a whole number, not ${text}`);
  return Number(text);
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(HELP);
    return;
  }
  const { schedules, seed, first, steps, isVerbose } = options;
  const figures = new Figures();
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  let done = 0;
  let toldAt = began;
  let isInterrupted = false;
  process.on('SIGINT', () => {
    isInterrupted = true;
  });
  process.stderr.write(`seed ${seed}\n`);
  for (let place = first; place < first + schedules && !isInterrupted; place += 1) {
    const schedule = scheduleOf(seed, place, steps);
    const outcome = run(schedule, isVerbose ? print : undefined);
    figures.merge(outcome.figures);
    done += 1;
    if (outcome.violation !== undefined) {
      process.stderr.write(`schedule ${place}, step ${outcome.stepsRun}: ${outcome.violation.message}\n`);
      tell(schedule, outcome.violation.rule);
      process.stderr.write(
        `\nto repeat: npm run model -- --seed ${seed} --first ${place} --schedules 1 --steps ${steps} --verbose\n`,
      );
      process.exitCode = 1;
      break;
    }
    if (performance.now() - toldAt < PROGRESS_MS) continue;
    toldAt = performance.now();
    process.stderr.write(`${done} of ${schedules} schedules, ${(done / seconds()).toFixed(1)} a second\n`);
    // Signals are heard between turns only.
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.stdout.write(`${figuresText(figures, done, seconds())}seed: ${seed}\n`);
  // A script must not take half of the schedules for all of them.
  if (isInterrupted && process.exitCode === undefined) process.exitCode = STOPPED;
}

/** The shortest schedule that still breaks the rule, with its trace. */
function tell(schedule: Schedule, rule: string): void {
  const short = shrink(schedule, rule);
  process.stderr.write(`\nshortened from ${schedule.steps.length} to ${short.steps.length} steps:\n`);
  const lines: string[] = [];
  const { violation } = run(short, (line) => void lines.push(line));
  for (const line of lines.slice(-TRACE_LINES)) print(line);
  print(violation?.message ?? 'it does not break any more');
}

function print(line: string): void {
  process.stderr.write(`${line.slice(0, 600)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nnpm run model -- --help\n`);
  process.exitCode = 2;
}
