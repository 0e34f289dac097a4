import { type Batch, type JsonObject, type ObjectKey, objectKey } from '@hawser/protocol';
import { EDGE_LABEL } from '../../locating/index.ts';
import type { DownstreamLimits } from '../limits.ts';
import { ManualClock } from './manual-clock.ts';
import { ModelAgent } from './model-agent.ts';
import { ModelCluster } from './model-cluster.ts';
import { ModelLink } from './model-link.ts';
import { ModelRelay } from './model-relay.ts';

export const NODE = objectKey('nodes', '', 'edge-1');
export const POD = objectKey('pods', 'shop', 'cart');
export const CONFIG = objectKey('configmaps', 'shop', 'cart');
export const SECRET = objectKey('secrets', 'shop', 'cart');
export const EDGE: JsonObject = { labels: { [EDGE_LABEL]: '' } };
export const FIVE_MINUTES = 5 * 60_000;

export function podFields(node: string | undefined, ...configs: string[]): JsonObject {
  const volumes = configs.map((name) => ({ name, configMap: { name } }));
  return { spec: { ...(node === undefined ? {} : { nodeName: node }), volumes, containers: [] } };
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(bytes: number, seed = 1): string {
  let state = seed;
  return Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return String.fromCharCode(33 + ((state >>> 16) % 90)).replace(/["\\]/, '~');
  }).join('');
}

export function setUp(limits: Partial<DownstreamLimits> = {}, onDelivered: (milliseconds: number) => void = () => undefined) {
  const clock = new ManualClock();
  const cluster = new ModelCluster();
  cluster.put(NODE, EDGE);
  const agent = new ModelAgent();
  const relay = new ModelRelay(cluster, clock, limits, onDelivered);
  relay.catchUp();
  const connect = () => new ModelLink(agent, relay.downstream, 'edge-1');
  const heldKeys = () => [...agent.held.keys()].sort();
  return { clock, cluster, agent, relay, connect, heldKeys };
}

export function batches(link: ModelLink): Batch[] {
  return link.sent.filter((message) => message.type === 'batch');
}

export function sentKinds(link: ModelLink): string[] {
  return batches(link).flatMap(({ operations }) => operations.map(({ change }) => change.type));
}

export function keysInOrder(link: ModelLink): (ObjectKey | undefined)[] {
  return batches(link).flatMap(({ operations }) => operations.map(({ key }) => key));
}
