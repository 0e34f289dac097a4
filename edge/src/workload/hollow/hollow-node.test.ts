import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { JsonObject, KubeObject } from '@hawser/protocol';
import { pino } from 'pino';
import { MemoryStorage } from '../../../../test/apiserver/memory-storage.ts';
import { createDevicePolicy } from '../../api/device-policy.ts';
import type { SpecialRequest } from '../../api/policy.ts';
import { createRegistry } from '../../api/registry/registry.ts';
import { type ApiError, serviceUnavailable } from '../../api/status.ts';
import type { Change, UpdateWrite, Write } from '../../api/storage.ts';
import { simulatedClock } from '../../link/simulated-clock.ts';
import { jsonOf } from './fields.ts';
import { type NodeFacts, startHollowNode } from './index.ts';

const FACTS: NodeFacts = {
  name: 'edge-1',
  architecture: 'arm64',
  kernelVersion: '6.1.0',
  osImage: 'Linux',
  machineId: '0'.repeat(32),
  bootId: '',
  hostIp: '192.0.2.1',
  cpus: 4,
  memoryBytes: 8 * 1024 ** 3,
};

const LEASES = 'coordination.k8s.io/leases';

/** Remembers what is written, as the outbox would: Leases stay on the device. */
class RecordingStorage extends MemoryStorage {
  readonly writes: Write[] = [];
  readonly renewals: Write[] = [];
  override commit(write: Write): KubeObject {
    if (write.key.resource === LEASES) this.renewals.push(write);
    else if (write.type !== 'create' || write.key.resource === 'nodes') this.writes.push(write);
    return super.commit(write);
  }
}

/** A device: storage, registry and hollow node on a clock that the test moves. */
function device(storage = new RecordingStorage(), options: { readonly tokens?: boolean } = {}) {
  const clock = simulatedClock();
  let withoutToken: ApiError | undefined;
  const tokenRequests: SpecialRequest[] = [];
  const policy = createDevicePolicy({
    nodeName: 'edge-1',
    hasSynced: () => true,
    requestToken: async (request) => {
      tokenRequests.push(request);
      if (withoutToken !== undefined) throw withoutToken;
      const expirationTimestamp = new Date(clock.now().getTime() + 3_607_000).toISOString();
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {} };
      return { status: 201, body: { ...body, spec: { expirationSeconds: 3607 }, status: { token: 't', expirationTimestamp } } };
    },
  });
  const registry = createRegistry({ storage, policy, clock });
  const parts = { registry, facts: FACTS, clock, random: () => 0.5, logger: pino({ level: 'silent' }) };
  const start = () => startHollowNode({ ...parts, ...options });
  let hollow = start();
  const settle = async () => {
    // Each step of a worker is a few turns of promises.
    for (let count = 0; count < 20; count++) await turn();
  };
  return {
    storage,
    tokenRequests,
    /** What everybody who asks for a token is told; undefined: here it is. */
    refuseTokens: (error: ApiError | undefined) => {
      withoutToken = error;
    },
    pass: async (milliseconds: number) => {
      await settle();
      for (let left = milliseconds; left > 0; left -= 50) {
        clock.advance(Math.min(50, left));
        await settle();
      }
    },
    settle,
    restart: () => {
      hollow.stop();
      hollow = start();
    },
    hollow: () => hollow,
    get: (resource: string, namespace: string, name: string) => storage.get({ resource, namespace, name }),
    phase: (name: string) => jsonOf(storage.get({ resource: 'pods', namespace: 'default', name })?.status).phase,
    stop: () => hollow.stop(),
    /** As a batch from the cloud would. */
    put(resource: string, object: KubeObject) {
      const { namespace = '', name = '' } = object.metadata;
      const key = { resource, namespace, name };
      const before = storage.get(key);
      if (before === undefined) storage.commit({ type: 'create', key, object });
      else {
        const expectedRevision = Number(before.metadata.resourceVersion);
        storage.commit({ type: 'update', key, expectedRevision, object, subresource: '', intent: { verb: 'update' } });
      }
    },
    take(resource: string, namespace: string, name: string) {
      const key = { resource, namespace, name };
      const before = storage.get(key);
      const expectedRevision = Number(before?.metadata.resourceVersion);
      storage.commit({ type: 'delete', key, expectedRevision, expectedUid: before?.metadata.uid ?? '', gracePeriodSeconds: 0 });
    },
  };
}

