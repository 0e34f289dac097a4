import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, itemsOf, textOf } from '../../apiserver/policy/fields.ts';
import { type Container, containersOf } from './pod-spec.ts';
import { containerId, imageId, type Sandbox } from './runtime.ts';

/** Where a pod is in its life on the node; what its status says follows from it. */
export type PodPhase =
  /** Taken; its volumes are not there yet. */
  | { readonly type: 'waiting' }
  /** Its sandbox is there, its containers are being made; `refused`: one cannot be made, and why. */
  | { readonly type: 'creating'; readonly refused?: string }
  | { readonly type: 'running'; readonly sandbox: Sandbox; readonly isReady: boolean }
  | { readonly type: 'ended'; readonly sandbox: Sandbox | undefined; readonly finishedAt: string };

export interface StatusContext {
  readonly hostIP: string;
  /** RFC 3339 in whole seconds. */
  readonly now: string;
  /** Whether it is the mirror of a static pod, whose status says no generation. */
  readonly isMirror: boolean;
}

/** In the order in which a kubelet writes them. */
const CONDITIONS = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'] as const;

/** The whole status that the kubelet wants: what it owns, over what others have written. */
export function podStatus(pod: KubeObject, phase: PodPhase, context: StatusContext): Fields {
  const current = fieldsOf(pod.status);
  const generation = context.isMirror ? {} : { observedGeneration: pod.metadata.generation ?? 1 };
  const all = containersOf(pod);
  const inits = all.filter(({ isInit }) => isInit);
  const mains = all.filter(({ isInit }) => !isInit);
  const statuses = (containers: readonly Container[]) =>
    containers.map((container) => containerStatus(pod, container, phase, context));
  const resources = podResources(mains);
  return {
    ...current,
    ...generation,
    phase: phaseText(phase),
    conditions: conditions(pod, phase, mains, generation, context),
    hostIP: context.hostIP,
    hostIPs: [{ ip: context.hostIP }],
    ...addresses(phase),
    ...(inits.length === 0 ? {} : { initContainerStatuses: statuses(inits) }),
    containerStatuses: statuses(mains),
    startTime: current.startTime ?? context.now,
    ...(resources === undefined ? { resources: {} } : { allocatedResources: resources, resources: { requests: resources } }),
  };
}

function phaseText(phase: PodPhase): string {
  if (phase.type === 'running') return 'Running';
  if (phase.type !== 'ended') return 'Pending';
  return phase.sandbox === undefined ? 'Failed' : 'Succeeded';
}

function addresses(phase: PodPhase): Fields {
  if (phase.type !== 'running') return {};
  return { podIP: phase.sandbox.ip, podIPs: [{ ip: phase.sandbox.ip }] };
}

function conditions(
  pod: KubeObject,
  phase: PodPhase,
  containers: readonly Container[],
  generation: Fields,
  { now }: StatusContext,
): Fields[] {
  const known = itemsOf(fieldsOf(pod.status).conditions);
  const own = CONDITIONS.map((type) => {
    const before = known.find((condition) => condition.type === type);
    const said = saying(type, phase, containers);
    const isSame = before?.status === said.status;
    const lastTransitionTime = isSame ? before?.lastTransitionTime : now;
    return { type, ...said, lastProbeTime: null, lastTransitionTime, ...generation };
  });
  const others = known.filter(({ type }) => !CONDITIONS.some((name) => name === type));
  return [...own, ...others];
}

function saying(type: (typeof CONDITIONS)[number], phase: PodPhase, containers: readonly Container[]): Fields {
  const isReady = phase.type === 'running' && phase.isReady;
  switch (type) {
    case 'PodReadyToStartContainers':
      return { status: phase.type === 'creating' || phase.type === 'running' ? 'True' : 'False' };
    case 'Initialized':
      return { status: 'True', ...(phase.type === 'ended' ? { reason: 'PodCompleted' } : {}) };
    case 'PodScheduled':
      return { status: 'True' };
    case 'Ready':
    case 'ContainersReady': {
      if (isReady) return { status: 'True' };
      if (phase.type === 'ended') return { status: 'False', reason: 'PodCompleted' };
      const message = `containers with unready status: [${containers.map(({ name }) => name).join(' ')}]`;
      return { status: 'False', reason: 'ContainersNotReady', message };
    }
  }
}

function containerStatus(pod: KubeObject, container: Container, phase: PodPhase, { now }: StatusContext): Fields {
  const { name, image, isInit, resources } = container;
  const uid = pod.metadata.uid ?? '';
  const volumeMounts = container.volumeMounts.map(({ name: volume, mountPath, readOnly }) => ({
    ...{ mountPath, name: volume },
    ...(readOnly === true ? { readOnly, recursiveReadOnly: 'Disabled' } : {}),
  }));
  const base = { image, lastState: {}, name, ...(volumeMounts.length === 0 ? {} : { volumeMounts }) };
  const sandbox = phase.type === 'running' || phase.type === 'ended' ? phase.sandbox : undefined;
  if (sandbox === undefined) {
    const refused = phase.type === 'creating' ? phase.refused : undefined;
    const waiting =
      refused === undefined ? { reason: 'ContainerCreating' } : { reason: 'CreateContainerConfigError', message: refused };
    return { ...base, imageID: '', ready: false, restartCount: 0, started: false, state: { waiting } };
  }
  const containerID = containerId(uid, name, sandbox.attempt);
  const requests = fieldsOf(resources.requests);
  const given = Object.keys(requests).length === 0 ? {} : { allocatedResources: requests };
  const common = { ...base, ...given, containerID, imageID: imageId(image), resources, restartCount: sandbox.attempt };
  const startedAt = sandbox.startedAt;
  if (phase.type === 'ended' || isInit) {
    const finishedAt = phase.type === 'ended' ? phase.finishedAt : (startedAt ?? now);
    const terminated = { containerID, exitCode: 0, finishedAt, reason: 'Completed', startedAt };
    return { ...common, ready: isInit, started: false, state: { terminated } };
  }
  const ready = phase.type === 'running' && phase.isReady;
  return { ...common, ready, started: true, state: { running: { startedAt } } };
}

/** Requests of the only container; a kubelet adds them up, and this one leaves that to it. */
function podResources(containers: readonly Container[]): Fields | undefined {
  const [only, ...more] = containers;
  const requests = fieldsOf(only?.resources.requests);
  return more.length > 0 || Object.keys(requests).length === 0 ? undefined : requests;
}

export function isReadyInStatus(pod: KubeObject): boolean {
  return itemsOf(fieldsOf(pod.status).conditions).some(({ type, status }) => type === 'Ready' && textOf(status) === 'True');
}
