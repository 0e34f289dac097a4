import { type ChildProcess, fork, type Serializable } from 'node:child_process';
import { join } from 'node:path';
import { NODE, ROOT } from '../support/processes.ts';

/** After it, a worker that has not ended is killed. */
const STOP_TIMEOUT_MS = 10_000;

/** Each worker can say that something happened which may not happen in a benchmark. */
export interface Failed {
  readonly type: 'failed';
  readonly detail: string;
}

/** A process of agents, as the benchmark sees it. */
export interface Worker<To, From extends { readonly type: string }> {
  readonly pid: number;
  send(message: To): void;
  /**
   * The first message of that type that matches. Rejects when the process ends or something fails in it, whatever is waited
   * for, and when the time is up.
   */
  hears<T extends From['type']>(
    type: T,
    matches: (message: Extract<From, { type: T }>) => boolean,
    timeoutMs: number,
  ): Promise<Extract<From, { type: T }>>;
  onMessage(listener: (message: From) => void): void;
  stop(): Promise<void>;
}

/** @param program below test/bench: a process that ends when its channel does */
export function startWorker<To extends Serializable, From extends { readonly type: string }>(
  name: string,
  program: string,
  nodeFlags: readonly string[] = [],
): Worker<To, From> {
  const child: ChildProcess = fork(join(ROOT, 'test', 'bench', program), [], {
    execPath: NODE,
    cwd: ROOT,
    execArgv: [...nodeFlags],
  });
  if (child.pid === undefined) throw new Error(`${name} was not started`);
  const listeners = new Set<(message: From) => void>();
  const failures = new Set<(error: Error) => void>();
  let failure: Error | undefined;
  const fail = (error: Error) => {
    failure ??= error;
    for (const tell of failures) tell(failure);
  };
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      fail(new Error(`${name} ended: ${code ?? signal}`));
      resolve();
    });
  });
  child.on('message', (message: From | Failed) => {
    if (isFailed(message)) {
      fail(new Error(`${name}: ${message.detail}`));
      return;
    }
    for (const tell of listeners) tell(message);
  });
  return {
    pid: child.pid,
    send: (message) => child.send(message),
    hears: (type, matches, timeoutMs) =>
      new Promise((resolve, reject) => {
        const settle = (end: () => void) => {
          clearTimeout(timer);
          listeners.delete(look);
          failures.delete(refuse);
          end();
        };
        const refuse = (error: Error) => settle(() => reject(error));
        const look = (message: From) => {
          const found = message as Extract<From, { type: typeof type }>;
          if (message.type === type && matches(found)) settle(() => resolve(found));
        };
        const timer = setTimeout(() => refuse(new Error(`${name}: no ${type} within ${timeoutMs} ms`)), timeoutMs);
        listeners.add(look);
        failures.add(refuse);
        if (failure !== undefined) refuse(failure);
      }),
    onMessage: (listener) => void listeners.add(listener),
    async stop() {
      // It ends by itself then, and writes its profile where one is made.
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

function isFailed(message: { readonly type: string }): message is Failed {
  return message.type === 'failed';
}
