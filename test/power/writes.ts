import assert from 'node:assert/strict';
import type { DeviceAnswer, DeviceCall, LocalDevice } from '../local/device.ts';

/** Sends a request as the kubelet. */
export type Send = (method: string, path: string, call?: DeviceCall) => Promise<DeviceAnswer>;

/** One kind of write that a kubelet makes. Round after round it is made with the next number, which its effect shows. */
export interface Kind {
  readonly name: string;
  readonly write: (send: Send, n: number) => Promise<void>;
  /** Fails unless what was answered up to number n is there. */
  readonly check: (device: LocalDevice, n: number) => void;
}

export const NODE = 'edge-1';
export const NODE_UID = '00000000-0000-4000-8000-0000000000ff';
const PODS = '/api/v1/namespaces/default/pods';
const EVENTS = '/api/v1/namespaces/default/events';
const CSI_NODES = '/apis/storage.k8s.io/v1/csinodes';

const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };
const MERGE = { 'content-type': 'application/merge-patch+json' };
const JSON_PATCH = { 'content-type': 'application/json-patch+json' };

async function done(answer: Promise<DeviceAnswer>, ...also: readonly number[]): Promise<DeviceAnswer> {
  const { status, bytes, ...rest } = await answer;
  assert.ok(status < 300 || also.includes(status), `${status} ${bytes}`);
  return { status, bytes, ...rest };
}

const text = (value: unknown) => JSON.stringify(value);

function numberIn(device: LocalDevice, resource: string, namespace: string, name: string, field: string): number {
  const object = device.store.storage.get({ resource, namespace, name });
  assert.ok(object, `${resource}/${name} is gone`);
  const value = new RegExp(`"${field}":"?(\\d+)`).exec(text(object))?.[1];
  return Number(value ?? '-1');
}

function statusWrite(name: string, type: string, headers: Readonly<Record<string, string>>, patch: (n: number) => unknown): Kind {
  return {
    name,
    write: async (send, n) => {
      await done(send('PATCH', `${PODS}/${type}/status`, { headers, body: text(patch(n)) }));
    },
    check: (device, n) => assert.ok(numberIn(device, 'pods', 'default', type, 'observedGeneration') >= n, `${name} ${n}`),
  };
}

/** The pods that the cloud has sent before. */
export const SYNCED_PODS = ['strategic', 'merge', 'json', 'put', 'marked'];

const mirror = (n: number) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ name: `mirror-${n}`, namespace: 'default', annotations: { 'kubernetes.io/config.mirror': `hash-${n}` } },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: NODE, uid: NODE_UID, controller: true }],
  },
  spec: { nodeName: NODE, containers: [{ name: 'main', image: 'registry.example/main:1' }] },
});

const event = (name: string, count: number) => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name, namespace: 'default' },
  involvedObject: { kind: 'Pod', name: 'strategic', namespace: 'default', apiVersion: 'v1' },
  reason: 'Started',
  count,
});

export const KINDS: readonly Kind[] = [
  {
    name: 'status of the Node',
    write: async (send, n) => {
      const body = text({ status: { nodeInfo: { bootID: `${n}` } } });
      await done(send('PATCH', `/api/v1/nodes/${NODE}/status`, { headers: STRATEGIC, body }));
    },
    check: (device, n) => assert.ok(numberIn(device, 'nodes', '', NODE, 'bootID') >= n, `status of the Node ${n}`),
  },
  statusWrite('strategic merge patch', 'strategic', STRATEGIC, (n) => ({ status: { observedGeneration: n } })),
  statusWrite('merge patch', 'merge', MERGE, (n) => ({ status: { observedGeneration: n } })),
  statusWrite('JSON patch', 'json', JSON_PATCH, (n) => [{ op: 'add', path: '/status', value: { observedGeneration: n } }]),
  {
    name: 'PUT of a status',
    write: async (send, n) => {
      const { json } = await done(send('GET', `${PODS}/put`));
      await done(send('PUT', `${PODS}/put/status`, { body: { ...json, status: { observedGeneration: n } } }));
    },
    check: (device, n) => assert.ok(numberIn(device, 'pods', 'default', 'put', 'observedGeneration') >= n, `PUT ${n}`),
  },
  {
    name: 'create of a mirror pod',
    write: async (send, n) => {
      await done(send('POST', PODS, { body: mirror(n) }), 409);
    },
    check: (device, n) => {
      // The next kind has deleted all but the newest ones.
      const there = device.store.storage.list('pods', 'default').map(({ metadata }) => metadata.name);
      assert.ok(there.includes(`mirror-${n}`), `mirror-${n}`);
    },
  },
  {
    name: 'delete of a mirror pod',
    write: async (send, n) => {
      await done(send('DELETE', `${PODS}/mirror-${n - 1}`, { body: { kind: 'DeleteOptions', gracePeriodSeconds: 0 } }), 404);
    },
    check: (device, n) => {
      for (let before = 1; before < n; before++) {
        const key = { resource: 'pods', namespace: 'default', name: `mirror-${before}` };
        assert.equal(device.store.storage.get(key), undefined, key.name);
      }
    },
  },
  {
    name: 'graceful delete',
    write: async (send) => {
      await done(send('DELETE', `${PODS}/marked`, { body: { kind: 'DeleteOptions', gracePeriodSeconds: 30 } }));
    },
    check: (device) => assert.ok(numberIn(device, 'pods', 'default', 'marked', 'deletionGracePeriodSeconds') === 30),
  },
  {
    name: 'create of an Event',
    write: async (send, n) => {
      await done(send('POST', EVENTS, { body: event(`event-${n}`, 1) }), 409);
    },
    check: (device, n) => {
      for (let each = 1; each <= n; each++) numberIn(device, 'events', 'default', `event-${each}`, 'count');
    },
  },
  {
    name: 'count of an Event',
    write: async (send, n) => {
      await done(send('PATCH', `${EVENTS}/event-1`, { headers: STRATEGIC, body: text({ count: n }) }));
    },
    check: (device, n) => assert.ok(numberIn(device, 'events', 'default', 'event-1', 'count') >= n, `count ${n}`),
  },
  {
    name: 'create and PUT of the CSINode',
    write: async (send, n) => {
      const annotations = { n: String(n) };
      const made = {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSINode',
        metadata: { name: NODE, annotations },
        spec: { drivers: [] },
      };
      if ((await done(send('POST', CSI_NODES, { body: made }), 409)).status === 201) return;
      const { json } = await done(send('GET', `${CSI_NODES}/${NODE}`));
      await done(send('PUT', `${CSI_NODES}/${NODE}`, { body: { ...json, metadata: { ...json?.metadata, annotations } } }));
    },
    check: (device, n) => assert.ok(numberIn(device, 'storage.k8s.io/csinodes', '', NODE, 'n') >= n, `CSINode ${n}`),
  },
];
