import type { JsonObject } from '@hawser/protocol';
import type { Condition } from './conditions.ts';
import { startedAndReady } from './container.ts';
import { array } from './fields.ts';
import { isInitialized, withSpecs } from './machine.ts';
import type { ContainerSpec, PodSpec } from './pod-spec.ts';
import type { ContainerRun, PodState } from './pod-state.ts';

/** What a kubelet says about a pod, in the order in which it does (kubelet, status/generate.go). */
export function ownConditions(pod: PodSpec, state: PodState, current: JsonObject, now: Date): Condition[] {
  const { stage } = state;
  const hasSandbox = stage.name === 'running' || stage.name === 'stopping';
  const containersReady = readiness(pod, state, now);
  const gate = containersReady.status === 'True' ? closedGate(pod, current) : undefined;
  return [
    condition('PodReadyToStartContainers', hasSandbox),
    initialized(pod, state),
    gate === undefined ? { ...containersReady, type: 'Ready' } : condition('Ready', false, 'ReadinessGatesNotReady', gate),
    containersReady,
    condition('PodScheduled', true),
  ];
}

function initialized(pod: PodSpec, state: PodState): Condition {
  const { stage } = state;
  const isOver = stage.name === 'finished' || stage.name === 'stopped';
  if (isOver && stage.phase === 'Succeeded') return condition('Initialized', true, 'PodCompleted');
  if (isInitialized(state, pod)) return condition('Initialized', true);
  const incomplete = names(
    state.initContainers,
    pod.initContainers,
    (run) => run.state.name !== 'exited' || run.state.end.exitCode !== 0,
  );
  return condition(
    'Initialized',
    false,
    'ContainersNotInitialized',
    `containers with incomplete status: [${incomplete.join(' ')}]`,
  );
}

function readiness(pod: PodSpec, { stage, containers }: PodState, now: Date): Condition {
  if (stage.name === 'finished' || stage.name === 'stopped') {
    return condition('ContainersReady', false, stage.phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed');
  }
  const unready = names(containers, pod.containers, (run, spec) => !startedAndReady(spec, run.state, now.getTime()).ready);
  if (unready.length === 0) return condition('ContainersReady', true);
  return condition('ContainersReady', false, 'ContainersNotReady', `containers with unready status: [${unready.join(' ')}]`);
}

function names(
  runs: readonly ContainerRun[],
  specs: readonly ContainerSpec[],
  matches: (run: ContainerRun, spec: ContainerSpec) => boolean,
): string[] {
  return withSpecs(runs, specs)
    .filter(([run, spec]) => matches(run, spec))
    .map(([, { name }]) => name);
}

/** Why a readiness gate keeps the pod from being ready, in the kubelet's words. */
function closedGate({ readinessGates }: PodSpec, { conditions }: JsonObject): string | undefined {
  for (const gate of readinessGates) {
    const condition = array(conditions).find(({ type }) => type === gate);
    if (condition === undefined) return `corresponding condition of pod readiness gate ${JSON.stringify(gate)} does not exist.`;
    if (condition.status !== 'True') {
      return `the status of pod readiness gate ${JSON.stringify(gate)} is not "True", but ${condition.status}`;
    }
  }
  return undefined;
}

function condition(type: string, isTrue: boolean, reason?: string, message?: string): Condition {
  return { type, status: isTrue ? 'True' : 'False', reason, message };
}
