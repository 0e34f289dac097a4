import type { KubeObject } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import { type HollowClient, statusPatch } from './client.ts';
import { jsonOf } from './fields.ts';
import { nextDue, step } from './machine.ts';
import { type Lookup, namedObjects } from './needs.ts';
import type { PodAddresses } from './pod-addresses.ts';
import { type PodSpec, podSpecOf } from './pod-spec.ts';
import type { PodState } from './pod-state.ts';
import { statusOf } from './pod-status.ts';
import type { PodTokens } from './pod-tokens.ts';
import { restored } from './restore.ts';
import type { HollowTimings } from './timings.ts';

export interface WorkerContext {
  readonly client: HollowClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timings: HollowTimings;
  readonly hostIp: string;
  readonly addresses: PodAddresses;
  readonly lookup: (namespace: string) => Lookup;
  readonly tokens: PodTokens;
}

/** Brings one pod of the node along, as long as it is there. */
export interface PodWorker {
  /** Something may have changed. */
  wake(): void;
  /** Whether that object, `configmaps/NAME` of the pod's namespace, is one that the pod names. */
  needs(namespace: string, object: string): boolean;
  stop(): void;
}

/** After a write that the local API did not take, in milliseconds. */
const RETRY_MS = 5_000;
/** The same patch is not made again before: something undoes it, and a kubelet looks every 10 s too. */
const REPEAT_MS = 10_000;

export function createPodWorker(context: WorkerContext, namespace: string, name: string): PodWorker {
  const { client, clock, logger } = context;
  let mind: { readonly uid: string; readonly state: PodState } | undefined;
  let needed: ReadonlySet<string> = new Set();
  let lastPatch: { readonly text: string; readonly at: number } | undefined;
  let isBusy = false;
  let isDirty = false;
  let isStopped = false;
  let cancelTimer = () => {};

  function wake(): void {
    isDirty = true;
    if (!isBusy && !isStopped) void work();
  }

  /** One pass after the other, so that a pod is never written twice at the same time. */
  async function work(): Promise<void> {
    isBusy = true;
    while (isDirty && !isStopped) {
      isDirty = false;
      try {
        await pass();
      } catch (err) {
        logger.warn({ err, namespace, pod: name }, 'pod not brought along');
        wakeAt(clock.now().getTime() + RETRY_MS);
      }
    }
    isBusy = false;
  }

  function wakeAt(time: number): void {
    cancelTimer();
    cancelTimer = clock.after(Math.max(0, time - clock.now().getTime()), wake);
  }

  async function pass(): Promise<void> {
    const pod = await client.get('pods', namespace, name);
    if (pod === undefined || isStopped) return;
    const spec = podSpecOf(pod);
    needed = namedObjects(spec);
    const now = clock.now();
    const state = advance(pod, spec, now.getTime());
    mind = { uid: spec.uid, state };
    const due = nextDue(state, spec, now.getTime());
    if (due !== undefined) wakeAt(due);
    else cancelTimer();
    if (!(await report(pod, spec, state, now))) return;
    if (state.stage.name !== 'stopped') return;
    logger.debug({ namespace, pod: name, uid: spec.uid }, 'pod stopped');
    await client.remove(pod);
  }

  function advance(pod: KubeObject, spec: PodSpec, now: number): PodState {
    const { timings, tokens } = context;
    // Another uid under the same name is another pod.
    if (mind !== undefined && mind.uid !== spec.uid) tokens.release(mind.uid);
    const before = mind?.uid === spec.uid ? mind.state : restored(spec, jsonOf(pod.status), timings, now);
    const isOver = before.stage.name === 'finished' || before.stage.name === 'stopped' || spec.deletionTimestamp !== undefined;
    if (isOver) tokens.release(spec.uid);
    // A pod that runs gets its tokens anew after a restart of the agent, and runs on where it gets none.
    const hasTokens = isOver || tokens.want(spec, wake);
    return step(before, { pod: spec, now, lookup: context.lookup(namespace), hasTokens, timings });
  }

  /** Returns whether the status is as it should be now. */
  async function report(pod: KubeObject, spec: PodSpec, state: PodState, now: Date): Promise<boolean> {
    const current = jsonOf(pod.status);
    const podIp = spec.hostNetwork ? context.hostIp : context.addresses.of(spec.uid, current.podIP);
    const status = statusOf({ pod: spec, state, current, now, hostIp: context.hostIp, podIp });
    const patch = statusPatch(pod, status);
    if (patch === undefined) return true;
    // The same but for its times is the same.
    const text = JSON.stringify(patch, (field, value) => (field === 'lastTransitionTime' ? undefined : value));
    const repeatAt = lastPatch?.text === text ? lastPatch.at + REPEAT_MS : 0;
    if (now.getTime() < repeatAt) {
      wakeAt(repeatAt);
      return false;
    }
    lastPatch = { text, at: now.getTime() };
    await client.patchStatus(pod, status);
    return true;
  }

  return {
    wake,
    needs: (other, object) => other === namespace && needed.has(object),
    stop() {
      isStopped = true;
      cancelTimer();
      if (mind === undefined) return;
      context.addresses.release(mind.uid);
      context.tokens.release(mind.uid);
    },
  };
}
