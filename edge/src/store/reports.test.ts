import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type JsonObject, type JsonValue, type KubeObject, type Report, resourceById } from '@hawser/protocol';
import { nodeIdentity } from '../api/device/identities.ts';
import { createDevicePolicy } from '../api/device-policy.ts';
import type { Target } from '../api/registry/context.ts';
import { createRegistry, type Registry } from '../api/registry/registry.ts';
import { type MemoryStore, openMemoryStore } from './memory.ts';
import { applied, CLUSTER, create, onlyReport, served, silent, storageKey, update, upsert } from './testing.ts';

/**
 * What a kubelet writes at the local API, as it writes it (bodies after the recordings of a stock kubelet 1.36), and the report that comes
 * out for the cloud.
 */

const NODE_NAME = 'edge-1';
const KUBELET = nodeIdentity(NODE_NAME);
const NOW = new Date('2026-03-01T12:00:00.000Z');

class Kubelet {
  readonly store: MemoryStore;
  readonly #registry: Registry;
  #uids = 0;

  constructor(t: TestContext) {
    const clock = { now: () => NOW, after: () => () => undefined };
    this.store = openMemoryStore({ logger: silent, clock });
    this.store.bindCluster(CLUSTER);
    t.after(() => this.store.close());
    const policy = createDevicePolicy({ nodeName: NODE_NAME, hasSynced: () => true });
    this.#registry = createRegistry({ storage: this.store.storage, policy, clock, newUid: () => `device-${++this.#uids}` });
  }

  create(id: string, object: JsonObject): Promise<KubeObject> {
    const json: KubeObject = JSON.parse(JSON.stringify(object));
    return this.#registry.create(KUBELET, target(id, json.metadata.namespace ?? '', ''), json);
  }

  patch(id: string, name: string, patch: JsonValue, namespace = ''): Promise<KubeObject> {
    return this.#registry.patch(KUBELET, target(id, namespace, name), 'strategic', patch);
  }

  update(id: string, object: KubeObject): Promise<KubeObject> {
    const { name = '', namespace = '' } = object.metadata;
    return this.#registry.update(KUBELET, target(id, namespace, name), object);
  }

  async remove(id: string, name: string, namespace: string): Promise<void> {
    await this.#registry.delete(KUBELET, target(id, namespace, name), { gracePeriodSeconds: 0 });
  }

  /** The cloud's state of an object comes down. */
  receive(id: string, object: JsonObject, resourceVersion = '10'): void {
    const json: KubeObject = JSON.parse(JSON.stringify(object));
    const key = storageKey(id, json.metadata.name ?? '', json.metadata.namespace ?? '');
    assert.deepEqual(this.store.applyBatch(CLUSTER, [upsert(key, resourceVersion, json)]).nacks, []);
  }

  /** The one report that may go now, without its number, its body read. */
  report(): JsonObject {
    return readable(onlyReport(this.store));
  }

  /** Answers the one that may go now. */
  answer(uid: string, resourceVersion: string): void {
    this.store.outbox.answer(onlyReport(this.store).number, applied(uid, resourceVersion));
  }

  /** As after a lost link: what was handed out may go again, and may have arrived. */
  cut(): void {
    this.store.outbox.release();
  }
}

/** `nodes/status` → the subresource of nodes. */
function target(id: string, namespace: string, name: string): Target {
  const [resourceId = '', subresource = ''] = id.includes('.') ? [id] : id.split('/');
  const resource = resourceById(resourceId);
  assert.ok(resource, id);
  return { resource, namespace, name, subresource };
}

function readable({ number: _number, operation, uid, ...rest }: Report): JsonObject {
  const shown = { ...rest, ...(uid === undefined ? {} : { uid }) };
  if (operation.type === 'remove') {
    return { ...shown, type: 'remove', gracePeriodSeconds: operation.gracePeriodSeconds ?? null };
  }
  const type = operation.type === 'patch' ? `${operation.patchType} patch` : operation.type;
  return { ...shown, type, body: JSON.parse(operation.body) };
}

