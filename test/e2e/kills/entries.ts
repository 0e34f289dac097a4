import type { KubeObject } from '@hawser/protocol';
import type { ChangeHistory } from '../../support/change-history.ts';
import type { Fleet, FleetAgent } from '../../support/fleet.ts';
import { atDevice } from '../../support/fleet.ts';
import { until } from '../../support/until.ts';

/**
 * Which device writes an entry, so that all of a cell are of different objects and under way at the same time.
 * - worn: registered before the matrix began
 * - labelled: the same, for a second write of a Node
 * - fresh: another one for each cell, not registered yet
 */
export type Writer = 'worn' | 'labelled' | 'fresh';

/** One kind of entry of the outbox, as a kubelet makes it. */
export interface Entry {
  readonly kind: string;
  readonly writer: Writer;
  /** Brings about in the cluster what the write is of, and waits until it is on the device. */
  readonly prepare?: (cell: Cell) => Promise<void>;
  /** At the local API. May be called twice, as a kubelet writes again what was not answered. @throws when it is refused */
  readonly write: (cell: Cell, device: LocalApi) => Promise<void>;
  /** What the API server has seen of it, and what it should have. */
  readonly effects: (cell: Cell, history: ChangeHistory) => Effects;
}

/** Where a device takes writes. */
export type LocalApi = Pick<FleetAgent, 'node' | 'local'>;

export interface Effects {
  /** How often it came about. */
  readonly times: number;
  /** Whether the object is as the device wrote it. */
  readonly isRight: boolean;
}

/** One point of one victim: the names of what is written in it. */
export interface Cell {
  readonly name: string;
  readonly fleet: Fleet;
  readonly devices: Readonly<Record<Writer, FleetAgent>>;
}

const NAMESPACE = 'default';
const STRATEGIC = 'application/strategic-merge-patch+json';
const READY_AT = '2026-01-01T00:00:00Z';

/** Answers that mean that the same write was taken before. */
type Repeated = 404 | 409;

async function atLocalApi(
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

const podPath = (name: string) => `/api/v1/namespaces/${NAMESPACE}/pods/${name}`;
const eventsPath = `/api/v1/namespaces/${NAMESPACE}/events`;

function pod(node: string, name: string, more: Partial<KubeObject['metadata']> = {}): KubeObject {
  const containers = [{ name: 'main', image: 'registry.example/main:1' }];
  const spec = { nodeName: node, containers, automountServiceAccountToken: false };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NAMESPACE, ...more }, spec };
}

function event(name: string, count: number): KubeObject {
  const involvedObject = { kind: 'Node', name: 'worn', apiVersion: 'v1' };
  const times = { firstTimestamp: READY_AT, lastTimestamp: READY_AT, count };
  const said = { reason: 'Pulled', message: 'image is present', type: 'Normal', source: { component: 'kubelet' } };
  return { apiVersion: 'v1', kind: 'Event', metadata: { name, namespace: NAMESPACE }, involvedObject, ...said, ...times };
}

function readyCondition(message: string) {
  return { type: 'Ready', status: 'True', reason: 'KubeletReady', message, lastTransitionTime: READY_AT };
}

/** Of a Node or pod. */
function readyMessage(object: KubeObject): string | undefined {
  const { conditions = [] } = (object.status ?? {}) as { conditions?: { type: string; message?: string }[] };
  return conditions.find(({ type }) => type === 'Ready')?.message;
}

export async function writeNode(device: LocalApi): Promise<void> {
  const labels = { 'kubernetes.io/hostname': device.node };
  const status = { conditions: [readyCondition('registered')], capacity: { pods: '110' }, allocatable: { pods: '110' } };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: device.node, labels }, status };
  await atLocalApi(device, 'POST', '/api/v1/nodes', node, { repeated: 409 });
}

function last(history: ChangeHistory, resource: string, namespace: string, name: string): KubeObject | undefined {
  const change = history.of(resource, namespace, name).at(-1);
  return change?.type === 'DELETED' ? undefined : change?.object;
}

