import { readdirSync, readFileSync } from 'node:fs';

/** A process by what cannot change while it is the same one: pids are used again. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks from the start of the system to its own (proc(5), field 22 of stat). */
  readonly startTime: string;
}

/** A kubelet that runs with this device's configuration. */
export interface FoundKubelet extends ProcessId {
  /** Whether this or an earlier agent has started it; otherwise somebody else has, systemd for example. */
  readonly isOurs: boolean;
}

/** What the system says of its processes. Each is undefined for one that has ended, or that we may not look at. */
export interface ProcessTable {
  pids(): readonly number[];
  argumentsOf(pid: number): readonly string[] | undefined;
  /** `NAME=value`. */
  environmentOf(pid: number): readonly string[] | undefined;
  startTimeOf(pid: number): string | undefined;
}

/** In the environment of each kubelet that an agent starts, with the path of the configuration: so the next agent knows it. */
export const MARK = 'HAWSER_KUBELET';

/**
 * Kubelets with this configuration. They are looked for among all processes, in place of a file with a pid: such a file is missing when
 * the agent is killed just before it is written, and outlives a reboot.
 */
export function findKubelets(config: string, processes: ProcessTable): readonly FoundKubelet[] {
  const flag = `--config=${config}`;
  return processes.pids().flatMap((pid) => {
    if (processes.argumentsOf(pid)?.includes(flag) !== true) return [];
    const startTime = processes.startTimeOf(pid);
    if (startTime === undefined) return [];
    return [{ pid, startTime, isOurs: processes.environmentOf(pid)?.includes(`${MARK}=${config}`) === true }];
  });
}

export function isRunning({ pid, startTime }: ProcessId, processes: ProcessTable): boolean {
  return processes.startTimeOf(pid) === startTime;
}

/** Linux's (proc(5)). */
export const systemProcesses: ProcessTable = {
  pids: () => readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : [])),
  argumentsOf: (pid) => wordsIn(`/proc/${pid}/cmdline`),
  environmentOf: (pid) => wordsIn(`/proc/${pid}/environ`),
  startTimeOf: (pid) => {
    // The second field is the name of the program, which may hold spaces and parentheses.
    const fields = read(`/proc/${pid}/stat`)
      ?.replace(/^.*\) /s, '')
      .split(' ');
    // One that has ended and that nobody has asked about yet (Z) is no more.
    return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
  },
};

function wordsIn(path: string): readonly string[] | undefined {
  return read(path)?.split('\0');
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It has ended meanwhile, or is another user's.
    return undefined;
  }
}