function pod(name: string, spec: Record<string, unknown> = {}, uid = `uid-${name}`): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid, generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { nodeName: 'edge-1', containers: [{ name: 'main', image: 'i' }], restartPolicy: 'Always', ...spec },
    status: { phase: 'Pending' },
  };
}

function configMap(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', uid: `uid-${name}` }, data: { a: '1' } };
}

test('the node registers itself, and again when the cloud refused it', async () => {
  const { pass, get, take, storage, stop } = device();
  await pass(100);
  const node = get('nodes', '', 'edge-1');
  assert.equal(node?.metadata.labels?.['kubernetes.io/arch'], 'arm64');
  const { conditions, nodeInfo, capacity } = jsonOf(node?.status);
  assert.deepEqual(
    (Array.isArray(conditions) ? conditions.map(jsonOf) : []).map(({ type, status }) => `${type}=${status}`),
    ['MemoryPressure=False', 'DiskPressure=False', 'PIDPressure=False', 'Ready=True'],
  );
  assert.equal(jsonOf(nodeInfo).kubeletVersion, 'v1.36.0-hawser-hollow');
  assert.deepEqual(capacity, { cpu: '4', memory: '8388608Ki', pods: '110' });
  take('nodes', '', 'edge-1');
  await pass(1_000);
  assert.equal(get('nodes', '', 'edge-1'), undefined, 'not at once again');
  await pass(120_000);
  assert.notEqual(get('nodes', '', 'edge-1'), undefined);
  assert.ok(storage.writes.length < 10);
  stop();
});

test('a node condition that the cloud has overwritten is said anew', async () => {
  const { pass, get, put, stop } = device();
  await pass(15_000);
  const node = get('nodes', '', 'edge-1') ?? assert.fail();
  const status = jsonOf(node.status);
  const conditions = Array.isArray(status.conditions) ? status.conditions.map(jsonOf) : [];
  const unknown = conditions.map((condition) => ({ ...condition, status: 'Unknown', reason: 'NodeStatusUnknown' }));
  put('nodes', { ...node, status: { ...status, conditions: unknown } });
  await pass(15_000);
  const after = jsonOf(get('nodes', '', 'edge-1')?.status).conditions;
  assert.equal((Array.isArray(after) ? after.map(jsonOf) : []).find(({ type }) => type === 'Ready')?.status, 'True');
  stop();
});

test('an unchanged node is reported every five minutes', async () => {
  const { pass, storage, stop } = device();
  await pass(60_000);
  const before = storage.writes.length;
  await pass(180_000);
  assert.equal(storage.writes.length, before);
  await pass(120_000);
  assert.equal(storage.writes.length, before + 1);
  stop();
});

test('the Lease is made for the Node and renewed every ten seconds, over the version that it has', async () => {
  const { pass, get, storage, take, stop } = device();
  await pass(1_100);
  const node = get('nodes', '', 'edge-1');
  const lease = get(LEASES, 'kube-node-lease', 'edge-1');
  assert.deepEqual(lease?.metadata.ownerReferences, [
    { apiVersion: 'v1', kind: 'Node', name: 'edge-1', uid: node?.metadata.uid },
  ]);
  assert.deepEqual(lease?.spec, { holderIdentity: 'edge-1', leaseDurationSeconds: 40, renewTime: '1970-01-01T00:00:00.000000Z' });
  await pass(60_000);
  assert.deepEqual(
    storage.renewals.map(({ type }) => type),
    ['create', ...Array(6).fill('update')],
  );
  assert.equal(jsonOf(get(LEASES, 'kube-node-lease', 'edge-1')?.spec).renewTime, '1970-01-01T00:01:00.000000Z');
  take(LEASES, 'kube-node-lease', 'edge-1');
  await pass(10_000);
  assert.equal(storage.renewals.at(-1)?.type, 'create', 'one that is gone is made again');
  stop();
  const { length } = storage.renewals;
  await pass(60_000);
  assert.equal(storage.renewals.length, length);
});