export const ENTRIES: readonly Entry[] = [
  {
    kind: 'Node registration',
    writer: 'fresh',
    write: (_, device) => writeNode(device),
    effects({ devices: { fresh } }, history) {
      const isRight = readyMessage(last(history, 'nodes', '', fresh.node) ?? missing()) === 'registered';
      return { times: history.count('ADDED', 'nodes', '', fresh.node), isRight };
    },
  },
  {
    kind: 'CSINode create',
    writer: 'fresh',
    async write(_, device) {
      const object = { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: { name: device.node }, spec: { drivers: [] } };
      await atLocalApi(device, 'POST', '/apis/storage.k8s.io/v1/csinodes', object, { repeated: 409 });
    },
    effects({ devices: { fresh } }, history) {
      const changes = history.of('storage.k8s.io/csinodes', '', fresh.node);
      return { times: changes.length, isRight: changes[0]?.type === 'ADDED' };
    },
  },
  {
    kind: 'node status',
    writer: 'worn',
    async write({ name }, device) {
      const patch = { status: { conditions: [readyCondition(name)] } };
      await atLocalApi(device, 'PATCH', `/api/v1/nodes/${device.node}/status`, patch, { contentType: STRATEGIC });
    },
    effects({ name, devices: { worn } }, history) {
      const times = became(history, worn.node, readyMessage, name);
      return { times, isRight: times > 0 };
    },
  },
  {
    kind: 'label patch',
    writer: 'labelled',
    async write({ name }, device) {
      const patch = { metadata: { labels: { 'example.com/cell': name } } };
      await atLocalApi(device, 'PATCH', `/api/v1/nodes/${device.node}`, patch, { contentType: STRATEGIC });
    },
    effects({ name, devices: { labelled } }, history) {
      const times = became(history, labelled.node, ({ metadata }) => metadata.labels?.['example.com/cell'], name);
      return { times, isRight: times > 0 };
    },
  },
  {
    kind: 'pod status',
    writer: 'worn',
    async prepare({ name, fleet, devices: { worn } }) {
      await fleet.kube.create(pod(worn.node, `status-${name}`));
      await atDevice(worn, 'pods', NAMESPACE, `status-${name}`);
    },
    async write({ name }, device) {
      const patch = { status: { phase: 'Running', conditions: [readyCondition(name)] } };
      await atLocalApi(device, 'PATCH', `${podPath(`status-${name}`)}/status`, patch, { contentType: STRATEGIC });
    },
    effects({ name }, history) {
      const key = ['pods', NAMESPACE, `status-${name}`] as const;
      return { times: history.count('MODIFIED', ...key), isRight: readyMessage(last(history, ...key) ?? missing()) === name };
    },
  },
  {
    kind: 'pod removal',
    writer: 'worn',
    async prepare({ name, fleet, devices: { worn } }) {
      await fleet.kube.create(pod(worn.node, `removed-${name}`));
      await fleet.kube.remove('pods', NAMESPACE, `removed-${name}`, 30);
      const isMarked = ({ metadata }: KubeObject) => metadata.deletionTimestamp !== undefined;
      await atDevice(worn, 'pods', NAMESPACE, `removed-${name}`, isMarked);
    },
    async write({ name }, device) {
      const options = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 };
      await atLocalApi(device, 'DELETE', podPath(`removed-${name}`), options, { repeated: 404 });
    },
    effects({ name }, history) {
      const key = ['pods', NAMESPACE, `removed-${name}`] as const;
      return { times: history.count('DELETED', ...key), isRight: last(history, ...key) === undefined };
    },
  },
  {
    kind: 'mirror pod create',
    writer: 'worn',
    async write({ name, fleet }, device) {
      const { uid } = (await fleet.kube.get('nodes', '', device.node))?.metadata ?? {};
      const owner = { apiVersion: 'v1', kind: 'Node', name: device.node, uid, controller: true };
      const annotations = { 'kubernetes.io/config.mirror': 'f00d', 'kubernetes.io/config.hash': 'f00d' };
      const mirror = pod(device.node, `mirror-${name}`, { annotations, ownerReferences: [owner] } as KubeObject['metadata']);
      await atLocalApi(device, 'POST', `/api/v1/namespaces/${NAMESPACE}/pods`, mirror, { repeated: 409 });
    },
    effects({ name }, history) {
      const changes = history.of('pods', NAMESPACE, `mirror-${name}`);
      return { times: changes.length, isRight: changes[0]?.type === 'ADDED' };
    },
  },
  {
    kind: 'Event create',
    writer: 'worn',
    write: ({ name }, device) => atLocalApi(device, 'POST', eventsPath, event(`new-${name}`, 1), { repeated: 409 }),
    effects({ name }, history) {
      const changes = history.of('events', NAMESPACE, `new-${name}`);
      return { times: changes.length, isRight: changes[0]?.type === 'ADDED' };
    },
  },
  {
    kind: 'Event count-up',
    writer: 'worn',
    async prepare({ name, fleet, devices: { worn } }) {
      await atLocalApi(worn, 'POST', eventsPath, event(`again-${name}`, 1), { repeated: 409 });
      await until('the Event', 30_000, undefined, () => fleet.kube.get('events', NAMESPACE, `again-${name}`));
    },
    async write({ name }, device) {
      await atLocalApi(device, 'PATCH', `${eventsPath}/again-${name}`, { count: 2 }, { contentType: STRATEGIC });
    },
    effects({ name }, history) {
      const key = ['events', NAMESPACE, `again-${name}`] as const;
      return { times: history.count('MODIFIED', ...key), isRight: last(history, ...key)?.count === 2 };
    },
  },
];

/** How often that part of the Node turned into the value, from another one. */
function became(history: ChangeHistory, node: string, part: (object: KubeObject) => string | undefined, value: string): number {
  const states = history.of('nodes', '', node).map(({ object }) => part(object));
  return states.filter((state, index) => state === value && states[index - 1] !== value).length;
}

function missing(): never {
  throw new Error('the object is not there');
}
