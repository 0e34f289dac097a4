import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { checkOutput, secretsIn } from './output-check.ts';
import { stalls } from './stalls.ts';

/** The repository's root: commands are started from it. */
export const ROOT = join(import.meta.dirname, '..', '..');

/** The project's own Node 24, whatever Node started this. */
export const NODE = join(ROOT, 'node_modules', '.bin', 'node');

/**
 * Folder of the two commands as `npm run build` makes them, which `npm test` does once before all tests: a bundle starts in a third of
 * the processor time that the sources take. Without it the sources run.
 */
const BUILT = process.env.HAWSER_TEST_COMMANDS;
const BUNDLES: Readonly<Record<string, string>> = {
  'cloud/src/main.ts': 'hawser-relay.mjs',
  'edge/src/main.ts': 'hawser-agent.mjs',
};

export interface ProcessOptions {
  /** For messages: "relay", "agent edge-1". */
  readonly name: string;
  /** Arguments of Node: a script's path from the root, and its own arguments. */
  readonly args: readonly string[];
  /** Words before Node's own: a command that runs it, such as `setpriv … --`. */
  readonly before?: readonly string[];
  /** Node's program. Default: the project's own, `NODE`. */
  readonly node?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** All output goes there as well, each line before it can be waited for. */
  readonly logFile?: string;
  /** In a group of its own: Ctrl-C in the terminal reaches only who started it, and that one has to end it. Default false. */
  readonly ownGroup?: boolean;
  /** Its output is for showing what is secret: "get --show-secrets", "kubeconfig". Default false. */
  readonly showsSecrets?: boolean;
}

export type LogLine = Readonly<Record<string, unknown>>;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of ours, by its id; its lines of JSON on stdout and stderr can be waited for. */
export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Every line so far that was JSON. */
  readonly lines: readonly LogLine[];
  /** The last lines of output, for the message of a failure. */
  tail(): string;
  /** The first line, past or to come, that matches. @throws when the process ends first, or after the deadline, 60 s by default */
  line(what: string, matches: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  /** SIGTERM, and SIGKILL when it has not ended after 30 s. Resolves when it has ended. */
  stop(): Promise<Exit>;
  /** SIGKILL: what a power cut is to a process. Resolves when it has ended. */
  kill(): Promise<Exit>;
}

/** Output kept for failures, in lines; the log file has all of it. */
const TAIL_LINES = 40;
/** On machines of few cores that do other things too, a start alone may take some ten seconds. */
const LINE_TIMEOUT_MS = 60_000;
/** An agent gives its kubelet 8 s, a relay its devices a few; the rest is for slow machines. */
const STOP_TIMEOUT_MS = 30_000;

export function startProcess(options: ProcessOptions): RunningProcess {
  // What ps shows of it as long as it runs.
  const [secret] = secretsIn(options.args.join(' '));
  if (secret !== undefined) throw new Error(`${options.name} is started with ${secret}`);
  const [command = NODE, ...args] = [...(options.before ?? []), options.node ?? NODE, ...built(options.args)];
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...withoutSettings(process.env), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.ownGroup ?? false,
  });
  if (child.pid === undefined) throw new Error(`${options.name} did not start: is node_modules installed?`);
  const log = options.logFile === undefined ? undefined : openSync(options.logFile, 'a', 0o600);
  const check = checkOutput(options.name);
  const endPulses = stalls?.pulse(child.pid);
  const hear = hearing();
  const lines: LogLine[] = [];
  const tail: string[] = [];
  const waiters = new Set<() => void>();
  // Only then has all been read that it has said: its exit may be known before.
  let isClosed = false;
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      endPulses?.();
      hear(() => {
        isClosed = true;
        if (log !== undefined) closeSync(log);
        check.end();
        resolve({ code, signal });
        for (const wake of waiters) wake();
      });
    });
  });
  const takeLine = (text: string) => {
    if (log !== undefined) writeSync(log, `${text}\n`);
    check.line(text);
    tail.push(text);
    if (tail.length > TAIL_LINES) tail.shift();
    const line = parseLine(text);
    if (line === undefined) return;
    lines.push(line);
    for (const wake of waiters) wake();
  };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (text) => hear(() => takeLine(text)));
  }
  const said = () => tail.join('\n');
  return {
    name: options.name,
    pid: child.pid,
    exited,
    lines,
    tail: said,
    line: (what, matches, timeoutMs = LINE_TIMEOUT_MS) =>
      new Promise((resolve, reject) => {
        const settle = (result: () => void) => {
          clearTimeout(timer);
          waiters.delete(look);
          result();
        };
        const look = () => {
          const found = lines.find(matches);
          if (found !== undefined) settle(() => resolve(found));
          else if (isClosed) {
            settle(() => reject(new Error(`${options.name} ended before ${what}; its last output:\n${said()}`)));
          }
        };
        const timer = setTimeout(
          () =>
            settle(() =>
              reject(new Error(`${options.name}: ${what} did not come within ${timeoutMs} ms; last output:\n${said()}`)),
            ),
          timeoutMs,
        );
        waiters.add(look);
        look();
      }),
    stop: () => end(child, exited, 'SIGTERM'),
    kill: () => end(child, exited, 'SIGKILL'),
  };
}

/** Runs a command to its end. Never throws for an exit code: that is what a test looks at. */
export async function runCommand(options: ProcessOptions): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  const [command = NODE, ...args] = [...(options.before ?? []), options.node ?? NODE, ...built(options.args)];
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...withoutSettings(process.env), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const exit = await new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const check = checkOutput(options.name);
  for (const text of options.showsSecrets === true ? [output.stderr] : [output.stdout, output.stderr]) check.line(text);
  check.end();
  return { ...exit, ...output };
}

/** What a process says is taken at once, or, by `HAWSER_TEST_STALLS`, late and in the same order. */
function hearing(): (take: () => void) => void {
  if (stalls === undefined) return (take) => take();
  const { pause } = stalls;
  let heard = Promise.resolve();
  return (take) => {
    heard = heard.then(pause).then(take);
  };
}

function built(args: readonly string[]): string[] {
  return args.map((arg) => (BUILT !== undefined && arg in BUNDLES ? join(BUILT, BUNDLES[arg] ?? arg) : arg));
}

/** Settings in the environment of who starts a test or the demonstration are for commands of theirs, and mean other files. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('HAWSER_')));
}

async function end(child: ChildProcess, exited: Promise<Exit>, signal: NodeJS.Signals): Promise<Exit> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  const exit = await exited;
  clearTimeout(timer);
  return exit;
}

function parseLine(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // A line that only looks like JSON is plain output: it is in the log and in the tail.
    return undefined;
  }
}
