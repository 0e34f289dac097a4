import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import { type FoundKubelet, isRunning, type ProcessTable } from './processes.ts';
import { MANY_ENDS, QUIET_MS, restartWaitMs } from './restarts.ts';

/** What the one kubelet of a device is doing. */
export type KubeletState =
  /** Before the start and after the end of the agent. */
  | { readonly name: 'stopped' }
  /** A kubelet of an agent that was killed is being ended. */
  | { readonly name: 'clearing'; readonly pids: readonly number[] }
  /** Somebody else runs one with this configuration: two at once would tear at the same pods. */
  | { readonly name: 'blocked'; readonly pids: readonly number[] }
  /** `ends`: how often it has ended in a row before. */
  | { readonly name: 'running'; readonly pid: number; readonly version: string; readonly ends: number }
  /** It has ended, or could not be started; the next attempt comes after a wait. */
  | {
      readonly name: 'waiting';
      readonly why: string;
      /** In a row. */
      readonly ends: number;
      /** What it has said last, where it ends again and again; else nothing. */
      readonly lastLines: readonly string[];
    }
  | { readonly name: 'stopping'; readonly pid: number };

/** How a process came to its end: `ended with code 1`. */
export type Ending = string;

/** A kubelet that was started here. */
export interface KubeletProcess {
  readonly pid: number;
  /** Resolves when it has ended and its last lines have been read; never rejects. */
  readonly ended: Promise<Ending>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export interface Started {
  readonly process: KubeletProcess;
  /** `v1.36.2` */
  readonly version: string;
}

export interface SupervisorOptions {
  /** Writes its files and starts it. May be called again after each end. @throws when it cannot be started now */
  readonly start: () => Promise<Started>;
  /** Kubelets with this configuration that run already. */
  readonly find: () => readonly FoundKubelet[];
  readonly signal: (pid: number, signal: 'SIGTERM' | 'SIGKILL') => void;
  readonly processes: ProcessTable;
  /** The last lines that it has said. */
  readonly tail: () => readonly string[];
  readonly onState: (state: KubeletState) => void;
  readonly clock: Pick<Clock, 'after'>;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

export interface Supervisor {
  readonly state: () => KubeletState;
  /** Resolves when it runs, or the first attempt has failed; attempts go on. */
  start(): Promise<void>;
  /** Ends it in order. Pods go on: a kubelet that ends stops no containers. May be called at any time. */
  stop(): Promise<void>;
}

/** After SIGTERM, in milliseconds; a kubelet writes nothing at its end and needs a moment. Then SIGKILL, which loses nothing either. */
const STOP_MS = 5_000;
/** After SIGKILL. What has not ended then hangs in the kernel (a dead network volume): the agent ends without it, the next one finds it. */
const KILL_MS = 3_000;
/** Between two looks whether a process that is not our child has ended: no event tells. */
const LOOK_MS = 100;
/** Before it is looked again whether the other kubelet has gone. */
const BLOCKED_MS = 10_000;

/** Keeps one kubelet running. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { clock, logger, processes } = options;
  let state: KubeletState = { name: 'stopped' };
  let isStopping = false;
  let ends = 0;
  let current: KubeletProcess | undefined;
  let cancelTimer = () => {};
  let cancelQuiet = () => {};
  /** The attempt under way: whoever stops waits for it. */
  let attempt = Promise.resolve();

  function enter(next: KubeletState): void {
    state = next;
    options.onState(next);
  }

  function tryNow(): Promise<void> {
    attempt = begin().catch((error: unknown) => {
      failed(error instanceof Error ? error.message : String(error));
    });
    return attempt;
  }
  function tryAfter(milliseconds: number): void {
    if (isStopping) return;
    cancelTimer = clock.after(milliseconds, () => void tryNow());
  }

  async function begin(): Promise<void> {
    if (isStopping || !(await clear()) || isStopping) return;
    const { process, version } = await options.start();
    current = process;
    enter({ name: 'running', pid: process.pid, version, ends });
    logger.info({ pid: process.pid, version }, 'kubelet started');
    cancelQuiet = clock.after(QUIET_MS, () => {
      ends = 0;
    });
    void process.ended.then((ending) => {
      cancelQuiet();
      current = undefined;
      if (!isStopping) failed(ending);
    });
  }

  function failed(why: string): void {
    if (isStopping) return;
    ends += 1;
    const waitMs = restartWaitMs(ends);
    const lastLines = ends < MANY_ENDS ? [] : options.tail();
    enter({ name: 'waiting', why, ends, lastLines });
    if (ends < MANY_ENDS) logger.warn({ why, againInMs: waitMs }, 'kubelet does not run');
    else logger.error({ why, ends, againInMs: waitMs, lastLines }, 'kubelet ends again and again');
    tryAfter(waitMs);
  }

  /** Ends what an earlier agent has left behind. @returns false where somebody else's is in the way: it is tried again then */
  async function clear(): Promise<boolean> {
    const found = options.find();
    const others = found.filter(({ isOurs }) => !isOurs);
    if (others.length > 0) {
      const pids = others.map(({ pid }) => pid);
      if (state.name !== 'blocked') {
        logger.error(
          { pids },
          'another kubelet runs with this configuration: stop it, or leave it to systemd with --kubelet=external',
        );
      }
      enter({ name: 'blocked', pids });
      tryAfter(BLOCKED_MS);
      return false;
    }
    if (found.length === 0) return true;
    const pids = found.map(({ pid }) => pid);
    logger.warn({ pids }, 'a kubelet of an agent that was killed is ended, and started anew');
    enter({ name: 'clearing', pids });
    await Promise.all(found.map(endForeign));
    return true;
  }

  /** It is nobody's child here: it is looked at again and again, up to the bound, and then it is killed. */
  async function endForeign(kubelet: FoundKubelet): Promise<void> {
    options.signal(kubelet.pid, 'SIGTERM');
    for (let waitedMs = 0; isRunning(kubelet, processes) && !isStopping; waitedMs += LOOK_MS) {
      if (waitedMs === STOP_MS) options.signal(kubelet.pid, 'SIGKILL');
      await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
    }
  }

  async function end(process: KubeletProcess): Promise<void> {
    enter({ name: 'stopping', pid: process.pid });
    process.kill('SIGTERM');
    let cancel = () => {};
    const givenUp = new Promise<undefined>((resolve) => {
      cancel = clock.after(STOP_MS, () => {
        logger.warn({ pid: process.pid, afterMs: STOP_MS }, 'kubelet does not stop: it is killed');
        process.kill('SIGKILL');
        cancel = clock.after(KILL_MS, () => resolve(undefined));
      });
    });
    const how = await Promise.race([process.ended, givenUp]);
    cancel();
    if (how === undefined) logger.error({ pid: process.pid }, 'kubelet cannot be ended: it hangs in the kernel');
    else logger.info({ how }, 'kubelet stopped');
  }

  return {
    state: () => state,
    start: tryNow,
    async stop() {
      isStopping = true;
      cancelTimer();
      await attempt;
      if (current !== undefined) await end(current);
      enter({ name: 'stopped' });
    },
  };
}
