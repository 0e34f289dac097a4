import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ClusterKeys, KubeObject } from '@hawser/protocol';
import { createServiceAccountTokens, ISSUER, type TokenRequest } from '../apiserver/policy/service-account-tokens.ts';
import { startLocalDevice } from './device.ts';

const uid = (last: string) => `00000000-0000-4000-8000-00000000000${last}`;

function object(apiVersion: string, kind: string, name: string, id: string, fields: object = {}, namespace = 'shop'): KubeObject {
  const metadata = { name, uid: uid(id), resourceVersion: '7', ...(namespace === '' ? {} : { namespace }) };
  return { apiVersion, kind, metadata, ...fields };
}

const NODE = object('v1', 'Node', 'edge-1', '1', {}, '');
const ACCOUNT = object('v1', 'ServiceAccount', 'proxy', '2');
const POD = object('v1', 'Pod', 'web', '3', { spec: { nodeName: 'edge-1', serviceAccountName: 'proxy', containers: [] } });
const OTHER_POD = object('v1', 'Pod', 'db', '4', { spec: { nodeName: 'edge-1', serviceAccountName: 'proxy', containers: [] } });

/** A device that has been linked for long, and a cluster that signs. */
async function scene(t: TestContext, options: { readonly enabled?: boolean } = {}) {
  const cluster = await createServiceAccountTokens();
  const clusterKeys: ClusterKeys = { issuer: ISSUER, audiences: [ISSUER], keySet: JSON.stringify(cluster.keySet) };
  const device = await startLocalDevice({
    ...(options.enabled === false ? {} : { clusterKeys }),
    linkedForMs: () => Number.POSITIVE_INFINITY,
  });
  t.after(device.close);
  device.put(
    NODE,
    ACCOUNT,
    POD,
    OTHER_POD,
    object('v1', 'Namespace', 'shop', '5', {}, ''),
    object('v1', 'Service', 'front', '6', { spec: { ports: [{ port: 80 }] } }),
    object('v1', 'Endpoints', 'front', '7'),
    object('discovery.k8s.io/v1', 'EndpointSlice', 'front-1', '8', { addressType: 'IPv4', endpoints: [] }),
    object('v1', 'Secret', 'password', '9', { data: {} }),
    object('v1', 'ConfigMap', 'settings', 'a', { data: {} }),
  );
  const tokenFor = (changes: Partial<TokenRequest> = {}) =>
    cluster.sign({
      ...{ serviceAccount: ACCOUNT, audiences: [ISSUER], lifetimeSeconds: 3_600, pod: POD, node: NODE, now: new Date() },
      ...changes,
    });
  return { device, tokenFor };
}

const READ = [
  '/api/v1/services',
  '/api/v1/namespaces/shop/services/front',
  '/api/v1/endpoints',
  '/apis/discovery.k8s.io/v1/endpointslices',
  '/api/v1/namespaces',
  '/api/v1/nodes/edge-1',
  '/api/v1/nodes?fieldSelector=metadata.name%3Dedge-1',
  '/api/v1/namespaces/shop/pods/web',
  '/api',
  '/apis',
  '/version',
] as const;

const NOT_READ = [
  '/api/v1/namespaces/shop/secrets/password',
  '/api/v1/secrets',
  '/api/v1/namespaces/shop/configmaps/settings',
  '/api/v1/pods',
  '/api/v1/namespaces/shop/pods',
  '/api/v1/namespaces/shop/pods/db',
  '/api/v1/namespaces/bank/pods/web',
  '/api/v1/nodes',
  '/api/v1/nodes/edge-2',
  '/api/v1/namespaces/shop/serviceaccounts/proxy',
  '/api/v1/persistentvolumes',
  '/api/v1/namespaces/shop/events',
  '/apis/coordination.k8s.io/v1/leases',
  '/hawser/v1/query?resource=nodes&name=edge-1',
] as const;

test('a pod reads what kube-proxy, CoreDNS and CNI agents read, and nothing else', async (t) => {
  const { device, tokenFor } = await scene(t);
  const token = await tokenFor();
  for (const path of READ) assert.equal((await device.call('GET', path, { token })).status, 200, path);
  for (const path of NOT_READ) assert.equal((await device.call('GET', path, { token })).status, 403, path);
  const refused = await device.call('GET', '/api/v1/pods', { token });
  assert.match(
    String(refused.json?.message),
    /User "system:serviceaccount:shop:proxy" cannot list resource "pods".*on a device a pod reads/,
  );
});

