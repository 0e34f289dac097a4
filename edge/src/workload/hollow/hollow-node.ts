import { isJsonObject, type JsonValue } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../api/clock.ts';
import { nodeIdentity } from '../../api/device/identities.ts';
import type { Registry } from '../../api/registry/registry.ts';
import { collection, hollowClient } from './client.ts';
import { fields, jsonOf } from './fields.ts';
import { follow } from './follow.ts';
import { renewLease } from './lease-worker.ts';
import type { Lookup } from './needs.ts';
import type { NodeFacts } from './node-object.ts';
import { createNodeWorker } from './node-worker.ts';
import { createPodAddresses } from './pod-addresses.ts';
import { createPodEvents } from './pod-events.ts';
import type { PodSpec } from './pod-spec.ts';
import { createPodTokens, NO_TOKENS } from './pod-tokens.ts';
import { createPodWorker, type PodWorker, type WorkerContext } from './pod-worker.ts';
import { DEFAULT_TIMINGS, type HollowTimings } from './timings.ts';

export interface HollowNodeOptions {
  readonly registry: Registry;
  readonly facts: NodeFacts;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly timings?: Partial<HollowTimings>;
  /** Whether pods need the tokens of their volumes to start. Default true. */
  readonly tokens?: boolean;
}

/**
 * A simulated kubelet: a client of the local API that registers the Node, brings the pods that are bound to it through the states
 * of a real one, and reports them. It runs nothing.
 */
export interface HollowNode {
  /** The cloud has no Node of this name, although the device holds one. */
  registerAnew(): void;
  /** Pods that are being looked after. */
  pods(): number;
  stop(): void;
}

export function startHollowNode(options: HollowNodeOptions): HollowNode {
  const { registry, facts, clock, random, logger } = options;
  const client = hollowClient(registry, nodeIdentity(facts.name));
  const workers = new Map<string, PodWorker>();
  const events = createPodEvents({ client, nodeName: facts.name, clock, random, logger });
  const failed = (pod: PodSpec, volume: string, why: string) =>
    events.warn(pod, 'FailedMount', `MountVolume.SetUp failed for volume ${JSON.stringify(volume)} : ${why}`);
  const tokens = options.tokens === false ? NO_TOKENS : createPodTokens({ client, clock, random, logger, failed });
  const context: WorkerContext = {
    client,
    clock,
    logger,
    timings: { ...DEFAULT_TIMINGS, ...options.timings },
    hostIp: facts.hostIp,
    addresses: createPodAddresses(),
    lookup: (namespace) => lookupIn(registry, namespace),
    tokens: {
      ...tokens,
      release(uid) {
        tokens.release(uid);
        events.forget(uid);
      },
    },
  };
  const shared = { registry, identity: client.identity, clock, logger };

  const wakeThoseThatNeed = (resource: string, namespace: string, name: string) => {
    for (const worker of workers.values()) if (worker.needs(namespace, `${resource}/${name}`)) worker.wake();
  };
  const followReferenced = (resource: 'configmaps' | 'secrets') =>
    follow({
      ...shared,
      target: collection(resource),
      fieldSelector: '',
      onObject: ({ metadata: { namespace = '', name = '' } }) => wakeThoseThatNeed(resource, namespace, name),
      onGone: (namespace, name) => wakeThoseThatNeed(resource, namespace, name),
    });

  const node = createNodeWorker({ client, facts, clock, random, logger });
  const stops = [
    followReferenced('configmaps'),
    followReferenced('secrets'),
    follow({
      ...shared,
      target: collection('pods'),
      fieldSelector: `spec.nodeName=${facts.name}`,
      onObject: ({ metadata: { namespace = '', name = '' } }) => {
        const id = `${namespace}/${name}`;
        const worker = workers.get(id) ?? createPodWorker(context, namespace, name);
        workers.set(id, worker);
        worker.wake();
      },
      onGone: (namespace, name) => {
        const id = `${namespace}/${name}`;
        workers.get(id)?.stop();
        workers.delete(id);
      },
    }),
    node.stop,
    renewLease({ client, nodeName: facts.name, clock, logger }),
  ];

  return {
    registerAnew: node.registerAnew,
    pods: () => workers.size,
    stop() {
      for (const stop of stops) stop();
      for (const worker of workers.values()) worker.stop();
      workers.clear();
      tokens.stop();
    },
  };
}

/** Keys of the ConfigMaps and Secrets that the device holds, read when they are asked for. */
function lookupIn({ context: { storage } }: Registry, namespace: string): Lookup {
  return (resource, name) => {
    const object = storage.get({ resource, namespace, name });
    if (object === undefined) return undefined;
    const { data, binaryData } = jsonOf({ data: object.data, binaryData: object.binaryData });
    return new Set([...keysOf(data), ...keysOf(binaryData)]);
  };
}

function keysOf(map: JsonValue | undefined): string[] {
  return isJsonObject(map) ? Object.keys(fields(map)) : [];
}
