import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { rotateTokens } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type LocalDevice, startLocalDevice } from './device.ts';

const NODE = '00000000-0000-4000-8000-0000000000ff';

async function deviceWithPods(t: TestContext): Promise<LocalDevice> {
  const device = await startLocalDevice();
  t.after(device.close);
  const pod = (name: string, uid: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid: `00000000-0000-4000-8000-00000000000${uid}`, resourceVersion: '7' },
    spec: { nodeName: 'edge-1', serviceAccountName: 'clerk', containers: [{ name: 'main', image: 'i' }] },
  });
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'edge-1', uid: NODE, resourceVersion: '6' } };
  device.put(node, pod('web', '1'), pod('db', '2'));
  return device;
}

type Review = (resource: string, spec: object, token?: string) => Promise<Record<string, unknown>>;

/** Asks a review and gives back its status. */
function reviewsOf(device: LocalDevice): Review {
  return async (resource, spec, token) => {
    const group = resource.startsWith('token') || resource === 'selfsubjectreviews' ? 'authentication' : 'authorization';
    const call = { body: { spec }, ...(token === undefined ? {} : { token }) };
    const { status, json } = await device.call('POST', `/apis/${group}.k8s.io/v1/${resource}`, call);
    assert.equal(status, 201, JSON.stringify(json));
    return json?.status as Record<string, unknown>;
  };
}

test('what a kubelet asks about who comes to its own server is answered without a link', async (t) => {
  const device = await deviceWithPods(t);
  const review = reviewsOf(device);
  const known = await review('tokenreviews', { token: device.access.viewerToken });
  assert.deepEqual(known, {
    ...{ authenticated: true, audiences: [] },
    user: { username: 'hawser:device-viewer', groups: ['hawser:device-viewers', 'system:authenticated'] },
  });
  assert.deepEqual(await review('tokenreviews', { token: 'of a stranger' }), { user: {}, error: 'invalid bearer token' });

  const onKubelet = async (user: string, group: string, verb: string, subresource: string) => {
    const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name: 'edge-1' };
    const { allowed } = await review('subjectaccessreviews', {
      user,
      groups: [group, 'system:authenticated'],
      resourceAttributes,
    });
    return allowed;
  };
  for (const subresource of ['proxy', 'log', 'stats', 'metrics', 'pods', 'healthz', 'configz', 'checkpoint']) {
    assert.equal(await onKubelet('hawser:device-admin', 'hawser:device-admins', 'create', subresource), true, subresource);
    const viewed = ['stats', 'metrics', 'pods', 'healthz'].includes(subresource);
    assert.equal(await onKubelet('hawser:device-viewer', 'hawser:device-viewers', 'get', subresource), viewed, subresource);
    assert.equal(await onKubelet('hawser:device-viewer', 'hawser:device-viewers', 'create', subresource), false, subresource);
    assert.equal(await onKubelet('system:serviceaccount:shop:clerk', 'system:serviceaccounts', 'get', subresource), false);
    assert.equal(await onKubelet('alice', 'system:masters', 'get', subresource), false, 'whom the device does not know');
  }
});

test('everybody is told who they are and what they may, and only kubelet and administrator about others', async (t) => {
  const device = await deviceWithPods(t);
  const { token, viewerToken } = device.access;
  const review = reviewsOf(device);
  const { userInfo } = await review('selfsubjectreviews', {}, viewerToken);
  assert.deepEqual(userInfo, { username: 'hawser:device-viewer', groups: ['hawser:device-viewers', 'system:authenticated'] });
  const canI = async (who: string, verb: string, resource: string) => {
    const { allowed } = await review(
      'selfsubjectaccessreviews',
      { resourceAttributes: { verb, resource, namespace: 'shop' } },
      who,
    );
    return allowed;
  };
  assert.equal(await canI(viewerToken, 'list', 'pods'), true);
  assert.equal(await canI(viewerToken, 'get', 'secrets'), false);
  assert.equal(await canI(viewerToken, 'delete', 'pods'), false);
  assert.equal(await canI(token, 'get', 'secrets'), true);
  assert.equal(await canI(token, 'delete', 'pods'), true);
  assert.equal(await canI(token, 'create', 'configmaps'), false);
  const rules = await review('selfsubjectrulesreviews', { namespace: 'shop' }, token);
  assert.ok((rules.resourceRules as { resources: string[] }[]).some(({ resources }) => resources.includes('pods/status')));
  assert.equal(rules.incomplete, false);
  for (const path of [
    '/apis/authentication.k8s.io/v1/tokenreviews',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    '/apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews',
  ]) {
    const resourceAttributes = { verb: 'get', resource: 'pods', namespace: 'shop' };
    const body = { spec: { user: 'alice', token: 'x', resourceAttributes } };
    assert.equal((await device.call('POST', path, { token: viewerToken, body })).status, 403, path);
    assert.equal((await device.call('POST', path, { token, body })).status, 201, path);
  }
});

