import { timestamp } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import type { Recorder } from '../events.ts';
import type { Objects } from '../objects.ts';
import type { Reflector, Surroundings } from '../reflector.ts';
import { backoff, bell, wait } from '../wait.ts';
import { type Mounts, sameFiles } from './mounts.ts';
import {
  containersOf,
  environmentNeeds,
  graceOf,
  isOver,
  referencesOf,
  sourcesOf,
  type TokenNeed,
  tokenNeed,
  volumesOf,
} from './pod-spec.ts';
import { type PodPhase, podStatus } from './pod-status.ts';
import type { Runtime } from './runtime.ts';
import { statusPatch, writeStatus } from './status-writer.ts';
import type { Tokens } from './tokens.ts';
import { volumeFiles } from './volumes.ts';

/** How long things take, in milliseconds. */
export interface PodTimings {
  /** From volumes that are there to containers that run. */
  readonly startMs: number;
  /** From the order to end to the end; at most the grace of the pod. */
  readonly stopMs: number;
  /** Between looks at a pod for which nothing has happened: tokens that are due, statuses that others have changed. */
  readonly syncMs: number;
}

export interface PodParts {
  readonly around: Surroundings;
  readonly node: string;
  readonly hostIP: string;
  readonly timings: PodTimings;
  readonly objects: Objects;
  readonly services: Reflector;
  readonly tokens: Tokens;
  readonly mounts: Mounts;
  readonly runtime: Runtime;
  readonly recorder: Recorder;
}

/** Where the status of a static pod goes: its mirror, as the API has it now. */
export type MirrorOf = () => KubeObject | undefined;

/** What a kubelet does for one pod, from its taking to its end. */
export interface PodWorker {
  readonly uid: string;
  /** The pod is another now: new labels, a deletion, a status that somebody else has written. */
  update(pod: KubeObject): void;
  /** The pod is no more: its containers end, and nothing is written. */
  remove(): void;
  phase(): PodPhase['type'];
  /** Resolves when nothing of the pod is left on the node, or the kubelet is stopped. */
  readonly done: Promise<void>;
}

/** As the kubelet waits between attempts at volumes that failed, in milliseconds. */
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 122_000;
/** Between attempts at the last writes of a pod. */
const LAST_WRITES_RETRY_MS = 1_000;

