import { type Exit, exitOf } from './exit-plan.ts';
import type { ContainerSpec, PodSpec } from './pod-spec.ts';
import type { ContainerRun, ContainerState, Termination } from './pod-state.ts';
import type { HollowTimings } from './timings.ts';

/** How one container of a pod behaves. */
export interface Behaviour {
  readonly timings: HollowTimings;
  /** When it ends by itself; undefined when it runs on. */
  readonly exit: Exit | undefined;
  readonly restarts: (exitCode: number) => boolean;
  /** Why its environment cannot be made now; undefined when it can. */
  readonly problem: () => string | undefined;
}

/** A kubelet waits 10 s before the second restart and doubles up to 5 min (Pod lifecycle, "Container restart policy"). */
const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 300_000;
/** After that long a run the waits begin anew. */
const BACKOFF_RESET_MS = 600_000;

/** The exit code of a container that was killed, or of which nothing is known (128 + SIGKILL). */
const KILLED = 137;

export function initBehaviour(pod: PodSpec, spec: ContainerSpec, timings: HollowTimings): Omit<Behaviour, 'problem'> {
  return {
    timings,
    exit: spec.isSidecar ? undefined : { code: 0, afterMs: timings.initMs },
    restarts: (exitCode) => spec.isSidecar || (exitCode !== 0 && pod.restartPolicy !== 'Never'),
  };
}

export function mainBehaviour(pod: PodSpec, spec: ContainerSpec, timings: HollowTimings): Omit<Behaviour, 'problem'> {
  return {
    timings,
    exit: exitOf(pod.annotations, spec.name),
    restarts: (exitCode) => pod.restartPolicy === 'Always' || (pod.restartPolicy === 'OnFailure' && exitCode !== 0),
  };
}

/** The next thing that is due for a container whose turn has come; the same run when there is none. */
export function stepContainer(run: ContainerRun, behaviour: Behaviour, now: number): ContainerRun {
  const { state } = run;
  const { timings } = behaviour;
  switch (state.name) {
    case 'pending':
      return withState(run, { name: 'creating', until: now + timings.containerMs });
    case 'creating': {
      if (now < state.until) return run;
      const message = behaviour.problem();
      return withState(run, message === undefined ? runningSince(now, behaviour) : { name: 'blocked', message });
    }
    case 'blocked': {
      const message = behaviour.problem();
      if (message === undefined) return withState(run, { name: 'creating', until: now + timings.containerMs });
      return message === state.message ? run : withState(run, { name: 'blocked', message });
    }
    case 'running': {
      const { exit, startedAt } = state;
      if (exit === undefined || now < exit.at) return run;
      const end = terminationOf(exit.code, startedAt, exit.at);
      if (!behaviour.restarts(exit.code)) return withState(run, { name: 'exited', end });
      return withState(run, { name: 'backOff', end, until: exit.at + restartDelay(run.restartCount, exit.at - startedAt) });
    }
    case 'backOff':
      if (now < state.until) return run;
      return { state: { name: 'creating', until: now }, last: state.end, restartCount: run.restartCount + 1 };
    case 'exited':
      return run;
  }
}

export function runningSince(startedAt: number, { exit }: Pick<Behaviour, 'exit'>): ContainerState {
  return { name: 'running', startedAt, exit: exit === undefined ? undefined : { code: exit.code, at: startedAt + exit.afterMs } };
}

/**
 * The end of the container with its pod: what runs ends in good order.
 * @param neverRan what becomes of one that has not started: it stays, or its end is told as unknown
 */
export function endedWithPod(run: ContainerRun, now: number, neverRan: 'stays' | 'isUnknown'): ContainerRun {
  const { state } = run;
  switch (state.name) {
    case 'running':
      return withState(run, { name: 'exited', end: terminationOf(0, state.startedAt, now) });
    case 'backOff':
      return withState(run, { name: 'exited', end: state.end });
    case 'pending':
    case 'creating':
    case 'blocked':
      return neverRan === 'stays' ? run : withState(run, { name: 'exited', end: UNKNOWN_END });
    case 'exited':
      return run;
  }
}

const UNKNOWN_END: Termination = {
  exitCode: KILLED,
  reason: 'ContainerStatusUnknown',
  startedAt: undefined,
  finishedAt: undefined,
};

/** From its end to its next start, in milliseconds; the first restart is at once. */
export function restartDelay(restartCount: number, ranMs: number): number {
  if (restartCount === 0 || ranMs >= BACKOFF_RESET_MS) return 0;
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(restartCount - 1, 10));
}

/** Whether a container that runs has passed its startup probe, and its readiness probe. */
export function startedAndReady(spec: ContainerSpec, state: ContainerState, now: number): { started: boolean; ready: boolean } {
  if (state.name !== 'running') return { started: false, ready: false };
  const startedAt = state.startedAt + spec.startupDelayMs;
  return { started: now >= startedAt, ready: now >= startedAt + spec.readinessDelayMs };
}

/** All times at which something about it changes by itself. */
export function dueTimes(spec: ContainerSpec, { state }: ContainerRun): number[] {
  switch (state.name) {
    case 'creating':
    case 'backOff':
      return [state.until];
    case 'running': {
      const startedAt = state.startedAt + spec.startupDelayMs;
      return [startedAt, startedAt + spec.readinessDelayMs, ...(state.exit === undefined ? [] : [state.exit.at])];
    }
    default:
      return [];
  }
}

function terminationOf(exitCode: number, startedAt: number, finishedAt: number): Termination {
  return { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt, finishedAt };
}

function withState(run: ContainerRun, state: ContainerState): ContainerRun {
  return { ...run, state };
}
