import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { PolicyRule } from '@hawser/edge';
import { type JsonObject, type KubeObject, objectKey, PASSED_SIGNER, QUERY_TABLE, type Question } from '@hawser/protocol';
import { type ImpersonationForm, relayBindings } from '../apiserver/relay-identity.ts';
import { SERVING_USAGES, servingRequest } from '../support/certificate-request.ts';
import { deviceKey, joinOver, tokenSecret } from '../support/enrol-client.ts';
import type { KubeClient } from '../support/kube.ts';
import { until } from '../support/until.ts';
import { askAdmin } from './admin-client.ts';
import { type Cluster, configMap, OWN_AUTHORITY, ready, registration, relayFor, start } from './cluster.ts';
import type { ScriptedAgent } from './scripted-agent.ts';

const NODE = 'edge-1';

/** As the API server notes them: `get storage.k8s.io/csidrivers`, `impersonate groups system:nodes`. */
function rightsOf({ verbs, apiGroups = [], resources = [], resourceNames = [''], nonResourceURLs = [] }: PolicyRule): string[] {
  const names = [
    ...nonResourceURLs,
    ...apiGroups.flatMap((group) => resources.map((resource) => (group === '' ? resource : `${group}/${resource}`))),
  ];
  return verbs.flatMap((verb) => names.flatMap((name) => resourceNames.map((only) => `${verb} ${name} ${only}`.trim())));
}

/** Objects of every kind that a pod may lead to, there before any edge node is: so the relay has to read the bodies of all of them. */
const OBJECTS: readonly KubeObject[] = [
  configMap('settings', { colour: 'red' }),
  object('v1', 'Secret', 'password', 'default', { data: {} }),
  object('v1', 'ServiceAccount', 'shop', 'default'),
  object('v1', 'Service', 'front', 'default', { spec: { ports: [{ port: 80 }], selector: { app: 'front' } } }),
  object('v1', 'Endpoints', 'front', 'default'),
  object('discovery.k8s.io/v1', 'EndpointSlice', 'front-1', 'default', { addressType: 'IPv4', endpoints: [] }),
  object('storage.k8s.io/v1', 'StorageClass', 'fast', '', { provisioner: 'example.test/disk' }),
  object('scheduling.k8s.io/v1', 'PriorityClass', 'urgent', '', { value: 1000 }),
  object('storage.k8s.io/v1', 'CSIDriver', 'example.test', '', { spec: {} }),
  object('node.k8s.io/v1', 'RuntimeClass', 'small', '', { handler: 'small' }),
  object('v1', 'PersistentVolume', 'disk', '', {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fast',
      csi: { driver: 'example.test', volumeHandle: 'disk' },
      claimRef: { namespace: 'default', name: 'data' },
    },
  }),
  object('v1', 'PersistentVolumeClaim', 'data', 'default', {
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'fast',
      volumeName: 'disk',
    },
  }),
  object('storage.k8s.io/v1', 'VolumeAttachment', 'attached', '', {
    spec: { attacher: 'example.test', nodeName: NODE, source: { persistentVolumeName: 'disk' } },
  }),
  object('v1', 'Pod', 'front', 'default', {
    spec: {
      nodeName: NODE,
      serviceAccountName: 'shop',
      priorityClassName: 'urgent',
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
        { name: 'password', secret: { secretName: 'password' } },
      ],
      containers: [{ name: 'main', image: 'app:1', envFrom: [{ configMapRef: { name: 'settings' } }] }],
    },
  }),
];

