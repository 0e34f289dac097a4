import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import { unitLines } from './arguments.ts';
import { writeKubeletFiles } from './files.ts';
import { usualKubelet } from './find.ts';
import { createLogRelay } from './log-relay.ts';
import type { KubeletPlan, KubeletProgram } from './plan.ts';
import { findKubelets, type ProcessTable, systemProcesses } from './processes.ts';
import { kubeletEnvironment, spawnKubelet } from './spawn.ts';
import { createSupervisor, type KubeletState } from './supervisor.ts';

export type RunnerState = KubeletState | { readonly name: 'external' };

export interface RunnerStats {
  readonly state: RunnerState['name'];
  readonly starts: number;
  /** Ends that nobody asked for, and starts that failed. */
  readonly ends: number;
  readonly linesLeftOut: number;
}

/** The kubelet of this device, from its first start to the agent's end. */
export interface KubeletRunner {
  /**
   * Once the local API listens; a link is not waited for. Does not wait for a kubelet that does not run: it is tried again.
   * @throws HawserError `bad_config` where systemd runs it and its files cannot be written
   */
  start(): Promise<void>;
  /** Ends it; its pods go on. */
  stop(): Promise<void>;
  stats(): RunnerStats;
}

export interface KubeletRunnerOptions {
  readonly plan: KubeletPlan;
  readonly nodeName: string;
  /** How it reaches the local API, as text. Called before each start. */
  readonly kubeconfig: () => string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onState: (state: RunnerState) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: the system's. */
  readonly processes?: ProcessTable;
}

export function createKubeletRunner(options: KubeletRunnerOptions): KubeletRunner {
  const { program } = options.plan;
  return program === undefined ? externalRunner(options) : managedRunner(options, program);
}

function managedRunner(
  { plan, nodeName, kubeconfig, environment, onState, clock, logger, processes = systemProcesses }: KubeletRunnerOptions,
  program: KubeletProgram,
): KubeletRunner {
  const { paths, args } = plan;
  const log = createLogRelay({ clock, logger: logger.child({ component: 'kubelet' }) });
  let starts = 0;
  let ends = 0;
  const supervisor = createSupervisor({
    async start() {
      const version = await program.version();
      await writeKubeletFiles(plan, nodeName, kubeconfig());
      const env = kubeletEnvironment(environment, paths.config);
      const started = await spawnKubelet({ program: program.path, args, env, onLine: log.line });
      starts += 1;
      return { process: started, version };
    },
    find: () => findKubelets(paths.config, processes),
    signal: signalOther,
    processes,
    tail: log.tail,
    onState(state) {
      if (state.name === 'waiting') ends += 1;
      onState(state);
    },
    clock,
    logger,
  });
  return {
    async start() {
      if (process.geteuid?.() !== 0)
        logger.warn('the agent is not root, and kubelets usually need to be: they mount and make cgroups');
      void supervisor.start();
    },
    async stop() {
      await supervisor.stop();
      log.end();
    },
    stats: () => ({ state: supervisor.state().name, starts, ends, linesLeftOut: log.leftOut() }),
  };
}

function externalRunner({ plan, nodeName, kubeconfig, environment, onState, logger }: KubeletRunnerOptions): KubeletRunner {
  return {
    async start() {
      await writeKubeletFiles(plan, nodeName, kubeconfig());
      onState({ name: 'external' });
      logger.info(
        { unit: unitLines(plan.paths, usualKubelet(environment.PATH)) },
        'the kubelet is left to systemd, with these lines in its unit',
      );
    },
    stop: async () => {},
    stats: () => ({ state: 'external', starts: 0, ends: 0, linesLeftOut: 0 }),
  };
}

function signalOther(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
