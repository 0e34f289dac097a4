import { isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';
import { type Behaviour, initBehaviour, mainBehaviour, runningSince } from './container.ts';
import { array, fields, instant, number, text } from './fields.ts';
import type { ContainerSpec, PodSpec } from './pod-spec.ts';
import { admitted, type ContainerRun, FRESH_RUN, type PodState, type Termination } from './pod-state.ts';
import type { HollowTimings } from './timings.ts';

/**
 * What the machine was at when it last reported: after a restart of the agent running containers go on and are not started
 * again (facts of the recordings, 63). A pod without a report of ours is new.
 */
export function restored(pod: PodSpec, status: JsonObject, timings: HollowTimings, now: number): PodState {
  const startTime = instant(status.startTime);
  if (startTime === undefined) return admitted(pod, now);
  const { phase } = status;
  const runs = (specs: readonly ContainerSpec[], statuses: JsonValue | undefined, behaviour: typeof mainBehaviour) =>
    specs.map((spec) => restoredRun(statusNamed(statuses, spec.name), behaviour(pod, spec, timings)));
  const state: PodState = {
    stage: { name: 'mounting' },
    startTime,
    initContainers: runs(pod.initContainers, status.initContainerStatuses, initBehaviour),
    containers: runs(pod.containers, status.containerStatuses, mainBehaviour),
  };
  if (phase === 'Succeeded' || phase === 'Failed') return { ...state, stage: { name: 'finished', phase } };
  const hasStarted = [...state.initContainers, ...state.containers].some(({ state: { name } }) => name !== 'pending');
  return hasStarted ? { ...state, stage: { name: 'running' } } : state;
}

function restoredRun(status: JsonObject | undefined, behaviour: Omit<Behaviour, 'problem'>): ContainerRun {
  if (status === undefined) return FRESH_RUN;
  const restartCount = number(status.restartCount) ?? 0;
  const { running, terminated, waiting } = fields(status.state);
  const last = terminationOf(fields(status.lastState).terminated);
  const startedAt = instant(fields(running).startedAt);
  if (startedAt !== undefined) return { state: runningSince(startedAt, behaviour), last, restartCount };
  const end = terminationOf(terminated);
  if (end !== undefined) return { state: { name: 'exited', end }, last, restartCount };
  const { reason, message } = fields(waiting);
  // The wait began before: it is over at the latest when the machine looks.
  if (reason === 'CrashLoopBackOff' && last !== undefined) {
    return { state: { name: 'backOff', end: last, until: last.finishedAt ?? 0 }, last: undefined, restartCount };
  }
  if (reason === 'CreateContainerConfigError') return { state: { name: 'blocked', message: text(message) }, last, restartCount };
  return { ...FRESH_RUN, last, restartCount };
}

function terminationOf(value: JsonValue | undefined): Termination | undefined {
  if (!isJsonObject(value)) return undefined;
  const { exitCode, reason, startedAt, finishedAt } = value;
  return {
    exitCode: number(exitCode) ?? 0,
    reason: text(reason),
    startedAt: instant(startedAt),
    finishedAt: instant(finishedAt),
  };
}

function statusNamed(statuses: JsonValue | undefined, name: string): JsonObject | undefined {
  return array(statuses).find((status) => status.name === name);
}