test('a pod writes Events about itself, and nothing else', async (t) => {
  const { device, tokenFor } = await scene(t);
  const token = await tokenFor();
  const event = (name: string, involvedObject: object) => ({
    metadata: { name, namespace: 'shop' },
    involvedObject,
    reason: 'Ready',
  });
  const itself = { kind: 'Pod', name: 'web', namespace: 'shop', uid: uid('3') };
  const events = '/api/v1/namespaces/shop/events';
  const post = async (path: string, body: object) => (await device.call('POST', path, { token, body })).status;
  assert.equal(await post(events, event('web.1', itself)), 201);
  const patch = {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify({ count: 2 }),
  };
  assert.equal((await device.call('PATCH', `${events}/web.1`, { token, ...patch })).status, 200);
  assert.equal(await post(events, event('db.1', { ...itself, name: 'db', uid: uid('4') })), 403);
  assert.equal(await post(events, event('web.2', { ...itself, uid: uid('4') })), 403);
  assert.equal(await post(events, event('node.1', { kind: 'Node', name: 'edge-1', uid: 'edge-1' })), 403);
  assert.equal(await post('/api/v1/namespaces/bank/events', event('web.3', { ...itself, namespace: 'bank' })), 403);
  const otherEvent = event('db.2', { ...itself, name: 'db', uid: uid('4') });
  assert.equal((await device.call('POST', events, { body: otherEvent })).status, 201, 'the kubelet may');
  const turn = { headers: patch.headers, body: JSON.stringify({ involvedObject: itself }) };
  assert.equal(
    (await device.call('PATCH', `${events}/db.2`, { token, ...turn })).status,
    403,
    'nor make that of another its own',
  );
  for (const [method, path] of [
    ['DELETE', '/api/v1/namespaces/shop/pods/web'],
    ['POST', '/api/v1/namespaces/shop/pods'],
    ['PATCH', '/api/v1/nodes/edge-1'],
    ['PATCH', '/api/v1/namespaces/shop/pods/web/status'],
    ['POST', '/api/v1/namespaces/shop/pods/web/eviction'],
    ['POST', '/api/v1/namespaces/shop/serviceaccounts/proxy/token'],
    ['POST', '/apis/authentication.k8s.io/v1/tokenreviews'],
    ['POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews'],
  ] as const) {
    const call = { token, ...patch, headers: method === 'POST' ? {} : patch.headers };
    assert.equal((await device.call(method, path, call)).status, 403, `${method} ${path}`);
  }
});

test('a pod is who it is to reviews, and its token is nothing once it has gone', async (t) => {
  const { device, tokenFor } = await scene(t);
  const token = await tokenFor();
  const review = async (name: string, asking: string, spec: object) => {
    const { status, json } = await device.call('POST', `/apis/authentication.k8s.io/v1/${name}`, {
      token: asking,
      body: { spec },
    });
    return {
      status,
      answer: json?.status as { userInfo?: object; user?: { username?: string }; error?: string; audiences?: string[] },
    };
  };
  const { answer: self } = await review('selfsubjectreviews', token, {});
  assert.deepEqual((self.userInfo as { username: string }).username, 'system:serviceaccount:shop:proxy');
  const { answer: known } = await review('tokenreviews', device.access.nodeToken, { token });
  assert.deepEqual([known.user?.username, known.audiences], ['system:serviceaccount:shop:proxy', [ISSUER]]);
  const vault = await tokenFor({ audiences: ['vault'] });
  assert.equal((await device.call('GET', '/api/v1/services', { token: vault })).status, 401);
  const { answer: meant } = await review('tokenreviews', device.access.nodeToken, { token: vault, audiences: ['vault'] });
  assert.deepEqual(meant.audiences, ['vault']);
  const { answer: notMeant } = await review('tokenreviews', device.access.nodeToken, { token: vault });
  assert.match(notMeant.error ?? '', /token audiences \["vault"\] is invalid for the target audiences \["https:/);
  device.drop(POD);
  assert.equal((await device.call('GET', '/api/v1/services', { token })).status, 401);
});

test('tokens of another cluster, altered, expired, or bound to nothing here are 401, and so are all where pods are not let in', async (t) => {
  const { device, tokenFor } = await scene(t);
  const statusOf = async (token: string) => (await device.call('GET', '/api/v1/services', { token })).status;
  const token = await tokenFor();
  assert.equal(await statusOf(token), 200);
  const { tokenFor: elsewhere } = await scene(t);
  assert.equal(await statusOf(await elsewhere()), 401, 'another cluster');
  const [header = '', , signature = ''] = token.split('.');
  const [, stolen = ''] = (await tokenFor({ pod: OTHER_POD })).split('.');
  assert.equal(await statusOf([header, stolen, signature].join('.')), 401, 'altered');
  assert.equal(await statusOf(await tokenFor({ now: new Date(Date.now() - 7_200_000) })), 401, 'expired');
  assert.equal(await statusOf(await tokenFor({ pod: undefined })), 401, 'bound to no pod');
  const gone = { ...POD, metadata: { ...POD.metadata, uid: uid('b') } };
  assert.equal(await statusOf(await tokenFor({ pod: gone })), 401, 'a pod that has gone');
  const off = await scene(t, { enabled: false });
  assert.equal((await off.device.call('GET', '/api/v1/services', { token: await off.tokenFor() })).status, 401, 'not enabled');
});
