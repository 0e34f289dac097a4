import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { NODE, ROOT } from '../../support/processes.ts';
import type { FromAgents, ToAgents } from './messages.ts';

/** A process of agents, as the benchmark sees it. */
export interface Worker {
  /** Rejects when the process ends or something fails in it, whatever is waited for. */
  send(message: ToAgents): void;
  /** The first message of that type that matches. */
  hears<T extends FromAgents['type']>(
    type: T,
    matches: (message: Extract<FromAgents, { type: T }>) => boolean,
    timeoutMs: number,
  ): Promise<Extract<FromAgents, { type: T }>>;
  onMessage(listener: (message: FromAgents) => void): void;
  stop(): Promise<void>;
}

export function startWorker(name: string): Worker {
  const child: ChildProcess = fork(join(ROOT, 'test', 'bench', 'fanout', 'agents.ts'), [], {
    execPath: NODE,
    cwd: ROOT,
    execArgv: [],
  });
  const listeners = new Set<(message: FromAgents) => void>();
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
  child.on('message', (message: FromAgents) => {
    if (message.type === 'failed') fail(new Error(`${name}: ${message.detail}`));
    for (const tell of listeners) tell(message);
  });
  return {
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
        const look = (message: FromAgents) => {
          const found = message as Extract<FromAgents, { type: typeof type }>;
          if (message.type === type && matches(found)) settle(() => resolve(found));
        };
        const timer = setTimeout(() => refuse(new Error(`${name}: no ${type} within ${timeoutMs} ms`)), timeoutMs);
        listeners.add(look);
        failures.add(refuse);
        if (failure !== undefined) refuse(failure);
      }),
    onMessage: (listener) => void listeners.add(listener),
    stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      return exited;
    },
  };
}