/** What each question of the query table is about here. */
const NAMES: Readonly<Record<string, string>> = {
  configmaps: 'settings',
  secrets: 'password',
  services: 'front',
  endpoints: 'front',
  'discovery.k8s.io/endpointslices': 'front-1',
  persistentvolumes: 'disk',
  persistentvolumeclaims: 'data',
  'storage.k8s.io/volumeattachments': 'attached',
  nodes: NODE,
  pods: 'front',
  'coordination.k8s.io/leases': NODE,
  'storage.k8s.io/csinodes': NODE,
  namespaces: 'default',
  'storage.k8s.io/storageclasses': 'fast',
  'storage.k8s.io/csidrivers': 'example.test',
  'node.k8s.io/runtimeclasses': 'small',
  'scheduling.k8s.io/priorityclasses': 'urgent',
  serviceaccounts: 'shop',
  'certificates.k8s.io/certificatesigningrequests': 'made',
};
const CLUSTER_SCOPED = /^(persistentvolumes|nodes|namespaces|storage.*|node.k8s.*|scheduling.*|certificates.*)$/;

const { base64: CERTIFICATE_REQUEST } = await servingRequest(NODE);

/** What is made by asking: the body, and how it is answered. */
const SUBMITS: Readonly<Record<string, readonly [JsonObject, RegExp]>> = {
  // Without a bound pod a token is forbidden by NodeRestriction, which is past the rights of the relay.
  'serviceaccounts/token': [{ spec: { audiences: [] } }, /forbidden/],
  'pods/eviction': [{ kind: 'Eviction', metadata: { name: 'front' }, deleteOptions: { dryRun: ['All'] } }, /found/],
  'certificates.k8s.io/certificatesigningrequests/': [
    {
      metadata: { name: 'made' },
      spec: { request: CERTIFICATE_REQUEST, signerName: PASSED_SIGNER, usages: SERVING_USAGES },
    },
    /found/,
  ],
};

for (const form of ['constrained', 'groups'] as const) {
  test(`a relay uses each right that deploy/manifests gives it, and asks for no other: ${form}`, {
    timeout: 120_000,
  }, async (t) => {
    const cluster = await start(t, { 'replica.renewSeconds': '1', 'nodeLeases.renewSeconds': '1' }, { impersonation: form });
    await ready(cluster.relay);
    for (const one of OBJECTS) await cluster.kube.create(one);
    await liveAsDevice(cluster);
    // As in its own pod, with its own token.
    assert.equal((await askAdmin(cluster, '/hawser/nodes', cluster.api.relayToken)).status, 200);
    await cluster.relay.stop();
    await authority(t, cluster);
    const { used, denied } = cluster.api.relayRights();
    // That the newer form is not granted is how the relay knows that it needs the older.
    const probe = 'create authentication.k8s.io/selfsubjectreviews as system:node:hawser-probe';
    assert.deepEqual(
      denied.filter((right) => form === 'constrained' || right !== probe),
      [],
    );
    assert.deepEqual(unused(form, used), []);
  });
}

/** Needed where this test does not come: by which other test they are shown. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  // After a conflict with another replica: test/e2e/replicas.test.ts.
  'get coordination.k8s.io/leases',
  // Asked about it, and not made use of at the API server: test/relay/admin.test.ts.
  'get /hawser/*',
]);

function unused(form: ImpersonationForm, used: readonly string[]): string[] {
  const listed = relayBindings(form).flatMap(({ rules }) => rules.flatMap(rightsOf));
  return [...new Set(listed)].filter((right) => !used.includes(right) && !ELSEWHERE.has(right) && !isFallback(right, used));
}

/** Where an API server has no streaming lists, and before something is believed to be gone, a list is made: test/e2e/backwards.test.ts. */
function isFallback(right: string, used: readonly string[]): boolean {
  return right.startsWith('list ') && used.includes(right.replace('list ', 'watch '));
}

/** Everything that makes a relay call the API server. */
async function liveAsDevice({ kube, dial }: Cluster): Promise<void> {
  const { agent } = await dial(NODE);
  await write(agent, registration(NODE));
  await agent.holds(objectKey('pods', 'default', 'front'));
  await agent.state('inSync');
  await reports(agent, kube);
  await questions(agent);
  await autonomy(kube);
  await heartbeats(agent, kube);
  await refusal(dial, kube);
  await clusterKeys(dial);
}

