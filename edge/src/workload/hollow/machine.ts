import { type Behaviour, dueTimes, endedWithPod, initBehaviour, mainBehaviour, stepContainer } from './container.ts';
import { configError, type Lookup, unmountable } from './needs.ts';
import type { ContainerSpec, PodSpec } from './pod-spec.ts';
import type { ContainerRun, PodState } from './pod-state.ts';
import type { HollowTimings } from './timings.ts';

export interface StepInputs {
  readonly pod: PodSpec;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly lookup: Lookup;
  /** Whether the tokens for its volumes are there. */
  readonly hasTokens: boolean;
  readonly timings: HollowTimings;
}

/** Steps that one container can take without time passing: created, started, ended, created again, started. */
const STEPS_PER_CONTAINER = 6;
const STEPS_PER_POD = 6;

/**
 * Everything that is due at `now`: a pure function from what was, what is asked for and what time it is to what is now.
 * Driven by level, not by edge: it may be called whenever something may have changed; called again at once it changes nothing.
 */
export function step(state: PodState, inputs: StepInputs): PodState {
  const most = STEPS_PER_POD + STEPS_PER_CONTAINER * (state.containers.length + state.initContainers.length);
  let current = state;
  for (let taken = 0; taken < most; taken++) {
    const next = stepOnce(current, inputs);
    if (next === current) break;
    current = next;
  }
  return current;
}

/** The next time after `now` at which something changes by itself; undefined when only others can change something. */
export function nextDue(state: PodState, pod: PodSpec, now: number): number | undefined {
  const times = allDueTimes(state, pod).filter((time) => time > now);
  return times.length === 0 ? undefined : Math.min(...times);
}

function allDueTimes({ stage, initContainers, containers }: PodState, pod: PodSpec): number[] {
  switch (stage.name) {
    case 'sandbox':
    case 'stopping':
      return [stage.until];
    case 'running':
      return [...withSpecs(initContainers, pod.initContainers), ...withSpecs(containers, pod.containers)].flatMap(([run, spec]) =>
        dueTimes(spec, run),
      );
    default:
      return [];
  }
}

function stepOnce(state: PodState, inputs: StepInputs): PodState {
  const { pod, now, timings } = inputs;
  const { stage } = state;
  const isDeleted = pod.deletionTimestamp !== undefined;
  switch (stage.name) {
    case 'mounting':
      if (isDeleted) return stopping(state, inputs);
      if (!inputs.hasTokens || unmountable(pod, inputs.lookup).length > 0) return state;
      return { ...state, stage: { name: 'sandbox', until: now + timings.sandboxMs } };
    case 'sandbox':
      if (isDeleted) return stopping(state, inputs);
      return now < stage.until ? state : { ...state, stage: { name: 'running' } };
    case 'running':
      return isDeleted ? stopping(state, inputs) : stepContainers(state, inputs);
    case 'stopping':
      return now < stage.until ? state : stopped(state, pod, stage.until);
    case 'finished':
      return isDeleted ? { ...state, stage: { name: 'stopped', phase: stage.phase } } : state;
    case 'stopped':
      return state;
  }
}

/** Init containers one after the other, then all containers side by side. */
function stepContainers(state: PodState, inputs: StepInputs): PodState {
  const { pod, now, timings, lookup } = inputs;
  const problemOf = (spec: ContainerSpec) => () => configError(pod, spec, lookup);
  for (const [index, [run, spec]] of withSpecs(state.initContainers, pod.initContainers).entries()) {
    const behaviour: Behaviour = { ...initBehaviour(pod, spec, timings), problem: problemOf(spec) };
    const next = stepContainer(run, behaviour, now);
    if (next !== run) return { ...state, initContainers: state.initContainers.with(index, next) };
    if (run.state.name === 'exited' && run.state.end.exitCode !== 0)
      return { ...state, stage: { name: 'finished', phase: 'Failed' } };
    if (!isInitDone(run, spec)) return state;
  }
  const containers = withSpecs(state.containers, pod.containers).map(([run, spec]) =>
    stepContainer(run, { ...mainBehaviour(pod, spec, timings), problem: problemOf(spec) }, now),
  );
  const isChanged = containers.some((run, index) => run !== state.containers[index]);
  return isChanged ? { ...state, containers } : finish(state, now);
}

/** Once all containers have ended for good the pod is over, and its sidecars end. */
function finish(state: PodState, now: number): PodState {
  const codes = state.containers.map(exitCodeOf);
  if (codes.length === 0 || codes.includes(undefined)) return state;
  const phase = codes.every((code) => code === 0) ? 'Succeeded' : 'Failed';
  const initContainers = state.initContainers.map((run) => endedWithPod(run, now, 'stays'));
  return { ...state, initContainers, stage: { name: 'finished', phase } };
}

function stopping(state: PodState, { now, timings }: StepInputs): PodState {
  const isAnyRunning = [...state.initContainers, ...state.containers].some((run) => run.state.name === 'running');
  return { ...state, stage: { name: 'stopping', until: isAnyRunning ? now + timings.stopMs : now } };
}

/** What had run ends in good order; what never ran is not known to have succeeded (kubelet, status manager). */
function stopped(state: PodState, pod: PodSpec, now: number): PodState {
  const neverRan = isInitialized(state, pod) ? 'isUnknown' : 'stays';
  const initContainers = state.initContainers.map((run) => endedWithPod(run, now, 'stays'));
  const containers = state.containers.map((run) => endedWithPod(run, now, neverRan));
  const phase = containers.every((run) => exitCodeOf(run) === 0) ? 'Succeeded' : 'Failed';
  return { ...state, initContainers, containers, stage: { name: 'stopped', phase } };
}

/** Whether the containers' turn has come. */
export function isInitialized(state: Pick<PodState, 'initContainers'>, pod: PodSpec): boolean {
  return withSpecs(state.initContainers, pod.initContainers).every(([run, spec]) => isInitDone(run, spec));
}

function isInitDone(run: ContainerRun, spec: ContainerSpec): boolean {
  // A sidecar that has ended with its pod had started.
  if (spec.isSidecar) return run.state.name === 'running' || run.state.name === 'exited';
  return exitCodeOf(run) === 0;
}

function exitCodeOf({ state }: ContainerRun): number | undefined {
  return state.name === 'exited' ? state.end.exitCode : undefined;
}

export function withSpecs(runs: readonly ContainerRun[], specs: readonly ContainerSpec[]): [ContainerRun, ContainerSpec][] {
  return runs.flatMap((run, index): [ContainerRun, ContainerSpec][] => {
    const spec = specs[index];
    return spec === undefined ? [] : [[run, spec]];
  });
}
