import type { KubeObject } from '@hawser/protocol';
import type { FleetAgent } from '../support/fleet.ts';
import { atDevice } from '../support/fleet.ts';
import type { KubeClient } from '../support/kube.ts';
import { until } from '../support/until.ts';

/** What a kubelet writes at the API of its device, for tests that play one: agents with `--workload none`. */

/** Where a device takes writes. */
export type LocalApi = Pick<FleetAgent, 'node' | 'local'>;

export const NAMESPACE = 'default';
export const STRATEGIC = 'application/strategic-merge-patch+json';
const READY_AT = '2026-01-01T00:00:00Z';

/** Answers that mean that the same write was taken before. */
type Repeated = 404 | 409;

/** @throws when the write is refused, other than as one that was made before */
export async function atLocalApi(
  device: LocalApi,
  method: string,
  path: string,
  body: unknown,
  { contentType = 'application/json', repeated }: { readonly contentType?: string; readonly repeated?: Repeated } = {},
): Promise<void> {
  const answer = await device.local.raw(method, path, body, contentType);
  if (answer.status < 300 || answer.status === repeated) return;
  throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

export const podPath = (name: string) => `/api/v1/namespaces/${NAMESPACE}/pods/${name}`;
export const eventsPath = `/api/v1/namespaces/${NAMESPACE}/events`;

/** One that needs nothing. */
export function plainPod(node: string, name: string, more: Partial<KubeObject['metadata']> = {}): KubeObject {
  const containers = [{ name: 'main', image: 'registry.example/main:1' }];
  const spec = { nodeName: node, containers, automountServiceAccountToken: false };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NAMESPACE, ...more }, spec };
}

export function event(name: string, count: number): KubeObject {
  // Of a Node only its own device may tell.
  const involvedObject = { kind: 'Pod', name: 'talker', namespace: NAMESPACE, apiVersion: 'v1' };
  const times = { firstTimestamp: READY_AT, lastTimestamp: READY_AT, count };
  const said = { reason: 'Pulled', message: 'image is present', type: 'Normal', source: { component: 'kubelet' } };
  return { apiVersion: 'v1', kind: 'Event', metadata: { name, namespace: NAMESPACE }, involvedObject, ...said, ...times };
}

export function readyCondition(message: string) {
  return { type: 'Ready', status: 'True', reason: 'KubeletReady', message, lastTransitionTime: READY_AT };
}

/** Of a Node or pod. */
export function readyMessage(object: KubeObject): string | undefined {
  const { conditions = [] } = (object.status ?? {}) as { conditions?: { type: string; message?: string }[] };
  return conditions.find(({ type }) => type === 'Ready')?.message;
}

export async function writeNode(device: LocalApi): Promise<void> {
  const labels = { 'kubernetes.io/hostname': device.node };
  const status = { conditions: [readyCondition('registered')], capacity: { pods: '110' }, allocatable: { pods: '110' } };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: device.node, labels }, status };
  await atLocalApi(device, 'POST', '/api/v1/nodes', node, { repeated: 409 });
}

/** The started device has its Node, and its objects. */
export async function registered(kube: KubeClient, device: FleetAgent): Promise<void> {
  await writeNode(device);
  await until(`node ${device.node} at its device`, 60_000, undefined, async () => {
    const node = await kube.get('nodes', '', device.node);
    return node !== undefined && (await device.local.get('nodes', '', device.node))?.metadata.uid === node.metadata.uid;
  });
}

/** A pod of the device, as the kubelet reports it; `message` tells one report from the other. */
export function writePodStatus(device: LocalApi, name: string, message: string): Promise<void> {
  const patch = { status: { phase: 'Running', conditions: [readyCondition(message)] } };
  return atLocalApi(device, 'PATCH', `${podPath(name)}/status`, patch, { contentType: STRATEGIC });
}

/** Its containers have stopped. */
export function removePod(device: LocalApi, name: string): Promise<void> {
  const options = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 };
  return atLocalApi(device, 'DELETE', podPath(name), options, { repeated: 404 });
}

export function writeEvent(device: LocalApi, name: string): Promise<void> {
  return atLocalApi(device, 'POST', eventsPath, event(name, 1), { repeated: 409 });
}

export function countEvent(device: LocalApi, name: string, count: number): Promise<void> {
  return atLocalApi(device, 'PATCH', `${eventsPath}/${name}`, { count }, { contentType: STRATEGIC });
}

/** A pod is on the device, and has been deleted in the cluster: its containers are to stop. */
export async function ending(kube: KubeClient, device: FleetAgent, name: string): Promise<void> {
  await kube.create(plainPod(device.node, name));
  await kube.remove('pods', NAMESPACE, name, 30);
  await atDevice(device, 'pods', NAMESPACE, name, ({ metadata }) => metadata.deletionTimestamp !== undefined);
}

export function outboxOf(device: FleetAgent): number {
  const store = device.store();
  try {
    return store.outboxCount();
  } finally {
    store.close();
  }
}

export function emptyOutbox(device: FleetAgent, timeoutMs = 60_000): Promise<boolean> {
  return until(`an empty outbox of ${device.name}`, timeoutMs, undefined, async () => outboxOf(device) === 0);
}

/** Reports that the cloud has refused for good, as `RESOURCE/NAME CODE`. */
export function refusalsOf(device: FleetAgent): string[] {
  const store = device.store();
  try {
    return store.refusals().map(({ key, code }) => `${key.resource}/${key.name} ${code}`);
  } finally {
    store.close();
  }
}