/** A device that lets in pods asks for the keys of their tokens. */
async function clusterKeys(dial: Cluster['dial']): Promise<void> {
  const { agent } = await dial('edge-9', { features: ['clusterKeys'] });
  const told = await agent.message('the keys', (message) => message.type === 'clusterKeys');
  assert.ok(told.type === 'clusterKeys' && told.keys.keySet.includes('"kid"'));
}

/** A relay without certificates of an operator makes the authority, and publishes it; one with other addresses publishes these. */
async function authority(t: TestContext, { api, kube }: Cluster): Promise<void> {
  for (const address of ['wss://first.example', 'wss://second.example']) {
    const { relay } = await relayFor(t, api, { ...OWN_AUTHORITY, 'enroll.relays': address });
    await ready(relay);
    await until(`${address} in the ConfigMap`, 60_000, undefined, async () => {
      const published = await kube.get('configmaps', 'hawser-system', 'hawser-ca');
      return JSON.stringify(published?.data ?? '').includes(address);
    });
    await joining(kube, relay.linkPort);
    await relay.stop();
  }
}

/** A device joins with a token for one device. */
async function joining(kube: KubeClient, port: number): Promise<void> {
  const token = { id: 'abcdef', secret: '0123456789abcdef', isSingleUse: true };
  const key = deviceKey();
  await kube.apply(tokenSecret(token));
  const { status, text } = await joinOver({ port }, `${token.id}.${token.secret}`, key, { nodeName: 'joining' });
  assert.equal(status, 200, text);
  await kube.remove('secrets', 'kube-system', `bootstrap-token-${token.id}`);
  await kube.remove('configmaps', 'hawser-system', 'device-joining');
}

async function autonomy(kube: KubeClient): Promise<void> {
  await kube.patch('nodes', '', NODE, { metadata: { annotations: { 'hawser.dev/autonomy': '72h' } } });
  await until('the pod with its new toleration', 60_000, undefined, async () => {
    const front = await kube.get('pods', 'default', 'front');
    return front?.metadata.annotations?.['hawser.dev/tolerates-unreachable'] === '259200 (was 300)';
  });
}

/** The Lease is made, and then renewed. */
async function heartbeats(agent: ScriptedAgent, kube: KubeClient): Promise<void> {
  agent.send({ type: 'kubelet', alive: true });
  const lease = () => kube.get('coordination.k8s.io/leases', 'kube-node-lease', NODE);
  const made = await until('the Lease of the node', 60_000, undefined, lease);
  const { resourceVersion } = made.metadata;
  await until('its renewal', 60_000, undefined, async () => (await lease())?.metadata.resourceVersion !== resourceVersion);
}

async function reports(agent: ScriptedAgent, kube: KubeClient): Promise<void> {
  const node = await uidOf(kube, 'nodes', '', NODE);
  const front = await uidOf(kube, 'pods', 'default', 'front');
  await write(agent, registration(NODE));
  await write(agent, patch('nodes', '', NODE, node, '', { metadata: { annotations: { 'example.test/a': '1' } } }));
  await write(agent, patch('nodes', '', NODE, node, 'status', { status: { nodeInfo: { kubeletVersion: 'v1.36.0' } } }));
  await write(agent, patch('pods', 'default', 'front', front, 'status', { status: { phase: 'Running' } }));
  const mirror = {
    metadata: {
      name: `static-${NODE}`,
      namespace: 'default',
      annotations: { 'kubernetes.io/config.mirror': 'hash' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: NODE, uid: node, controller: true }],
    },
    spec: { nodeName: NODE, containers: [{ name: 'main', image: 'app:1' }] },
  };
  await write(agent, create('pods', 'default', mirror));
  const event = (count: number) => ({
    metadata: { name: 'front.1', namespace: 'default' },
    count,
    reason: 'Started',
    type: 'Normal',
  });
  await write(
    agent,
    create('events', 'default', { ...event(1), involvedObject: { kind: 'Pod', name: 'front', namespace: 'default' } }),
  );
  await write(agent, patch('events', 'default', 'front.1', undefined, '', { count: 2 }));
  const csiNode = { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: { name: NODE }, spec: { drivers: [] } };
  await write(agent, create('storage.k8s.io/csinodes', '', csiNode));
  const drivers = [{ name: 'example.test', nodeID: NODE, topologyKeys: [] }];
  await write(agent, patch('storage.k8s.io/csinodes', '', NODE, undefined, '', { spec: { drivers } }));
  // It is there already: the relay looks whose it is.
  await write(agent, create('storage.k8s.io/csinodes', '', csiNode));
  const static1 = await uidOf(kube, 'pods', 'default', `static-${NODE}`);
  await write(agent, {
    ...patch('pods', 'default', `static-${NODE}`, static1, '', {}),
    operation: { type: 'remove', gracePeriodSeconds: 0 },
  });
}

