import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { startLocalDevice } from './device.ts';

const COMMON = ['metadata.name', 'metadata.namespace'];
const POD = ['nodeName', 'restartPolicy', 'schedulerName', 'serviceAccountName', 'hostNetwork'].map((field) => `spec.${field}`);
const POD_STATUS = ['phase', 'podIP', 'podIPs', 'nominatedNodeName'].map((field) => `status.${field}`);
const ABOUT = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];

/** What an API server of 1.36 takes, for everything that a device lists. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '/api/v1/pods': [...COMMON, ...POD, ...POD_STATUS],
  '/api/v1/nodes': ['metadata.name', 'spec.unschedulable'],
  '/api/v1/namespaces': ['metadata.name', 'status.phase'],
  '/api/v1/secrets': [...COMMON, 'type'],
  '/api/v1/services': [...COMMON, 'spec.clusterIP', 'spec.type'],
  '/api/v1/events': [
    ...COMMON,
    ...ABOUT.map((field) => `involvedObject.${field}`),
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  '/apis/events.k8s.io/v1/events': [
    ...COMMON,
    ...ABOUT.map((field) => `regarding.${field}`),
    'reason',
    'reportingController',
    'type',
  ],
  '/apis/certificates.k8s.io/v1/certificatesigningrequests': ['metadata.name', 'spec.signerName'],
  ...Object.fromEntries(
    [
      '/api/v1/configmaps',
      '/api/v1/endpoints',
      '/api/v1/persistentvolumeclaims',
      '/api/v1/persistentvolumes',
      '/api/v1/serviceaccounts',
      '/apis/coordination.k8s.io/v1/leases',
      '/apis/discovery.k8s.io/v1/endpointslices',
      '/apis/node.k8s.io/v1/runtimeclasses',
      '/apis/storage.k8s.io/v1/csidrivers',
      '/apis/storage.k8s.io/v1/csinodes',
      '/apis/storage.k8s.io/v1/volumeattachments',
    ].map((path) => [path, COMMON]),
  ),
};

test('a field selector takes the fields that an API server takes of each kind, and others are refused in its words', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  for (const [path, fields] of Object.entries(FIELDS)) {
    for (const field of fields) {
      const { status, json } = await device.call('GET', `${path}?fieldSelector=${field}%3Dx,${field}%21%3Dy`, {
        token: device.access.token,
      });
      assert.equal(status, 200, `${path} ${field}: ${JSON.stringify(json)}`);
    }
    for (const query of ['', '&watch=true']) {
      const { status, json } = await device.call('GET', `${path}?fieldSelector=spec.foo%3Dx${query}`, {
        token: device.access.token,
      });
      const words =
        fields === COMMON
          ? '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"'
          : 'field label not supported: spec.foo';
      assert.deepEqual([status, json?.reason, json?.message], [400, 'BadRequest', words], path);
    }
  }
});

test('a kubelet lists and watches what its pods refer to by name', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  const configMap = (name: string, index: number): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop', uid: `00000000-0000-4000-8000-00000000000${index}`, resourceVersion: `${index}` },
  });
  device.put(configMap('kube-root-ca.crt', 1), configMap('settings', 2));
  const byName = '/api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3Dsettings';
  const list = (await device.call('GET', `${byName}&limit=500&resourceVersion=0`)).json as unknown as { items: KubeObject[] };
  assert.deepEqual(
    list.items.map(({ metadata }) => metadata.name),
    ['settings'],
  );
  const query = 'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds=1&watch=true';
  const lines = (await device.call('GET', `${byName}&${query}`)).bytes.toString().trim().split('\n');
  const events = lines.map((line) => JSON.parse(line) as { type: string; object: KubeObject });
  assert.deepEqual(
    events.slice(0, 2).map(({ type, object }) => [type, object.metadata.name]),
    [
      ['ADDED', 'settings'],
      ['BOOKMARK', undefined],
    ],
  );
});

test('server-side apply is refused with what to do instead, and a change of the cluster with where it is made', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  const node = { kind: 'Node', apiVersion: 'v1', metadata: { name: device.node } };
  assert.equal((await device.call('POST', '/api/v1/nodes', { body: node })).status, 201);
  const apply = (path: string, type: string, token?: string) =>
    device.call('PATCH', `${path}?fieldManager=kubectl`, {
      body: '{}',
      headers: { 'content-type': type },
      ...(token === undefined ? {} : { token }),
    });
  for (const type of ['application/apply-patch+yaml', 'application/apply-patch+cbor']) {
    const { status, json } = await apply(`/api/v1/nodes/${device.node}/status`, type);
    assert.deepEqual([status, json?.reason], [415, 'UnsupportedMediaType']);
    assert.match(String(json?.message), /no server-side apply: use kubectl apply without --server-side/);
  }
  for (const type of ['application/apply-patch+yaml', 'application/strategic-merge-patch+json']) {
    const { status, json } = await apply('/api/v1/namespaces/shop/configmaps/settings', type, device.access.token);
    assert.equal(status, 403);
    assert.match(String(json?.message), /takes only what a kubelet writes; change this in the cluster/);
  }
});