const LABELS = { 'kubernetes.io/hostname': NODE_NAME, 'kubernetes.io/os': 'linux' };
const TIME = '2026-03-01T11:00:00Z';
const ready = (status: string, time: string): JsonObject => ({
  ...{ type: 'Ready', status, reason: 'KubeletReady', message: 'kubelet is posting ready status' },
  ...{ lastHeartbeatTime: time, lastTransitionTime: time },
});
const NODE: JsonObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: NODE_NAME, labels: LABELS },
  spec: { taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] },
  status: { conditions: [ready('False', TIME)], capacity: { pods: '110' } },
};
const NODE_IN_CLOUD: JsonObject = {
  ...NODE,
  metadata: { name: NODE_NAME, uid: 'uid-node', labels: LABELS },
  status: {
    capacity: { pods: '110' },
    conditions: [ready('True', TIME), { type: 'hawser.dev/Linked', status: 'True' }],
    addresses: [
      { type: 'InternalIP', address: '10.0.0.1' },
      { type: 'Hostname', address: NODE_NAME },
    ],
    images: [{ names: ['a'], sizeBytes: 1 }],
    volumesAttached: [{ name: 'v1', devicePath: '/dev/a' }],
  },
};
const OF_NODE = { resource: 'nodes', namespace: '', name: NODE_NAME };

describe('a node', () => {
  it('is registered with its labels, taints and status', async (t) => {
    const kubelet = new Kubelet(t);
    await kubelet.create('nodes', NODE);
    assert.deepEqual(kubelet.report(), { ...OF_NODE, subresource: '', type: 'create', body: NODE });
  });

  it('is registered as it is when it goes, and its status follows', async (t) => {
    const kubelet = new Kubelet(t);
    await kubelet.create('nodes', NODE);
    const annotations = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };
    await kubelet.patch('nodes', NODE_NAME, { metadata: { annotations, labels: { zone: 'z1' } } });
    await kubelet.patch('nodes/status', NODE_NAME, { status: { conditions: [ready('True', TIME)] } });
    await kubelet.patch('nodes', NODE_NAME, { metadata: { labels: { zone: null } } });
    assert.equal(kubelet.store.outbox.count(), 2);
    const metadata = { name: NODE_NAME, labels: LABELS, annotations };
    assert.deepEqual(kubelet.report(), { ...OF_NODE, subresource: '', type: 'create', body: { ...NODE, metadata } });
    kubelet.cut();
    kubelet.answer('uid-node', '10');
    assert.deepEqual(kubelet.report(), {
      ...{ ...OF_NODE, uid: 'uid-node', subresource: 'status', type: 'strategic patch' },
      body: { status: { conditions: [ready('True', TIME)] } },
    });
  });

  it('has its labels and annotations changed by what differs, and its taints by the cluster', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    const key = storageKey('nodes', NODE_NAME, '');
    const { metadata, ...rest } = served(kubelet.store, key);
    const changed = { ...rest, metadata: { ...metadata, labels: { ...LABELS, zone: 'z1' }, annotations: { a: 'b' } } };
    await assert.rejects(kubelet.update('nodes', { ...changed, spec: { taints: [] } }), /is not allowed to modify taints/);
    await kubelet.update('nodes', changed);
    assert.deepEqual(kubelet.report(), {
      ...{ ...OF_NODE, uid: 'uid-node', subresource: '', type: 'strategic patch' },
      body: { metadata: { labels: { zone: 'z1' }, annotations: { a: 'b' } } },
    });
  });

  it('tells a hundred changes of its status as the last one, with what others have written left alone', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    for (let n = 0; n < 100; n++) {
      const second = String(n % 60).padStart(2, '0');
      await kubelet.patch('nodes/status', NODE_NAME, {
        status: {
          conditions: [ready(n % 2 === 0 ? 'False' : 'True', `2026-03-01T11:${n < 60 ? '10' : '11'}:${second}Z`)],
          addresses: [{ type: 'InternalIP', address: `10.0.0.${n + 2}` }],
          images: [{ names: [`image-${n}`], sizeBytes: n }],
          volumesInUse: [`v${n}`],
        },
      });
    }
    assert.equal(kubelet.store.outbox.count(), 1);
    assert.deepEqual(kubelet.report(), {
      ...{ ...OF_NODE, uid: 'uid-node', subresource: 'status', type: 'strategic patch' },
      body: {
        status: {
          conditions: [ready('True', '2026-03-01T11:11:39Z')],
          addresses: [{ type: 'InternalIP', address: '10.0.0.101' }],
          images: [{ names: ['image-99'], sizeBytes: 99 }],
          volumesInUse: ['v99'],
        },
      },
    });
  });

  it('gives two addresses of one type as a whole list, since its key does not tell them apart', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    const addresses = ['10.0.0.1', 'fd00::1'].map((address) => ({ type: 'InternalIP', address }));
    const patch = { status: { addresses: [{ $patch: 'replace' }, ...addresses] } };
    await kubelet.patch('nodes/status', NODE_NAME, patch);
    assert.deepEqual(kubelet.report().body, patch);
    kubelet.cut();
    const one = [{ type: 'InternalIP', address: 'fd00::1' }];
    await kubelet.patch('nodes/status', NODE_NAME, { status: { addresses: [{ $patch: 'replace' }, ...one] } });
    assert.deepEqual(kubelet.report().body, { status: { addresses: [{ $patch: 'replace' }, ...one] } });
  });
});

