import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject } from '@hawser/protocol';
import { timestamp } from '../../api/clock.ts';
import { startedAndReady } from './container.ts';
import type { ContainerSpec, PodSpec } from './pod-spec.ts';
import type { ContainerRun, Termination } from './pod-state.ts';

/** Whether there is a container of this run: it has an id. */
export function hasRun({ state }: ContainerRun): boolean {
  switch (state.name) {
    case 'running':
      return true;
    case 'backOff':
    case 'exited':
      return state.end.startedAt !== undefined;
    default:
      return false;
  }
}

/** One entry of containerStatuses or initContainerStatuses. */
export function containerStatus(pod: PodSpec, spec: ContainerSpec, run: ContainerRun, now: Date): JsonObject {
  const { started, ready } = startedAndReady(spec, run.state, now.getTime());
  const isDoneInit =
    pod.initContainers.includes(spec) && !spec.isSidecar && run.state.name === 'exited' && run.state.end.exitCode === 0;
  const id = containerId(pod, spec, run.restartCount);
  const isThere = hasRun(run);
  const status: JsonObject = {
    ...(isThere
      ? { containerID: id }
      : run.last === undefined
        ? {}
        : { containerID: containerId(pod, spec, run.restartCount - 1) }),
    image: spec.image,
    imageID: isThere || run.last !== undefined ? `sha256:${sha256(spec.image)}` : '',
    lastState: lastState(pod, spec, run),
    name: spec.name,
    ready: ready || isDoneInit,
    restartCount: run.restartCount,
    started,
    state: stateOf(pod, spec, run),
  };
  const { requests, limits } = spec.resources;
  if (isThere && isJsonObject(requests)) status.allocatedResources = requests;
  if (isThere && (isJsonObject(requests) || isJsonObject(limits))) {
    status.resources = { ...(isJsonObject(limits) ? { limits } : {}), ...(isJsonObject(requests) ? { requests } : {}) };
  }
  if (spec.volumeMounts.length > 0) status.volumeMounts = spec.volumeMounts.map(mountStatus);
  return status;
}

function stateOf(pod: PodSpec, spec: ContainerSpec, run: ContainerRun): JsonObject {
  const { state } = run;
  switch (state.name) {
    case 'running':
      return { running: { startedAt: timestamp(new Date(state.startedAt)) } };
    case 'exited':
      return { terminated: terminated(pod, spec, run.restartCount, state.end) };
    case 'backOff': {
      const seconds = Math.round((state.until - (state.end.finishedAt ?? state.until)) / 1000);
      const container = `container=${spec.name} pod=${pod.name}_${pod.namespace}(${pod.uid})`;
      return {
        waiting: { reason: 'CrashLoopBackOff', message: `back-off ${goDuration(seconds)} restarting failed ${container}` },
      };
    }
    case 'blocked':
      return { waiting: { reason: 'CreateContainerConfigError', message: state.message } };
    case 'pending':
    case 'creating':
      return { waiting: { reason: pod.initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating' } };
  }
}

function lastState(pod: PodSpec, spec: ContainerSpec, run: ContainerRun): JsonObject {
  if (run.state.name === 'backOff') return { terminated: terminated(pod, spec, run.restartCount, run.state.end) };
  return run.last === undefined ? {} : { terminated: terminated(pod, spec, run.restartCount - 1, run.last) };
}

function terminated(pod: PodSpec, spec: ContainerSpec, restartCount: number, end: Termination): JsonObject {
  const { exitCode, reason, startedAt, finishedAt } = end;
  if (startedAt === undefined || finishedAt === undefined) {
    return {
      exitCode,
      reason,
      message: 'The container could not be located when the pod was terminated',
    };
  }
  return {
    containerID: containerId(pod, spec, restartCount),
    exitCode,
    finishedAt: timestamp(new Date(finishedAt)),
    reason,
    startedAt: timestamp(new Date(startedAt)),
  };
}

function mountStatus(mount: ContainerSpec['volumeMounts'][number]): JsonObject {
  const { name, mountPath, readOnly } = mount;
  return {
    name: String(name),
    mountPath: String(mountPath),
    ...(readOnly === true ? { readOnly: true, recursiveReadOnly: 'Disabled' } : {}),
  };
}

/** The same for the same run of the same container, also after a restart of the agent. */
function containerId(pod: PodSpec, spec: ContainerSpec, restartCount: number): string {
  return `hollow://${sha256(`${pod.uid}/${spec.name}/${restartCount}`)}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** 70 → `1m10s`. */
function goDuration(seconds: number): string {
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
