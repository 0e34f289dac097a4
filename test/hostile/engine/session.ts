import { inputAt } from './inputs.ts';
import { judge } from './judge.ts';
import { Meter } from './meter.ts';
import { minimise } from './minimise.ts';
import type { Failure, Opened, Target } from './target.ts';

/** Different failures of one target after which it is left: its first is to be mended first. */
const MOST_FAILURES = 5;
/** Between two signs of life, in milliseconds. */
const PROGRESS_MS = 1_000;
/** So many inputs are tried before costs are looked at: the compiler and all first calls are through then. */
const WARM_UP = 20;

export interface SessionOptions {
  readonly target: Target;
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  readonly first: number;
  readonly runs: number;
  readonly ms: number;
  readonly inputs?: readonly Uint8Array[] | undefined;
  /** Before an input is made. */
  readonly onMaking: (place: number) => void;
  /** Before it is given to the target. */
  readonly onInput: (place: number, input: Uint8Array) => void;
  readonly onFound: (place: number, failure: Failure, input: Uint8Array) => void;
  readonly onProgress: (done: number) => void;
}

/** Gives inputs to one target until the runs or the time are over. @returns how many there were */
export async function runSession(options: SessionOptions): Promise<number> {
  const { target, corpus, seed, first, inputs } = options;
  const runs = inputs === undefined ? options.runs : Math.min(options.runs, inputs.length);
  const meter = new Meter();
  const known = new Set<string>();
  let opened = await target.open();
  const reopen = async () => {
    await opened.close?.();
    opened = await target.open();
  };
  const began = performance.now();
  let toldAt = began;
  let done = 0;
  try {
    for (const input of corpus.slice(0, WARM_UP)) await quietly(opened, input);
    await reopen();
    meter.settle();
    while (done < runs && performance.now() - began < options.ms && known.size < MOST_FAILURES) {
      const place = first + done;
      options.onMaking(place);
      const input = inputs?.[done] ?? inputAt(target, corpus, seed, place);
      options.onInput(place, input);
      const failure = await judge(opened, target.bounds, input, meter);
      done += 1;
      if (failure !== undefined) {
        const key = keyOf(failure);
        await reopen();
        if (!known.has(key)) {
          known.add(key);
          const shorter = await minimise(input, async (candidate) => {
            options.onInput(place, candidate);
            const again = await judge(opened, target.bounds, candidate, meter);
            if (again !== undefined) await reopen();
            return again !== undefined && keyOf(again) === key;
          });
          options.onFound(place, failure, shorter);
        }
      }
      if (performance.now() - toldAt < PROGRESS_MS) continue;
      toldAt = performance.now();
      options.onProgress(done);
      // Timers and signals are heard between turns only.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await opened.close?.();
    meter.close();
  }
  return done;
}

/** A failure in the warm-up is found again when it counts. */
async function quietly(opened: Opened, input: Uint8Array): Promise<void> {
  try {
    await opened.run(Uint8Array.from(input));
  } catch {
    return;
  }
}

/** The same fault found twice is one: kind, error and place in the code, without numbers. */
function keyOf({ kind, message }: Failure): string {
  if (kind !== 'crash') return kind;
  const [error = '', ...frames] = message.split('\n');
  const frame = frames.find((line) => line.includes('/src/')) ?? frames[0] ?? '';
  return `${kind} ${error.slice(0, 60).replaceAll(/\d+/g, 'N')} ${frame.trim()}`;
}