describe('a condition', () => {
  const heartbeat = (time: string): JsonObject => ({ type: 'Ready', lastHeartbeatTime: time });

  it('that stays the same but for its heartbeat is told by the heartbeat', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    for (const time of ['2026-03-01T11:05:00Z', '2026-03-01T11:10:00Z']) {
      await kubelet.patch('nodes/status', NODE_NAME, { status: { conditions: [heartbeat(time)] } });
    }
    assert.deepEqual(kubelet.report().body, { status: { conditions: [heartbeat('2026-03-01T11:10:00Z')] } });
  });

  it('keeps the time at which it became what it is, however often it is written again', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    await kubelet.patch('nodes/status', NODE_NAME, { status: { conditions: [ready('False', '2026-03-01T11:05:00Z')] } });
    for (const time of ['2026-03-01T11:10:00Z', '2026-03-01T11:15:00Z']) {
      await kubelet.patch('nodes/status', NODE_NAME, { status: { conditions: [heartbeat(time)] } });
    }
    assert.deepEqual(kubelet.report().body, {
      status: { conditions: [{ ...ready('False', '2026-03-01T11:05:00Z'), lastHeartbeatTime: '2026-03-01T11:15:00Z' }] },
    });
  });

  it('that went and came back says with the time of its last transition that it was away', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    await kubelet.patch('nodes/status', NODE_NAME, { status: { conditions: [ready('False', '2026-03-01T11:05:00Z')] } });
    await kubelet.patch('nodes/status', NODE_NAME, { status: { conditions: [ready('True', '2026-03-01T11:06:00Z')] } });
    const [entry] = kubelet.store.outbox.pending(1);
    assert.deepEqual(readable(entry ?? onlyReport(kubelet.store)).body, {
      status: { conditions: [ready('True', '2026-03-01T11:06:00Z')] },
    });
  });

  it('is one statement: what the cloud has made of it meanwhile does not show through', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    const change = { type: 'Ready', message: 'all is well' };
    await kubelet.patch('nodes/status', NODE_NAME, { status: { conditions: [change] } });
    assert.deepEqual(kubelet.report().body, { status: { conditions: [{ ...ready('True', TIME), ...change }] } });
    const unknown = { ...ready('Unknown', '2026-03-01T11:30:00Z'), reason: 'NodeStatusUnknown' };
    kubelet.receive('nodes', { ...NODE_IN_CLOUD, status: { conditions: [unknown] } }, '11');
    const { status } = served(kubelet.store, storageKey('nodes', NODE_NAME, ''));
    assert.deepEqual(status, { conditions: [{ ...ready('True', TIME), ...change }] });
  });
});

