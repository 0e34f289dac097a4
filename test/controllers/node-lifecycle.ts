import { type Clock, systemClock, timestamp } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type KubeClient, KubeError } from '../support/kube.ts';
import { Evictions, nodeNameOf } from './evictions.ts';
import { follow, keyOf } from './follow.ts';
import { type Graces, lostStatus, NodeHealth, readyOf, wantedTaints } from './node-health.ts';
import { serial } from './serial.ts';
import { taintsOf } from './taints.ts';

export interface NodeLifecycleOptions extends Partial<Graces> {
  readonly kube: KubeClient;
  /** Default the system's. */
  readonly clock?: Clock;
  /** How long one second of tolerationSeconds lasts, in milliseconds: 72 hours pass in 2.6 s with 0.01. Default 1000. */
  readonly secondMs?: number;
  /** A pod whose Node has been gone for so long is removed. Default 40,000. */
  readonly orphanMs?: number;
  /** What went wrong and is left to the next change to mend. */
  readonly onError: (message: string) => void;
}

export interface NodeLifecycle {
  /** By `namespace/name`: when pods have to leave their node, by the clock. */
  planned(): ReadonlyMap<string, number>;
  /** What it has seen of an object, by its list and `namespace/name`. */
  seen(list: keyof typeof RESOURCES, key: string): KubeObject | undefined;
  /** Resolves when nothing is left to do for now. */
  settled(): Promise<void>;
  /** Resolves when nothing runs any more. */
  stop(): Promise<void>;
}

const RESOURCES = { nodes: 'nodes', pods: 'pods', leases: 'coordination.k8s.io/leases' } as const;
const LEASE_NAMESPACE = 'kube-node-lease';
/** Kubernetes' node-monitor-grace-period since 1.32, its node-startup-grace-period, and the quarantine of its pod garbage collector. */
const DEFAULTS = { graceMs: 50_000, startupGraceMs: 60_000, orphanMs: 40_000 };
/** What could not be done is tried again after so long, whatever is seen meanwhile. */
const RETRY_MS = 500;
/** A timer of Node takes no more than 24.8 days. */
const LONGEST_WAIT_MS = 3600_000;
const STRATEGIC = 'application/strategic-merge-patch+json';

/**
 * What Kubernetes' node lifecycle, taint eviction and pod garbage collector controllers do to nodes that are lost, by the API alone.
 * Left out: zones and the rates at which nodes are tainted in them, and Events.
 */