async function questions(agent: ScriptedAgent): Promise<void> {
  const [made, read] = [QUERY_TABLE.filter(({ type }) => type === 'submit'), QUERY_TABLE.filter(({ type }) => type === 'get')];
  for (const { type, resource, subresource } of [...made, ...read]) {
    const name = NAMES[resource];
    assert.ok(name !== undefined, `the test asks nothing about ${resource}`);
    const isLease = resource === 'coordination.k8s.io/leases';
    const namespace = isLease ? 'kube-node-lease' : CLUSTER_SCOPED.test(resource) ? '' : 'default';
    const [body, expected] =
      type === 'submit' ? (SUBMITS[`${resource}/${subresource}`] ?? assert.fail()) : [{}, isLease ? /found|notFound/ : /found/];
    const asked = { resource, namespace, name: type === 'submit' && subresource === '' ? '' : name };
    const question: Question = type === 'get' ? { type, ...asked } : { type, ...asked, subresource, body: JSON.stringify(body) };
    const answer = await agent.ask(question);
    assert.match(answer.type, expected, `${resource}: ${JSON.stringify(answer)}`);
  }
}

/** A device that cannot take an object, twice: an Event is made, and counted up. */
async function refusal(dial: Cluster['dial'], kube: KubeClient): Promise<void> {
  const { agent } = await dial(NODE);
  agent.refuses = objectKey('configmaps', 'default', 'settings');
  for (const count of [1, 2]) {
    await kube.patch('configmaps', 'default', 'settings', { data: { count: String(count) } });
    await until(`the Event of ${count} refusals`, 60_000, undefined, async () =>
      (await kube.list('events', 'default')).some((event) => event.reason === 'RefusedByDevice' && Number(event.count) >= count),
    );
  }
}

type Write = Parameters<ScriptedAgent['report']>[0];

async function write(agent: ScriptedAgent, report: Write): Promise<void> {
  const outcome = await agent.report(report);
  assert.equal(outcome.type, 'applied', `${report.operation.type} ${report.resource} ${report.name}: ${JSON.stringify(outcome)}`);
}

function create(resource: string, namespace: string, body: JsonObject): Write {
  const { name } = body.metadata as { name: string };
  return {
    resource,
    namespace,
    name,
    uid: undefined,
    subresource: '',
    operation: { type: 'create', body: JSON.stringify(body) },
  };
}

function patch(
  resource: string,
  namespace: string,
  name: string,
  uid: string | undefined,
  subresource: string,
  body: JsonObject,
): Write {
  const operation = { type: 'patch' as const, patchType: 'strategic' as const, body: JSON.stringify(body) };
  return { resource, namespace, name, uid, subresource, operation };
}

async function uidOf(kube: KubeClient, resource: string, namespace: string, name: string): Promise<string> {
  const uid = (await kube.get(resource, namespace, name))?.metadata.uid;
  assert.ok(uid !== undefined);
  return uid;
}

function object(apiVersion: string, kind: string, name: string, namespace: string, fields: JsonObject = {}): KubeObject {
  return { apiVersion, kind, metadata: { name, ...(namespace === '' ? {} : { namespace }) }, ...fields };
}
