import { type Clock, systemClock } from '@hawser/edge';
import { createRecorder } from './events.ts';
import { type Happening, happenings } from './happenings.ts';
import { keepNodeStatus } from './node/keep-status.ts';
import { renewLease } from './node/lease.ts';
import { nodeObject } from './node/node-object.ts';
import { registerNode } from './node/register.ts';
import { createObjects } from './objects.ts';
import { followStaticPods } from './pods/mirrors.ts';
import { folderMounts, memoryMounts } from './pods/mounts.ts';
import type { PodTimings } from './pods/pod-worker.ts';
import { followPods, type Pods } from './pods/pods.ts';
import { openRuntime } from './pods/runtime.ts';
import { createTokens } from './pods/tokens.ts';
import type { Files } from './pods/volumes.ts';
import { reflect, type Surroundings } from './reflector.ts';
import { kubeletClient } from './wire/client.ts';
import { type Encoding, jsonEncoding } from './wire/encoding.ts';
import type { HttpVersion } from './wire/transport.ts';

/**
 * A client that behaves at the API as a stock kubelet was recorded to: what it asks, in which order, what it holds open and what it
 * writes. It runs no containers: they start at once.
 */
export interface PlayedKubelet {
  readonly node: string;
  readonly happened: readonly Happening[];
  /** @throws when the time is up; default 30 s */
  expect(what: string, matches: (happening: Happening) => boolean, timeoutMs?: number): Promise<Happening>;
  /** Pods of which something is on the node, by uid. */
  podUids(): string[];
  /** What the containers of a pod would find; undefined: nothing is mounted. */
  mounts(podUid: string): Files | undefined;
  /** ConfigMaps and Secrets that are watched. */
  watchedObjects(): number;
  /** As SIGTERM does: nothing is written, containers go on. */
  stop(): void;
}

export interface KubeletOptions {
  readonly node: string;
  /** `https://127.0.0.1:6444` */
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  /** Asked for each request. */
  readonly token: () => string;
  /** Default JSON. */
  readonly encoding?: Encoding;
  /** What is offered, the first choice first. Default both, HTTP/2 first. */
  readonly versions?: readonly HttpVersion[];
  /** Mounts and what runs are kept here; default in memory. */
  readonly root?: string;
  /** Names one run of the machine: what ran under another name has ended. */
  readonly boot?: string;
  readonly staticPods?: string;
  readonly timings?: Partial<PodTimings & { readonly leaseMs: number }>;
  readonly hostIP?: string;
  readonly clock?: Clock;
  /** At least 0, below 1. */
  readonly random?: () => number;
  readonly onHappening?: (happening: Happening) => void;
}

const DEFAULT_TIMINGS = { startMs: 0, stopMs: 0, syncMs: 60_000, leaseMs: 10_000 };
/** What the informers of the node, Services, drivers and classes are asked to last, in seconds. */
const LASTS = [300, 600] as const;

export function startPlayedKubelet(options: KubeletOptions): PlayedKubelet {
  const { node, clock = systemClock, random = Math.random, hostIP = '10.77.0.11' } = options;
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const { happen, kept, expect } = happenings(clock, options.onHappening ?? (() => {}));
  const ending = new AbortController();
  const { signal } = ending;
  const client = kubeletClient({
    ...{ endpoint: { url: options.server, ca: options.ca }, token: options.token, clock, signal, happen },
    ...{ encoding: options.encoding ?? jsonEncoding, versions: options.versions ?? ['h2', 'http/1.1'] },
  });
  const around: Surroundings = { client, clock, random, happen, signal };
  const runtime = openRuntime(options.root, options.boot ?? 'first');
  const mounts = options.root === undefined ? memoryMounts() : folderMounts(`${options.root}/pods`);
  // Secrets and tokens lie in memory only, and what else is mounted is not relied on.
  for (const uid of runtime.lost) mounts.remove(uid);
  const recorder = createRecorder(around, node);
  const objects = createObjects(around);
  const inform = (path: string, fieldSelector?: string) =>
    reflect(around, {
      ...{ path, lasts: LASTS, saysTimeout: true, onChange: () => {} },
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    });

  let pods: Pods | undefined;
  const live = async () => {
    happen({ event: 'started', node });
    const nodes = inform('/api/v1/nodes', `metadata.name=${node}`);
    const services = inform('/api/v1/services', 'spec.clusterIP!=None');
    recorder.record({ kind: 'Node', object: nodeObject({ name: node, hostIP }, '') }, 'Normal', 'Starting', 'Starting kubelet.');
    inform('/apis/storage.k8s.io/v1/csidrivers');
    inform('/apis/node.k8s.io/v1/runtimeclasses');
    const parts = { around, node, hostIP, timings, objects, services, tokens: createTokens(around), mounts, runtime, recorder };
    const statics = followStaticPods(parts, options.staticPods, () => nodes.objects.get(`/${node}`)?.metadata.uid);
    const beRegistered = async () => {
      await registerNode(around, { name: node, hostIP }, recorder);
      // Only a node that knows itself takes pods.
      await nodes.synced();
      pods = followPods(parts, statics);
      await keepNodeStatus(around, node, nodes);
    };
    await Promise.all([renewLease(around, node, timings.leaseMs), beRegistered()]);
  };
  live().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });

  return {
    node,
    happened: kept,
    expect,
    podUids: () => [...(pods?.workers.keys() ?? [])],
    mounts: mounts.read,
    watchedObjects: objects.count,
    stop() {
      ending.abort(new Error('the kubelet is stopped'));
      client.close();
      happen({ event: 'stopped' });
    },
  };
}