test('a node that the cloud has lost is registered anew', async () => {
  const { pass, get, hollow, stop } = device();
  await pass(100);
  const before = get('nodes', '', 'edge-1')?.metadata.uid;
  hollow().registerAnew();
  await pass(10_000);
  const after = get('nodes', '', 'edge-1')?.metadata.uid;
  assert.ok(after !== undefined && after !== before);
  stop();
});

test('pods of this node are brought up, others are left alone', async () => {
  const { pass, put, phase, storage, stop } = device();
  put('pods', pod('mine'));
  put('pods', pod('other', { nodeName: 'edge-2' }));
  await pass(1_000);
  assert.deepEqual([phase('mine'), phase('other')], ['Running', 'Pending']);
  const patches = storage.writes.filter(
    (write): write is UpdateWrite => write.type === 'update' && write.key.resource === 'pods',
  );
  assert.deepEqual([...new Set(patches.map(({ subresource, intent }) => `${subresource} ${intent.verb}`))], ['status patch']);
  assert.ok(patches.every(({ intent }) => intent.verb === 'patch' && jsonOf(jsonOf(intent.patch).metadata).uid === 'uid-mine'));
  stop();
});

test('a pod recovers when its ConfigMap arrives', async () => {
  const { pass, put, phase, stop } = device();
  put('pods', pod('app', { volumes: [{ name: 'v', configMap: { name: 'late' } }] }));
  await pass(60_000);
  assert.equal(phase('app'), 'Pending');
  put('configmaps', configMap('late'));
  await pass(1_000);
  assert.equal(phase('app'), 'Running');
  stop();
});

test('a pod that the cloud marks for deletion ends, and its last delete names its uid and no grace', async () => {
  const { pass, put, get, storage, stop } = device();
  put('pods', pod('app'));
  await pass(1_000);
  const running = get('pods', 'default', 'app') ?? assert.fail();
  const metadata = {
    ...running.metadata,
    deletionTimestamp: '2026-01-01T00:01:00Z',
    deletionGracePeriodSeconds: 30,
    generation: 2,
  };
  put('pods', { ...running, metadata });
  await pass(1_000);
  assert.equal(get('pods', 'default', 'app'), undefined);
  const [last] = storage.writes.slice(-1);
  assert.ok(last?.type === 'delete' && last.expectedUid === 'uid-app' && last.gracePeriodSeconds === 0);
  const before = jsonOf(storage.writes.findLast((write): write is UpdateWrite => write.type === 'update')?.object.status);
  assert.equal(before.phase, 'Succeeded');
  stop();
});

test('a pod that was deleted and made again under its name begins anew', async () => {
  const { pass, put, take, get, phase, stop } = device();
  put('pods', pod('app'));
  await pass(1_000);
  const first = jsonOf(get('pods', 'default', 'app')?.status).podIP;
  take('pods', 'default', 'app');
  put('pods', pod('app', {}, 'uid-second'));
  await pass(20);
  assert.equal(phase('app'), 'Pending');
  await pass(1_000);
  assert.equal(phase('app'), 'Running');
  assert.notEqual(jsonOf(get('pods', 'default', 'app')?.status).podIP, first);
  stop();
});

test('a restart of the agent leaves running pods as they are, and writes nothing about them', async () => {
  const { pass, put, get, restart, storage, stop } = device();
  put('pods', pod('app'));
  await pass(2_000);
  const before = get('pods', 'default', 'app');
  const isAboutPods = ({ key }: Pick<Change, 'key'>) => key.resource === 'pods';
  const count = storage.writes.filter(isAboutPods).length;
  restart();
  await pass(60_000);
  assert.deepEqual(get('pods', 'default', 'app'), before);
  assert.equal(storage.writes.filter(isAboutPods).length, count);
  stop();
});

test('a status that is undone again and again is not written without pause', async () => {
  const { pass, put, get, storage, stop } = device();
  put('pods', pod('app'));
  await pass(2_000);
  const before = storage.writes.length;
  for (let round = 0; round < 50; round++) {
    const current = get('pods', 'default', 'app') ?? assert.fail();
    put('pods', { ...current, status: { phase: 'Pending' } });
    await pass(200);
  }
  // The writes of the test itself are among them.
  assert.ok(storage.writes.length - before - 50 <= 4, `${storage.writes.length - before - 50} writes in 10 s`);
  stop();
});