describe('a pod of the cloud', () => {
  const POD: JsonObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'uid-web' },
    spec: { nodeName: NODE_NAME, containers: [{ name: 'main', image: 'i' }] },
    status: {
      phase: 'Pending',
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'example.com/gate', status: 'False' },
      ],
    },
  };
  const OF_POD = { resource: 'pods', namespace: 'shop', name: 'web', uid: 'uid-web' };

  it('has its status told as the kubelet said it, merged', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('pods', POD);
    const order = [{ type: 'Ready' }, { type: 'PodScheduled' }];
    const unready = { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'm', lastProbeTime: null };
    await kubelet.patch(
      'pods/status',
      'web',
      {
        metadata: { uid: 'uid-web' },
        status: {
          phase: 'Running',
          '$setElementOrder/conditions': order,
          conditions: [unready],
          containerStatuses: [{ name: 'main', ready: false, restartCount: 0 }],
        },
      },
      'shop',
    );
    const isReady = { type: 'Ready', status: 'True', reason: null, message: null };
    await kubelet.patch(
      'pods/status',
      'web',
      {
        metadata: { uid: 'uid-web' },
        status: {
          '$setElementOrder/conditions': order,
          conditions: [isReady],
          containerStatuses: [{ name: 'main', ready: true, restartCount: 0 }],
          podIPs: [{ ip: '10.1.0.1' }],
        },
      },
      'shop',
    );
    const report = kubelet.report();
    assert.deepEqual({ ...report, body: null }, { ...OF_POD, subresource: 'status', type: 'strategic patch', body: null });
    const { status } = Object(report.body);
    assert.deepEqual(status.conditions, [{ type: 'Ready', status: 'True' }]);
    assert.deepEqual(status.containerStatuses, [{ name: 'main', ready: true, restartCount: 0 }]);
    assert.deepEqual([status.phase, status.podIPs], ['Running', [{ ip: '10.1.0.1' }]]);
  });

  it('says anew what may have arrived and was taken back since', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('pods', POD);
    await kubelet.patch('pods/status', 'web', { status: { phase: 'Running', message: 'up' } }, 'shop');
    kubelet.report();
    kubelet.cut();
    await kubelet.patch('pods/status', 'web', { status: { phase: 'Pending', message: null } }, 'shop');
    assert.deepEqual(kubelet.report().body, { status: { phase: 'Pending', message: null } });
  });

  it('says it anew also when another patch has taken it up in between, before or after a restart', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('pods', POD);
    await kubelet.patch('pods/status', 'web', { status: { phase: 'Running' } }, 'shop');
    kubelet.report();
    kubelet.cut();
    await kubelet.patch('pods/status', 'web', { status: { podIP: '10.1.0.1' } }, 'shop');
    await kubelet.patch('pods/status', 'web', { status: { phase: 'Pending', podIP: null } }, 'shop');
    assert.deepEqual(kubelet.report().body, { status: { phase: 'Pending', podIP: null } });
    const image = kubelet.store.image();
    const next = openMemoryStore({ logger: silent, clock: { now: () => NOW }, image });
    t.after(() => next.close());
    const key = storageKey('pods', 'web', 'shop');
    const before = served(next, key);
    update(next, { ...before, status: { ...Object(before.status), message: 'm' } }, key, 'status');
    assert.deepEqual(readable(onlyReport(next)).body, { status: { phase: 'Pending', podIP: null, message: 'm' } });
  });

  it('is removed by its uid, at once, after its last status', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('pods', POD);
    await kubelet.patch('pods/status', 'web', { status: { phase: 'Succeeded' } }, 'shop');
    await kubelet.remove('pods', 'web', 'shop');
    assert.deepEqual(kubelet.report().body, { status: { phase: 'Succeeded' } });
    kubelet.cut();
    kubelet.answer('uid-web', '11');
    assert.deepEqual(kubelet.report(), { ...OF_POD, subresource: '', type: 'remove', gracePeriodSeconds: 0 });
  });
});

