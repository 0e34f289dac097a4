import type { KubeObject } from '@hawser/protocol';
import type { ChangeHistory } from '../../support/change-history.ts';
import type { Fleet, FleetAgent } from '../../support/fleet.ts';
import { atDevice } from '../../support/fleet.ts';
import { until } from '../../support/until.ts';
import {
  atLocalApi,
  countEvent,
  ending,
  type LocalApi,
  NAMESPACE,
  plainPod,
  readyCondition,
  readyMessage,
  removePod,
  STRATEGIC,
  writeEvent,
  writeNode,
  writePodStatus,
} from '../kubelet.ts';

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
      await fleet.kube.create(plainPod(worn.node, `status-${name}`));
      await atDevice(worn, 'pods', NAMESPACE, `status-${name}`);
    },
    write: ({ name }, device) => writePodStatus(device, `status-${name}`, name),
    effects({ name }, history) {
      const key = ['pods', NAMESPACE, `status-${name}`] as const;
      return { times: history.count('MODIFIED', ...key), isRight: readyMessage(last(history, ...key) ?? missing()) === name };
    },
  },
  {
    kind: 'pod removal',
    writer: 'worn',
    prepare: ({ name, fleet, devices: { worn } }) => ending(fleet.kube, worn, `removed-${name}`),
    write: ({ name }, device) => removePod(device, `removed-${name}`),
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
      const mirror = plainPod(device.node, `mirror-${name}`, { annotations, ownerReferences: [owner] } as KubeObject['metadata']);
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
    write: ({ name }, device) => writeEvent(device, `new-${name}`),
    effects({ name }, history) {
      const changes = history.of('events', NAMESPACE, `new-${name}`);
      return { times: changes.length, isRight: changes[0]?.type === 'ADDED' };
    },
  },
  {
    kind: 'Event count-up',
    writer: 'worn',
    async prepare({ name, fleet, devices: { worn } }) {
      await writeEvent(worn, `again-${name}`);
      await until('the Event', 60_000, undefined, () => fleet.kube.get('events', NAMESPACE, `again-${name}`));
    },
    write: ({ name }, device) => countEvent(device, `again-${name}`, 2),
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