export function runNodeLifecycle(options: NodeLifecycleOptions): NodeLifecycle {
  const { kube, clock = systemClock, secondMs = 1000, onError } = options;
  const settings = { ...DEFAULTS, ...options };
  const stopping = new AbortController();
  const health = new NodeHealth(settings);
  const evictions = new Evictions(secondMs);
  /** Pods that were marked while their node is not ready, by uid: once in each outage. */
  const marked = new Set<string>();
  const evicted = new Set<string>();
  const orphanedAt = new Map<string, number>();
  let cancelWake = () => {};

  const work = serial(pass);
  const { lists, isComplete } = follow(kube, RESOURCES, stopping.signal, work.run);

  async function pass(): Promise<void> {
    if (!isComplete() || stopping.signal.aborted) return;
    const wakes = [clock.now().getTime() + LONGEST_WAIT_MS];
    try {
      const byNode = Map.groupBy(lists.pods.values(), nodeNameOf);
      for (const node of [...lists.nodes.values()]) wakes.push(await tend(node, byNode.get(node.metadata.name ?? '') ?? []));
      for (const pod of [...lists.pods.values()]) wakes.push((await collect(pod)) ?? Number.POSITIVE_INFINITY);
      forgetGone();
    } catch (error) {
      if (stopping.signal.aborted) return;
      // A conflict means that we have not seen all: the next event says more.
      if (!(error instanceof KubeError && error.status === 409)) onError(error instanceof Error ? error.message : String(error));
      wakes.push(clock.now().getTime() + RETRY_MS);
    }
    cancelWake();
    cancelWake = clock.after(Math.max(0, Math.min(...wakes) - clock.now().getTime()), work.run);
  }

  /** @returns when there is something to do for this node, if nothing changes before */
  async function tend(node: KubeObject, pods: readonly KubeObject[]): Promise<number> {
    const now = clock.now();
    const name = node.metadata.name ?? '';
    const lostAtMs = health.observe(node, lists.leases.get(`${LEASE_NAMESPACE}/${name}`), now.getTime());
    const isLost = lostAtMs <= now.getTime();
    const status = isLost ? lostStatus(node, timestamp(now)) : undefined;
    if (status !== undefined) await patch(`/api/v1/nodes/${name}/status`, node, status);
    const ready = status === undefined ? readyOf(node) : 'Unknown';
    if (ready === 'True') for (const { metadata } of pods) marked.delete(metadata.uid ?? '');
    else if (ready !== undefined) for (const pod of pods) await markNotReady(pod);
    // What was written comes back by the watch, and with it the turn of what follows from it.
    if (status !== undefined) return Number.POSITIVE_INFINITY;
    const taints = wantedTaints(node, timestamp(now));
    if (taints !== undefined) {
      await patch(`/api/v1/nodes/${name}`, node, { spec: { taints } }, 'application/merge-patch+json');
      return Number.POSITIVE_INFINITY;
    }
    const wakes = [isLost ? Number.POSITIVE_INFINITY : lostAtMs];
    for (const pod of pods) wakes.push((await evictIfDue(pod, node)) ?? Number.POSITIVE_INFINITY);
    return Math.min(...wakes);
  }

  async function markNotReady(pod: KubeObject): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    if (marked.has(uid)) return;
    if (readyOf(pod) === 'True') {
      const condition = { type: 'Ready', status: 'False', lastTransitionTime: timestamp(clock.now()) };
      await patchPodStatus(pod, { conditions: [condition] });
    }
    marked.add(uid);
  }

  async function evictIfDue(pod: KubeObject, node: KubeObject): Promise<number | undefined> {
    const uid = pod.metadata.uid ?? '';
    if (evicted.has(uid) || pod.metadata.deletionTimestamp !== undefined) return undefined;
    const atMs = evictions.observe(pod, taintsOf(node), clock.now().getTime());
    if (atMs === undefined || atMs > clock.now().getTime()) return atMs;
    await disrupt(pod, 'DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint');
    await remove(pod, undefined);
    evicted.add(uid);
    evictions.forget(keyOf(pod));
    return undefined;
  }

  /** Removes a pod whose Node has gone for long: no kubelet is left to confirm its end. */
  async function collect(pod: KubeObject): Promise<number | undefined> {
    const name = nodeNameOf(pod);
    const uid = pod.metadata.uid ?? '';
    if (name === '' || lists.nodes.has(`/${name}`)) {
      orphanedAt.delete(uid);
      return undefined;
    }
    const now = clock.now().getTime();
    const since = orphanedAt.get(uid) ?? now;
    orphanedAt.set(uid, since);
    if (since + settings.orphanMs > now) return since + settings.orphanMs;
    if ((await kube.get('nodes', '', name)) !== undefined) return now + RETRY_MS;
    await disrupt(pod, 'DeletionByPodGC', 'PodGC: node no longer exists', { phase: 'Failed' });
    await remove(pod, 0);
    return undefined;
  }

  function forgetGone(): void {
    for (const name of health.names()) if (!lists.nodes.has(`/${name}`)) health.forget(name);
    for (const key of evictions.planned().keys()) if (!lists.pods.has(key)) evictions.forget(key);
    const uids = new Set(Array.from(lists.pods.values(), ({ metadata }) => metadata.uid ?? ''));
    for (const set of [marked, evicted, orphanedAt]) for (const uid of set.keys()) if (!uids.has(uid)) set.delete(uid);
  }

  async function disrupt(pod: KubeObject, reason: string, message: string, more: object = {}): Promise<void> {
    const condition = { type: 'DisruptionTarget', status: 'True', reason, message, lastTransitionTime: timestamp(clock.now()) };
    await patchPodStatus(pod, { ...more, conditions: [condition] });
  }

  /** A pod that has gone meanwhile has no status to be changed. */
  async function patchPodStatus(pod: KubeObject, status: object): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
    const answer = await kube.raw('PATCH', path, { metadata: { uid }, status }, STRATEGIC);
    if (answer.status >= 300 && answer.status !== 404) throw refusal('PATCH', path, answer);
  }

  async function remove(pod: KubeObject, gracePeriodSeconds: number | undefined): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    const answer = await kube.raw('DELETE', path, {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid },
      ...grace,
    });
    if (answer.status >= 300 && answer.status !== 404) throw refusal('DELETE', path, answer);
  }

  /** Only of the version that was looked at. */
  async function patch(path: string, { metadata }: KubeObject, body: object, type = STRATEGIC): Promise<void> {
    const { uid, resourceVersion } = metadata;
    const answer = await kube.raw('PATCH', path, { ...body, metadata: { uid, resourceVersion } }, type);
    if (answer.status >= 300 && answer.status !== 404) throw refusal('PATCH', path, answer);
  }

  return {
    planned: () => evictions.planned(),
    seen: (list, key) => lists[list].get(key),
    settled: work.settled,
    async stop() {
      stopping.abort();
      cancelWake();
      await work.settled();
      cancelWake();
    },
  };
}

function refusal(method: string, path: string, { status, body }: { status: number; body: unknown }): KubeError {
  const message = typeof body === 'object' && body !== null && 'message' in body ? body.message : body;
  return new KubeError(status, '', `${method} ${path}: ${status} ${message}`);
}