describe('a mirror pod', () => {
  const owner = (uid: string) => [{ apiVersion: 'v1', kind: 'Node', name: NODE_NAME, uid, controller: true }];
  const mirror = (hash: string, nodeUid: string): JsonObject => ({
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: {
      ...{ name: 'static-edge-1', namespace: 'shop', ownerReferences: owner(nodeUid) },
      annotations: { 'kubernetes.io/config.mirror': hash, 'kubernetes.io/config.hash': hash },
    },
    spec: { nodeName: NODE_NAME, containers: [{ name: 'c', image: 'i' }] },
    status: { phase: 'Pending' },
  });
  const OF_MIRROR = { resource: 'pods', namespace: 'shop', name: 'static-edge-1' };

  it('is made, and its status is a report of its own under the uid that the cloud has given', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    await kubelet.create('pods', mirror('h1', 'uid-node'));
    await kubelet.patch('pods/status', 'static-edge-1', { status: { phase: 'Running' } }, 'shop');
    await kubelet.patch('pods/status', 'static-edge-1', { status: { podIP: '10.1.0.1' } }, 'shop');
    assert.equal(kubelet.store.outbox.count(), 2);
    assert.deepEqual(kubelet.report(), { ...OF_MIRROR, subresource: '', type: 'create', body: mirror('h1', 'uid-node') });
    kubelet.cut();
    kubelet.answer('uid-mirror', '12');
    assert.deepEqual(kubelet.report(), {
      ...{ ...OF_MIRROR, uid: 'uid-mirror', subresource: 'status', type: 'strategic patch' },
      body: { status: { phase: 'Running', podIP: '10.1.0.1' } },
    });
  });

  it('that came and went before the cloud heard of it is no report at all', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    await kubelet.create('pods', mirror('h1', 'uid-node'));
    await kubelet.patch('pods/status', 'static-edge-1', { status: { phase: 'Running' } }, 'shop');
    await kubelet.remove('pods', 'static-edge-1', 'shop');
    assert.equal(kubelet.store.outbox.count(), 0);
    await kubelet.create('pods', mirror('h2', 'uid-node'));
    assert.deepEqual(kubelet.report().body, mirror('h2', 'uid-node'));
  });

  it('of which the cloud may have heard is made, removed and made anew, in order', async (t) => {
    const kubelet = new Kubelet(t);
    kubelet.receive('nodes', NODE_IN_CLOUD);
    await kubelet.create('pods', mirror('h1', 'uid-node'));
    kubelet.report();
    kubelet.cut();
    await kubelet.remove('pods', 'static-edge-1', 'shop');
    await kubelet.create('pods', mirror('h2', 'uid-node'));
    const said: JsonValue[] = [];
    for (const uid of ['u1', 'u1', 'u2']) {
      const report = kubelet.report();
      said.push([report.type ?? null, report.uid ?? null]);
      kubelet.cut();
      kubelet.answer(uid, '12');
    }
    assert.deepEqual(said, [
      ['create', null],
      ['remove', 'u1'],
      ['create', null],
    ]);
    assert.equal(kubelet.store.outbox.count(), 0);
  });

  it('waits for the uid of the node that owns it', async (t) => {
    const kubelet = new Kubelet(t);
    const { metadata } = await kubelet.create('nodes', NODE);
    await kubelet.create('pods', mirror('h1', metadata.uid ?? ''));
    assert.equal(kubelet.report().resource, 'nodes');
    kubelet.cut();
    kubelet.answer('uid-node', '10');
    assert.deepEqual(kubelet.report().body, mirror('h1', 'uid-node'));
  });

  it('is the only pod that a kubelet may make', async (t) => {
    const kubelet = new Kubelet(t);
    const { metadata: _metadata, ...rest } = mirror('h1', 'uid-node');
    await assert.rejects(kubelet.create('pods', { ...rest, metadata: { name: 'p', namespace: 'shop' } }), { code: 403 });
    assert.equal(kubelet.store.outbox.count(), 0);
  });
});

describe('an event', () => {
  const event = (count: number): JsonObject => ({
    ...{ apiVersion: 'v1', kind: 'Event', metadata: { name: 'web.1', namespace: 'shop' }, reason: 'Pulled', type: 'Normal' },
    ...{ involvedObject: { kind: 'Pod', namespace: 'shop', name: 'web', uid: 'uid-web' }, message: 'm', count },
    ...{ firstTimestamp: TIME, lastTimestamp: `2026-03-01T11:0${count}:00Z` },
  });
  const counted = (count: number): JsonObject => ({ count, lastTimestamp: `2026-03-01T11:0${count}:00Z`, message: 'm' });
  const OF_EVENT = { resource: 'events', namespace: 'shop', name: 'web.1' };

  it('that was counted up before it went is made once, with its last count', async (t) => {
    const kubelet = new Kubelet(t);
    await kubelet.create('events', event(1));
    for (const count of [2, 3, 4]) await kubelet.patch('events', 'web.1', counted(count), 'shop');
    assert.equal(kubelet.store.outbox.count(), 1);
    assert.deepEqual(kubelet.report(), { ...OF_EVENT, subresource: '', type: 'create', body: event(4) });
  });

  it('that may have arrived is made as it went, and counted up after', async (t) => {
    const kubelet = new Kubelet(t);
    await kubelet.create('events', event(1));
    kubelet.report();
    kubelet.cut();
    for (const count of [2, 3]) await kubelet.patch('events', 'web.1', counted(count), 'shop');
    assert.deepEqual(kubelet.report().body, event(1));
    kubelet.cut();
    kubelet.answer('uid-event', '12');
    assert.deepEqual(kubelet.report(), {
      ...{ ...OF_EVENT, uid: 'uid-event', subresource: '', type: 'strategic patch' },
      body: { count: 3, lastTimestamp: '2026-03-01T11:03:00Z' },
    });
  });

  it('of events.k8s.io is told in the core form, which is the same object', async (t) => {
    const kubelet = new Kubelet(t);
    await kubelet.create('events.k8s.io/events', {
      ...{
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: 'e', namespace: 'shop' },
        action: 'Pull',
        type: 'Normal',
      },
      ...{
        eventTime: '2026-03-01T11:00:00.000000Z',
        reason: 'Pulled',
        note: 'm',
        regarding: { kind: 'Pod', namespace: 'shop', name: 'web' },
      },
      ...{ reportingController: 'kubelet', reportingInstance: NODE_NAME },
    });
    const { resource, body } = kubelet.report();
    assert.deepEqual([resource, Object(body).apiVersion, Object(body).message], ['events', 'v1', 'm']);
  });

  it('about an object that was made here waits until the cloud has named that', async (t) => {
    const kubelet = new Kubelet(t);
    const { metadata } = await kubelet.create('nodes', NODE);
    const about = { kind: 'Node', name: NODE_NAME, uid: metadata.uid ?? '' };
    await kubelet.create('events', { ...event(1), involvedObject: about });
    assert.equal(kubelet.report().resource, 'nodes');
    kubelet.cut();
    kubelet.answer('uid-node', '10');
    assert.deepEqual(Object(kubelet.report().body).involvedObject, { ...about, uid: 'uid-node' });
  });
});