/** @param mirrorOf of a static pod; undefined for one that the API has given */
export function startPodWorker(parts: PodParts, first: KubeObject, mirrorOf?: MirrorOf): PodWorker {
  const { around, timings, objects, services, tokens, mounts, runtime, recorder } = parts;
  const { client, clock, random, happen } = around;
  const { name = '', namespace = '', uid = '' } = first.metadata;
  const removed = new AbortController();
  const signal = AbortSignal.any([around.signal, removed.signal]);
  const rings = bell();
  const said = { pod: name, namespace, uid };
  let pod = first;
  let phase: PodPhase = { type: 'waiting' };

  const now = () => timestamp(clock.now());
  const isDeleted = () => pod.metadata.deletionTimestamp !== undefined;
  const enter = (next: PodPhase) => {
    phase = next;
    happen({ event: 'pod', ...said, phase: next.type });
  };

  /** False: to be tried again. */
  const write = async (): Promise<boolean> => {
    const target = mirrorOf === undefined ? pod : mirrorOf();
    if (target === undefined) return false;
    const context = { hostIP: parts.hostIP, now: now(), isMirror: mirrorOf !== undefined };
    const written = await writeStatus(around, target.metadata, (read) => podStatus(withOwnSpec(read), phase, context));
    if (written.type === 'failed') happen({ event: 'statusFailed', ...said, message: written.message });
    return written.type !== 'failed';
  };
  /** A status that could not be written is tried again at the next look. */
  const tell = () => write().catch((error: unknown) => notWritten(error));
  const notWritten = (error: unknown): boolean => {
    signal.throwIfAborted();
    happen({ event: 'statusFailed', ...said, message: error instanceof Error ? error.message : String(error) });
    return false;
  };
  /** The status of a static pod tells of its containers, and stands at its mirror. */
  const withOwnSpec = (read: KubeObject): KubeObject =>
    mirrorOf === undefined ? read : { ...read, metadata: { ...read.metadata, uid } };

  const tokenNeeds = (): TokenNeed[] =>
    volumesOf(pod).flatMap((volume) => sourcesOf(volume).flatMap((s) => tokenNeed(s, pod) ?? []));

  /** Makes the volumes what they are to be. @returns what they lack */
  const mount = async (): Promise<readonly string[]> => {
    await tokens.renew(pod, tokenNeeds());
    const mounting = volumeFiles(pod, objects, (need) => tokens.get(uid, need));
    if (mounting.type === 'incomplete') return mounting.lacks;
    if (!sameFiles(mounts.read(uid), mounting.files)) {
      mounts.write(uid, mounting.files);
      happen({ event: 'mounted', ...said, files: [...mounting.files.keys()] });
    }
    return [];
  };

  const untilMounted = async () => {
    const pause = backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS, random, 0);
    for (;;) {
      const lacks = await mount();
      if (lacks.length === 0 || isDeleted()) return;
      happen({ event: 'notMounted', ...said, lacks });
      recorder.record({ kind: 'Pod', object: pod }, 'Warning', 'FailedMount', `MountVolume.SetUp failed: ${lacks.join(', ')}`);
      await rings.heard(clock, pause.next(), signal);
    }
  };

  /** A container's environment is made when it starts, and has the Services of its namespace in it. */
  const untilStartable = async () => {
    await services.synced();
    const pause = backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS, random, 0);
    for (;;) {
      const missing = environmentNeeds(pod).find((need) => !need.optional && (objects.get(need) ?? undefined) === undefined);
      if (missing === undefined || isDeleted()) return;
      enter({ type: 'creating', refused: `${missing.resource.slice(0, -1)} "${missing.name}" not found` });
      await tell();
      await rings.heard(clock, pause.next(), signal);
    }
  };

  const start = async () => {
    if (runtime.sandboxes.has(uid)) {
      // It ran when the kubelet came.
      enter({ type: 'running', sandbox: runtime.start(uid, { namespace, name }, now()), isReady: true });
      await tell();
      return;
    }
    await tell();
    await untilMounted();
    if (isDeleted()) return;
    enter({ type: 'creating' });
    await tell();
    await untilStartable();
    if (isDeleted()) return;
    await wait(clock, timings.startMs, signal);
    const containers = containersOf(pod);
    for (const { name: container, image } of containers) {
      const about = { kind: 'Pod', object: pod, fieldPath: `spec.containers{${container}}` } as const;
      const present = `Container image "${image}" already present on machine and can be accessed by the pod`;
      recorder.record(about, 'Normal', 'Pulled', present);
      recorder.record(about, 'Normal', 'Created', 'Container created');
      recorder.record(about, 'Normal', 'Started', 'Container started');
    }
    const sandbox = runtime.start(uid, { namespace, name }, now());
    if (containers.some(({ hasReadinessProbe }) => hasReadinessProbe)) {
      enter({ type: 'running', sandbox, isReady: false });
      await tell();
    }
    enter({ type: 'running', sandbox, isReady: true });
    await tell();
  };

  /** Until the pod is to end: mounts follow what they show, and the status what the kubelet knows. */
  const keep = async () => {
    while (!isDeleted()) {
      const lacks = await mount();
      if (lacks.length > 0) happen({ event: 'notMounted', ...said, lacks });
      if (isOtherInApi()) await tell();
      await rings.heard(clock, timings.syncMs, signal);
    }
  };
  const isOtherInApi = (): boolean => {
    const target = mirrorOf === undefined ? pod : mirrorOf();
    if (target === undefined) return false;
    const context = { hostIP: parts.hostIP, now: now(), isMirror: mirrorOf !== undefined };
    const wanted = podStatus(withOwnSpec(target), phase, context);
    return statusPatch(uid, target.status as Record<string, unknown>, wanted) !== undefined;
  };

  const stopContainers = async () => {
    const sandbox = runtime.sandboxes.get(uid);
    if (sandbox === undefined) return;
    for (const { name: container, isInit } of containersOf(pod)) {
      const about = { kind: 'Pod', object: pod, fieldPath: `spec.containers{${container}}` } as const;
      if (!isInit) recorder.record(about, 'Normal', 'Killing', `Stopping container ${container}`);
    }
    await wait(clock, Math.min(timings.stopMs, graceOf(pod) * 1000), around.signal);
    runtime.stop(uid);
    enter({ type: 'ended', sandbox, finishedAt: now() });
  };

  /** The end that the API has ordered: told step by step, and then the pod is deleted for good. */
  const finish = async () => {
    const wasOver = isOver(pod) && phase.type === 'waiting';
    if (!wasOver) await tell();
    await stopContainers();
    if (phase.type !== 'ended') enter({ type: 'ended', sandbox: undefined, finishedAt: now() });
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid } };
    for (;;) {
      const isWritten = wasOver || (await tell());
      const answer = isWritten ? await client.call('DELETE', path, { body }).catch(() => undefined) : undefined;
      signal.throwIfAborted();
      happen({ event: 'lastDelete', ...said, status: answer?.status });
      if (answer !== undefined && [200, 404, 409].includes(answer.status)) return;
      await wait(clock, LAST_WRITES_RETRY_MS, signal);
    }
  };

  const live = async () => {
    try {
      if (!isOver(pod)) {
        objects.use(uid, referencesOf(pod), rings.ring);
        if (!isDeleted()) await start();
        await keep();
      }
      while (!isDeleted()) await rings.heard(clock, timings.syncMs, signal);
      if (mirrorOf === undefined) await finish();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (around.signal.aborted) return;
    // Told by nobody: what is left of it ends.
    await stopContainers();
    objects.release(uid);
    tokens.forget(uid);
    mounts.remove(uid);
    happen({ event: 'podGone', ...said });
  };

  return {
    uid,
    update(next) {
      pod = next;
      rings.ring();
    },
    remove: () => removed.abort(new Error('the pod is gone')),
    phase: () => phase.type,
    done: live().catch((error: unknown) => {
      if (!around.signal.aborted) throw error;
    }),
  };
}
