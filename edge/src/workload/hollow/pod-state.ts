import type { PodSpec } from './pod-spec.ts';

/**
 * A simulated kubelet's mind about one pod. All times are milliseconds since 1970.
 *
 * | stage | meaning | left by |
 * |---|---|---|
 * | mounting | waits for the ConfigMaps and Secrets of its volumes | all there → sandbox; deletion → stopping |
 * | sandbox | network and sandbox are made | time → running; deletion → stopping |
 * | running | init containers, then containers; each with its own state | all ended for good → finished; deletion → stopping |
 * | stopping | being deleted: containers are asked to end | time → stopped |
 * | finished | Succeeded or Failed; nothing starts any more | deletion → stopped |
 * | stopped | nothing of it is left on the device: it may be removed | — |
 */
export type PodStage =
  | { readonly name: 'mounting' }
  | { readonly name: 'sandbox'; readonly until: number }
  | { readonly name: 'running' }
  | { readonly name: 'stopping'; readonly until: number }
  | { readonly name: 'finished'; readonly phase: FinalPhase }
  | { readonly name: 'stopped'; readonly phase: FinalPhase };

export type FinalPhase = 'Succeeded' | 'Failed';

/**
 * | state | meaning | left by |
 * |---|---|---|
 * | pending | its turn has not come | its turn → creating |
 * | creating | image and container are made | time → running or blocked |
 * | blocked | its environment cannot be made: CreateContainerConfigError | what is missing arrives → creating |
 * | running | `exit` says how and when it will end, if it will | time → backOff or exited; end of the pod → exited |
 * | backOff | it ended and starts again at `until` | time → creating |
 * | exited | it ended for good | — |
 */
export type ContainerState =
  | { readonly name: 'pending' }
  | { readonly name: 'creating'; readonly until: number }
  | { readonly name: 'blocked'; readonly message: string }
  | { readonly name: 'running'; readonly startedAt: number; readonly exit: PlannedExit | undefined }
  | { readonly name: 'backOff'; readonly end: Termination; readonly until: number }
  | { readonly name: 'exited'; readonly end: Termination };

export interface PlannedExit {
  readonly code: number;
  readonly at: number;
}

export interface Termination {
  readonly exitCode: number;
  readonly reason: string;
  /** Undefined for a container that was never seen to run. */
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

export interface ContainerRun {
  readonly state: ContainerState;
  /** How the run before this one ended. */
  readonly last: Termination | undefined;
  readonly restartCount: number;
}

export interface PodState {
  readonly stage: PodStage;
  /** When the device took the pod on. */
  readonly startTime: number;
  /** Parallel to the containers of the spec, which never change. */
  readonly initContainers: readonly ContainerRun[];
  readonly containers: readonly ContainerRun[];
}

export const FRESH_RUN: ContainerRun = { state: { name: 'pending' }, last: undefined, restartCount: 0 };

/** A pod that the device sees for the first time. */
export function admitted(pod: PodSpec, now: number): PodState {
  return {
    stage: { name: 'mounting' },
    startTime: now,
    initContainers: pod.initContainers.map(() => FRESH_RUN),
    containers: pod.containers.map(() => FRESH_RUN),
  };
}