describe('a CSINode', () => {
  const csiNode = (drivers: JsonObject[]): JsonObject => ({
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'CSINode' },
    ...{ metadata: { name: NODE_NAME, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: NODE_NAME, uid: 'uid-node' }] } },
    spec: { drivers },
  });
  const driver = (name: string): JsonObject => ({ name, nodeID: NODE_NAME, topologyKeys: ['zone'] });
  const CSI = 'storage.k8s.io/csinodes';

  it('is made with the drivers that it has when it goes', async (t) => {
    const kubelet = new Kubelet(t);
    const made = await kubelet.create(CSI, csiNode([]));
    const { metadata } = await kubelet.update(CSI, { ...made, spec: { drivers: [driver('a')] } });
    await kubelet.update(CSI, { ...made, metadata, spec: { drivers: [driver('a'), driver('b')] } });
    assert.equal(kubelet.store.outbox.count(), 1);
    assert.deepEqual(kubelet.report(), {
      ...{ resource: CSI, namespace: '', name: NODE_NAME, subresource: '', type: 'create' },
      body: csiNode([driver('a'), driver('b')]),
    });
  });

  it('has a driver added by its name', async (t) => {
    const kubelet = new Kubelet(t);
    await kubelet.create(CSI, csiNode([driver('a')]));
    kubelet.answer('uid-csi', '12');
    const { metadata, ...rest } = served(kubelet.store, storageKey(CSI, NODE_NAME, ''));
    await kubelet.update(CSI, { ...rest, metadata, spec: { drivers: [driver('a'), driver('b')] } });
    const report = kubelet.report();
    assert.deepEqual([report.type, report.uid], ['strategic patch', 'uid-csi']);
    assert.deepEqual(Object(report.body).spec.drivers, [driver('b')]);
  });
});

describe('an object of a kind that the resource table does not have', () => {
  const GADGET = storageKey('example.com/gadgets', 'g', 'shop');
  const gadget = (spec: JsonObject, fields: JsonObject = {}) => ({
    apiVersion: 'example.com/v1',
    kind: 'Gadget',
    spec,
    ...fields,
  });

  it('is made, changed by merge patches, through a subresource too, and removed by its uid', (t) => {
    const { store } = new Kubelet(t);
    create(store, GADGET, 'device-g', gadget({ size: 1, parts: [1, 2] }));
    update(store, { ...served(store, GADGET), ...gadget({ size: 2, parts: [1, 2] }) }, GADGET);
    const made = readable(onlyReport(store));
    assert.deepEqual(
      [made.resource, made.type, Object(made.body).spec],
      ['example.com/gadgets', 'create', { size: 2, parts: [1, 2] }],
    );
    store.outbox.release();
    store.outbox.answer(onlyReport(store).number, applied('uid-g', '12'));
    update(store, { ...served(store, GADGET), spec: { parts: [3] } }, GADGET);
    update(store, { ...served(store, GADGET), status: { ready: true } }, GADGET, 'status');
    const changed = onlyReport(store);
    assert.deepEqual(readable(changed), {
      ...{ resource: 'example.com/gadgets', namespace: 'shop', name: 'g', uid: 'uid-g', subresource: '', type: 'merge patch' },
      body: { spec: { parts: [3], size: null } },
    });
    store.outbox.answer(changed.number, applied('uid-g', '13'));
    const status = onlyReport(store);
    assert.deepEqual(
      [status.subresource, readable(status).type, readable(status).body],
      ['status', 'merge patch', { status: { ready: true } }],
    );
  });
});
