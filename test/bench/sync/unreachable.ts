import type { KubeObject } from '@hawser/protocol';
import type { KubeClient } from '../../support/kube.ts';
import { until } from '../../support/until.ts';
import { concurrently } from '../concurrently.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

/** Conditions of a Node that its kubelet posts; the cluster sets them to Unknown when it has heard nothing for 40 s. */
const NODE_CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];
const TAINT = 'node.kubernetes.io/unreachable';
const WRITERS = 16;
const WAIT_MS = 60_000;

/** What the node lifecycle controller writes when it has not heard of a node for too long, since the embedded cluster has none. */
export async function markUnreachable(kube: KubeClient, node: string): Promise<void> {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const object = await kube.get('nodes', '', node);
  if (object === undefined) throw new Error(`there is no Node ${node}`);
  const unknown = {
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
    lastTransitionTime: now,
  };
  const conditions = conditionsOf(object).map((old) => (NODE_CONDITIONS.includes(old.type) ? { ...old, ...unknown } : old));
  await kube.patch('nodes', '', node, { status: { conditions } }, 'status');
  const taints = ['NoSchedule', 'NoExecute'].map((effect) => ({ key: TAINT, effect, timeAdded: now }));
  await kube.patch('nodes', '', node, { spec: { taints } });
  await concurrently(await podsOn(kube, node), WRITERS, (pod) => {
    const marked = conditionsOf(pod).map((old) =>
      old.type === 'Ready' ? { ...old, status: 'False', lastTransitionTime: now } : old,
    );
    const { namespace = '', name = '' } = pod.metadata;
    return kube.patch('pods', namespace, name, { status: { conditions: marked } }, 'status');
  });
}

/** Resolves when the cluster shows node and pods as ready again; the controller then takes its taints away. */
export async function untilReachable(kube: KubeClient, node: string, signal: AbortSignal): Promise<void> {
  await until(`Node ${node} Ready`, WAIT_MS, signal, async () => {
    const object = await kube.get('nodes', '', node);
    return object !== undefined && isReady(object);
  });
  await kube.patch('nodes', '', node, { spec: { taints: null } });
  await untilPodsReady(kube, node, signal);
}

export function untilPodsReady(kube: KubeClient, node: string, signal: AbortSignal): Promise<boolean> {
  return until(`pods of ${node} ready`, WAIT_MS, signal, async () => (await podsOn(kube, node)).every(isReady));
}

/** Resolves when the relay has said of the Node that its link stands, which it does some time after the link has opened, and once. */
export function untilLinked(kube: KubeClient, node: string, signal: AbortSignal): Promise<boolean> {
  return until(`Node ${node} linked`, WAIT_MS, signal, async () => {
    const object = await kube.get('nodes', '', node);
    return object !== undefined && isTrue(object, 'hawser.dev/Linked');
  });
}

function podsOn(kube: KubeClient, node: string): Promise<KubeObject[]> {
  return kube.list('pods', '', `fieldSelector=spec.nodeName=${node}`);
}

function isReady(object: KubeObject): boolean {
  return isTrue(object, 'Ready');
}

function isTrue(object: KubeObject, condition: string): boolean {
  return conditionsOf(object).some(({ type, status }) => type === condition && status === 'True');
}

function conditionsOf(object: KubeObject): readonly Condition[] {
  return (object.status as { readonly conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
}