test('what NodeRestriction refuses a kubelet in the cluster is refused here in the same words', async (t) => {
  const device = await deviceWithPods(t);
  const said = async (method: string, path: string, body?: object) => {
    const headers = method === 'PATCH' ? { 'content-type': 'application/strategic-merge-patch+json' } : {};
    const { status, json } = await device.call(method, path, {
      ...(body === undefined ? {} : { body: method === 'PATCH' ? JSON.stringify(body) : body }),
      headers,
    });
    assert.equal(status, 403, `${method} ${path}: ${JSON.stringify(json)}`);
    return String(json?.message);
  };
  const self = 'User "system:node:edge-1"';
  assert.equal(
    await said('POST', '/api/v1/nodes', { metadata: { name: 'edge-3' } }),
    'nodes "edge-3" is forbidden: node "edge-1" is not allowed to modify node "edge-3"',
  );
  assert.equal(
    await said('GET', '/api/v1/nodes/edge-2'),
    `nodes "edge-2" is forbidden: ${self} cannot get resource "nodes" in API group "" at the cluster scope: node 'edge-1' cannot read 'edge-2', only its own Node object`,
  );
  assert.equal(
    await said('PATCH', '/api/v1/nodes/edge-1', { metadata: { labels: { 'node-role.kubernetes.io/worker': '' } } }),
    'nodes "edge-1" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/worker',
  );
  assert.equal(
    await said('PATCH', '/api/v1/nodes/edge-1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }),
    'nodes "edge-1" is forbidden: node "edge-1" is not allowed to modify taints',
  );
  assert.equal(
    await said('DELETE', '/api/v1/nodes/edge-1'),
    `nodes "edge-1" is forbidden: ${self} cannot delete resource "nodes" in API group "" at the cluster scope`,
  );
  assert.equal(
    await said('GET', '/api/v1/pods'),
    `pods is forbidden: ${self} cannot list resource "pods" in API group "" at the cluster scope: can only list/watch pods with spec.nodeName field selector`,
  );
  assert.equal(
    await said('PATCH', '/api/v1/namespaces/shop/pods/web/status', { metadata: { labels: { a: 'b' } } }),
    'pods "web" is forbidden: node "edge-1" cannot update labels through pod status',
  );
  assert.equal(
    await said('PATCH', '/api/v1/namespaces/shop/pods/web', { spec: {} }),
    `pods "web" is forbidden: ${self} cannot patch resource "pods" in API group "" in the namespace "shop"`,
  );
  assert.match(await said('GET', '/api/v1/namespaces/shop/secrets'), /cannot list resource "secrets".*: No Object name found$/);
});

test('nobody acts for another', async (t) => {
  const device = await deviceWithPods(t);
  const headers = { 'impersonate-user': 'alice' };
  const { status, json } = await device.call('GET', '/api/v1/pods', { token: device.access.token, headers });
  assert.deepEqual(
    [status, json?.message],
    [
      403,
      'users "alice" is forbidden: User "hawser:device-admin" cannot impersonate resource "users" in API group "" at the cluster scope',
    ],
  );
});

test('tokens that are changed while the device serves let in at once, the old ones do not, and open watches end', async (t) => {
  const device = await deviceWithPods(t);
  const watching = device.call('GET', '/api/v1/pods?watch=true', { token: device.access.token });
  const cut = assert.rejects(watching);
  // It is open once it counts.
  while (device.api.server.load().watches === 0) await new Promise((resolve) => setImmediate(resolve));
  const { administrator, viewer, kubelet } = rotateTokens(device.folder);
  assert.equal((await device.call('GET', '/version', { token: administrator })).status, 200);
  await cut;
  const statusOf = async (token: string) => (await device.call('GET', '/version', { token })).status;
  const { token, viewerToken, nodeToken } = device.access;
  assert.deepEqual(
    await Promise.all([token, viewerToken, nodeToken, viewer, kubelet].map(statusOf)),
    [401, 401, 200, 200, 200],
    'a kubelet has two minutes to read its file anew',
  );
  rmSync(`${device.folder}/api.token`);
  assert.equal(await statusOf(administrator), 200, 'what is taken away changes nothing');
});
