import type { JsonObject } from '@hawser/protocol';
import { timestamp } from '../../api/clock.ts';
import { conditionsOf } from './conditions.ts';
import { containerStatus, hasRun } from './container-status.ts';
import { isInitialized, withSpecs } from './machine.ts';
import { ownConditions } from './pod-conditions.ts';
import type { ContainerSpec, PodSpec } from './pod-spec.ts';
import type { ContainerRun, PodState } from './pod-state.ts';

export interface StatusInputs {
  readonly pod: PodSpec;
  readonly state: PodState;
  /** The status as it is served now: transition times and what others wrote are kept from it. */
  readonly current: JsonObject;
  readonly now: Date;
  readonly hostIp: string;
  /** Reported with the first container that starts. */
  readonly podIp: string;
}

/** The PodStatus that a kubelet would report. Fields and conditions that a kubelet does not own are those of `current`. */
export function statusOf(inputs: StatusInputs): JsonObject {
  const { pod, state, current, hostIp, podIp } = inputs;
  const { observedGeneration, phase: _phase, conditions: _conditions, ...rest } = current;
  const status: JsonObject = {
    ...rest,
    ...(pod.generation === undefined
      ? observedGeneration === undefined
        ? {}
        : { observedGeneration }
      : { observedGeneration: pod.generation }),
    phase: phaseOf(state, pod),
    conditions: conditionsOf(ownConditions(pod, state, current, inputs.now), current.conditions, pod.generation, inputs.now),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    startTime: timestamp(new Date(state.startTime)),
  };
  if (hasAnyRun(state)) {
    status.podIP = podIp;
    status.podIPs = [{ ip: podIp }];
  }
  const own = ([run, spec]: [ContainerRun, ContainerSpec]) => containerStatus(pod, spec, run, inputs.now);
  if (pod.initContainers.length > 0) status.initContainerStatuses = withSpecs(state.initContainers, pod.initContainers).map(own);
  status.containerStatuses = withSpecs(state.containers, pod.containers).map(own);
  return status;
}

function hasAnyRun({ initContainers, containers }: PodState): boolean {
  return [...initContainers, ...containers].some((run) => run.last !== undefined || hasRun(run));
}

/** The kubelet's rules for the phase (kubelet_pods.go, getPhase), over this machine's states. */
function phaseOf(state: PodState, pod: PodSpec): string {
  const { stage } = state;
  if (stage.name === 'finished' || stage.name === 'stopped') return stage.phase;
  if (!isInitialized(state, pod)) return 'Pending';
  const names = state.containers.map((run) => run.state.name);
  // A container that waits for its first start keeps the pod Pending.
  const waitsForFirst = state.containers.some(({ state: { name }, last }) => isWaiting(name) && last === undefined);
  return waitsForFirst || names.length === 0 ? 'Pending' : 'Running';
}

function isWaiting(name: ContainerRun['state']['name']): boolean {
  return name === 'pending' || name === 'creating' || name === 'blocked';
}
