import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CurrentInput } from './current-input.ts';
import type { Job, WorkerMessage } from './messages.ts';
import type { FailureKind } from './target.ts';

/** A worker that has said nothing for so long is in a loop, in milliseconds: it speaks once a second, and a noisy machine is slow. */
const SILENCE_MS = 40_000;
/** Heap of the worker, in MB: what is kept beyond it ends it, and is found. */
const HEAP_MB = 384;
/** Of the young generation, in MB: garbage that waits there counts as memory of the input that made it. */
const YOUNG_MB = 2;
/** What the worker said last on standard error, in characters: why it died. */
const LAST_WORDS = 4_000;
/** Deaths of one target after which it is left. */
const MOST_DEATHS = 3;

export interface Found {
  readonly target: string;
  readonly place: number;
  readonly kind: FailureKind;
  readonly message: string;
  readonly input: Uint8Array;
}

export interface FuzzOptions {
  /** URL of a module that exports `TARGETS`. */
  readonly module: string;
  readonly jobs: readonly Job[];
  readonly signal: AbortSignal;
  readonly onFound: (found: Found) => void;
  /** Inputs that the target has had so far. */
  readonly onProgress: (target: string, done: number) => void;
  /** Default {@link SILENCE_MS}. */
  readonly silenceMs?: number;
}

/**
 * Does the jobs one after the other in a process of its own, which is made anew after it has died.
 * @returns inputs that were tried, by target
 * @throws when the worker fails by itself
 */
export async function fuzz(options: FuzzOptions): Promise<ReadonlyMap<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-fuzz-'));
  const worker = new Worker(options, join(folder, 'current'));
  const totals = new Map<string, number>();
  try {
    for (const job of options.jobs) {
      if (options.signal.aborted) break;
      totals.set(job.target, await worker.do(job));
    }
  } finally {
    await worker.end();
    rmSync(folder, { recursive: true });
  }
  return totals;
}

type Ending =
  /** `stopped`: by whoever runs it; `done` is what was last told. */
  { readonly type: 'done' | 'stopped'; readonly done: number } | { readonly type: 'died'; readonly why: string };

class Worker {
  readonly #options: FuzzOptions;
  readonly #currentPath: string;
  #child: ChildProcess | undefined;
  #lastWords = '';

  constructor(options: FuzzOptions, currentPath: string) {
    this.#options = options;
    this.#currentPath = currentPath;
  }

  /** @returns how many inputs there were */
  async do(job: Job): Promise<number> {
    const endMs = performance.now() + job.ms;
    let done = 0;
    for (let deaths = 0; deaths < MOST_DEATHS; deaths += 1) {
      const ms = Math.max(0, endMs - performance.now());
      const rest = { ...job, first: job.first + done, runs: job.runs - done, ms, inputs: job.inputs?.slice(done) };
      const ending = await this.#run(rest, done);
      if (ending.type !== 'died') return done + ending.done;
      if (this.#options.signal.aborted) return done;
      const died = CurrentInput.read(this.#currentPath);
      if (died?.input === undefined) {
        // A fault of the fuzzer, or of what the target needs to begin.
        const when = died === undefined ? `before ${job.target} began` : `while input ${died.place} of ${job.target} was made`;
        throw new Error(`the worker ended ${when}: ${ending.why}`);
      }
      done = died.place - job.first + 1;
      this.#options.onFound({ target: job.target, place: died.place, kind: 'died', message: ending.why, input: died.input });
      if (done >= job.runs) return done;
    }
    return done;
  }

  async end(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const closed = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await closed;
    this.#child = undefined;
  }

  async #run(job: Job, before: number): Promise<Ending> {
    const child = this.#child ?? (await this.#start());
    if (child === undefined) return { type: 'died', why: this.#lastWords };
    const { signal, onFound, onProgress, silenceMs = SILENCE_MS } = this.#options;
    const ended = Promise.withResolvers<Ending>();
    let silence: NodeJS.Timeout | undefined;
    let told = 0;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        ended.resolve({ type: 'died', why: `nothing heard for ${silenceMs} ms: it hangs` });
      }, silenceMs);
    };
    const onMessage = (message: WorkerMessage) => {
      listen();
      if (message.type === 'found') onFound({ target: job.target, ...message });
      if (message.type === 'progress') {
        told = message.done;
        onProgress(job.target, before + told);
      }
      if (message.type === 'done') ended.resolve(message);
      // Nothing was found, and going on would hide that.
      if (message.type === 'fault') ended.reject(new Error(message.message));
    };
    const onExit = (code: number | null, by: string | null) => {
      this.#child = undefined;
      ended.resolve({ type: 'died', why: `ended by ${by ?? `exit code ${code}`}: ${this.#lastWords}` });
    };
    const onAbort = () => ended.resolve({ type: 'stopped', done: told });
    child.on('message', onMessage).once('exit', onExit);
    signal.addEventListener('abort', onAbort, { once: true });
    listen();
    child.send(job);
    const ending = await ended.promise.finally(() => {
      clearTimeout(silence);
      signal.removeEventListener('abort', onAbort);
      child.off('message', onMessage).off('exit', onExit);
    });
    if (ending.type !== 'done') await this.end();
    return ending;
  }

  async #start(): Promise<ChildProcess | undefined> {
    this.#lastWords = '';
    const child = fork(join(import.meta.dirname, 'worker.ts'), [this.#options.module, this.#currentPath], {
      execArgv: [`--max-old-space-size=${HEAP_MB}`, `--max-semi-space-size=${YOUNG_MB}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS);
    });
    const isReady = await new Promise<boolean>((resolve) => {
      child.once('message', () => resolve(true));
      child.once('exit', () => resolve(false));
    });
    this.#child = isReady ? child : undefined;
    return this.#child;
  }
}