// The order and the shapes of a real kubelet.

interface Exchange {
  readonly request: {
    readonly method: string;
    readonly path?: string;
    readonly url?: string;
    readonly as: string;
    readonly body?: JsonObject;
  };
  readonly response: { readonly body?: JsonObject };
}

function recording(name: string): Exchange[] | undefined {
  const file = join(import.meta.dirname, '../../../../../shared/recordings', `${name}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).exchanges : undefined;
}

function ofKubelet(exchanges: readonly Exchange[], method: string): JsonObject[] {
  return exchanges
    .filter(({ request }) => request.method === method && /\/pods\/app(\/status)?$/.test(request.path ?? request.url ?? ''))
    .filter(({ request }) => request.as.startsWith('system:node'))
    .map(({ request }) => request.body ?? {});
}

/**
 * What this node leaves out on purpose: `status.resources` and `status.allocatedResources` of the whole pod (sums of
 * quantities that nothing on the device reads), and the order that a kubelet names for lists that merge by key.
 */
function comparable(status: JsonObject): unknown {
  const { resources: _resources, allocatedResources: _allocated, ...rest } = status;
  const conditions = Array.isArray(rest.conditions) ? rest.conditions.map(jsonOf) : [];
  return {
    ...rest,
    conditions: conditions.map(({ lastTransitionTime: _time, lastProbeTime: _probe, ...condition }) => condition),
    hostIP: '',
    hostIPs: [],
    podIP: rest.podIP === undefined ? undefined : '',
    podIPs: [],
    startTime: '',
    containerStatuses: (Array.isArray(rest.containerStatuses) ? rest.containerStatuses.map(jsonOf) : []).map((status) => ({
      ...status,
      containerID: status.containerID === undefined ? undefined : '',
      imageID: status.imageID === '' ? '' : 'some',
      state: withoutTimes(status.state),
    })),
  };
}

function withoutTimes(state: unknown): unknown {
  const [kind = '', inner] = Object.entries(jsonOf(state))[0] ?? [];
  const { startedAt: _started, finishedAt: _finished, containerID: _id, ...rest } = jsonOf(inner);
  return { [kind]: rest };
}

test('a pod is brought up and taken down in the states that a real kubelet reported', async (context) => {
  const created = recording('08-kubelet-json-2-pod-created-to-running');
  const deleted = recording('08-kubelet-json-7-pod-deleted');
  if (created === undefined || deleted === undefined) return context.skip('no recordings beside the repository');
  const recorded = created[0]?.response.body ?? assert.fail();
  const { pass, put, get, storage, stop } = device();
  for (const name of ['app-config', 'kube-root-ca.crt']) {
    put('configmaps', {
      ...configMap(name),
      metadata: { name, namespace: 'rec-edge', uid: name },
      data: { greeting: '', 'ca.crt': '' },
    });
  }
  put('secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'app-secret', namespace: 'rec-edge', uid: 's' },
    data: { user: '' },
  });
  const bound = jsonOf(recorded);
  const spec: JsonObject = { ...jsonOf(bound.spec), nodeName: 'edge-1' };
  const { name, namespace, uid, generation, labels } = jsonOf(bound.metadata);
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: String(name),
      namespace: String(namespace),
      uid: String(uid),
      generation: Number(generation),
      labels: { app: String(jsonOf(labels).app) },
    },
    spec,
    status: {
      ...jsonOf(bound.status),
      conditions: [{ type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: '2026-11-23T14:08:48Z' }],
    },
  };
  // The real kubelet's probe had its first success a moment after the start.
  const container = jsonOf(Array.isArray(spec.containers) ? spec.containers[0] : undefined);
  const probe = { ...jsonOf(container.readinessProbe), initialDelaySeconds: 1 };
  put('pods', { ...object, spec: { ...spec, containers: [{ ...container, readinessProbe: probe }] } });
  await pass(5_000);
  const running = get('pods', 'rec-edge', 'app') ?? assert.fail();
  const metadata = {
    ...running.metadata,
    generation: 2,
    deletionTimestamp: '2026-11-23T14:09:12Z',
    deletionGracePeriodSeconds: 3,
  };
  put('pods', { ...running, metadata });
  await pass(2_000);
  stop();

  const written = storage.writes
    .filter(
      (write): write is UpdateWrite => write.type === 'update' && write.subresource === 'status' && write.key.resource === 'pods',
    )
    .map(({ object: after }) => jsonOf(after.status));
  // Patches say what changed; what the object was after each of them is the answer to it.
  const answers = [...created, ...deleted]
    .filter(({ request }) => request.method === 'PATCH' && /\/pods\/app\/status$/.test(request.path ?? request.url ?? ''))
    .filter(
      ({ request }) => jsonOf(jsonOf(request.body).status).resources === undefined || jsonOf(request.body).status !== undefined,
    )
    .map(({ response }) => jsonOf(jsonOf(response.body).status));
  // The real one's seventh patch changes only the resources of the whole pod.
  assert.deepEqual(written.map(comparable), answers.slice(0, 6).map(comparable));
  assert.equal(answers.length, 7);

  const [finalDelete] = ofKubelet(deleted, 'DELETE');
  const last = storage.writes.at(-1);
  assert.ok(last?.type === 'delete');
  assert.deepEqual(
    { gracePeriodSeconds: last.gracePeriodSeconds, uid: last.expectedUid },
    { gracePeriodSeconds: finalDelete?.gracePeriodSeconds, uid: jsonOf(finalDelete?.preconditions).uid },
  );
});

const TOKEN_VOLUME = {
  volumes: [
    { name: 'kube-api-access', projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }] } },
  ],
};

test('a pod asks for its token as a kubelet does before it runs, and anew after a restart', async () => {
  const { pass, put, phase, tokenRequests, restart, stop } = device();
  put('pods', pod('web', TOKEN_VOLUME));
  await pass(1_000);
  assert.equal(phase('web'), 'Running');
  const [asked] = tokenRequests;
  assert.deepEqual([asked?.identity.name, asked?.namespace, asked?.name], ['system:node:edge-1', 'default', 'default']);
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'web', uid: 'uid-web' };
  assert.deepEqual(asked?.body?.spec, { audiences: null, expirationSeconds: 3607, boundObjectRef });
  restart();
  await pass(1_000);
  assert.equal(tokenRequests.length, 2);
  stop();
});

test('a pod that gets no token waits in ContainerCreating with a FailedMount Event, and runs when it comes', async () => {
  const { pass, put, get, phase, storage, refuseTokens, stop } = device();
  refuseTokens(serviceUnavailable('no token of this pod is kept', 10));
  put('pods', pod('web', TOKEN_VOLUME));
  await pass(60_000);
  assert.equal(phase('web'), 'Pending');
  const status = jsonOf(get('pods', 'default', 'web')?.status);
  assert.match(JSON.stringify(status.containerStatuses), /ContainerCreating/);
  const events = storage.list('events', 'default').map(({ reason, message, count }) => ({ reason, message, count }));
  const message = 'MountVolume.SetUp failed for volume "kube-api-access" : failed to fetch token: no token of this pod is kept';
  assert.deepEqual(events, [{ reason: 'FailedMount', message, count: 1 }]);
  refuseTokens(undefined);
  await pass(20_000);
  assert.equal(phase('web'), 'Running');
  stop();
});

test('a pod that runs is not stopped where a restarted agent gets no token for it', async () => {
  const { pass, put, phase, refuseTokens, restart, stop } = device();
  put('pods', pod('web', TOKEN_VOLUME));
  await pass(1_000);
  refuseTokens(serviceUnavailable('no', 10));
  restart();
  await pass(60_000);
  assert.equal(phase('web'), 'Running');
  stop();
});

test('a hollow node without tokens asks for none', async () => {
  const { pass, put, phase, tokenRequests, stop } = device(new RecordingStorage(), { tokens: false });
  put('pods', pod('web', TOKEN_VOLUME));
  await pass(1_000);
  assert.equal(phase('web'), 'Running');
  assert.equal(tokenRequests.length, 0);
  stop();
});
