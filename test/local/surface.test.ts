import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { startLocalDevice } from './device.ts';

interface Listed {
  readonly name: string;
  readonly verbs: readonly string[];
}

const EVERYWHERE = [
  ['/api/v1', ['configmaps', 'events', 'nodes', 'nodes/status', 'pods', 'pods/eviction', 'secrets', 'serviceaccounts/token']],
  ['/apis/storage.k8s.io/v1', ['csidrivers', 'csinodes', 'storageclasses', 'volumeattachments']],
  ['/apis/coordination.k8s.io/v1', ['leases']],
  ['/apis/certificates.k8s.io/v1', ['certificatesigningrequests']],
  ['/apis/resource.k8s.io/v1', ['resourceslices']],
] as const;

test('discovery, plain and aggregated, and OpenAPI name what the device speaks for, and nothing else', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  const aggregated = new Map<string, string[]>();
  for (const root of ['/api', '/apis']) {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const { json } = await device.call('GET', root, { headers: { accept } });
    for (const { metadata, versions } of (json as unknown as { items: Discovered[] }).items) {
      for (const { version, resources } of versions) {
        const names = resources.flatMap(({ resource, subresources = [] }) => [
          resource,
          ...subresources.map(({ subresource }) => `${resource}/${subresource}`),
        ]);
        aggregated.set(root === '/api' ? '/api/v1' : `/apis/${metadata.name}/${version}`, names);
      }
    }
  }
  const index = (await device.call('GET', '/openapi/v3')).json as unknown as { paths: Record<string, unknown> };
  for (const [path, some] of EVERYWHERE) {
    const { json } = await device.call('GET', path);
    const names = (json as unknown as { resources: Listed[] }).resources.map(({ name }) => name);
    for (const name of some) assert.ok(names.includes(name), `${path} ${name}`);
    assert.deepEqual(aggregated.get(path)?.sort(), names.sort(), path);
    assert.ok(index.paths[path.slice(1)], path);
  }
  assert.deepEqual(
    [...aggregated.keys()].filter((path) => /apps|policy|batch|rbac/.test(path)),
    [],
  );
  assert.ok(!aggregated.get('/api/v1')?.includes('pods/binding'));
  assert.equal(index.paths['apis/apps/v1'], undefined);
  const text = (await device.call('GET', '/openapi/v3/api/v1')).bytes.toString();
  assert.ok(
    !/"\/api\/v1\/namespaces\/\{namespace\}\/configmaps":\{[^}]*"post"/.test(text),
    'no writes of what is not written here',
  );
});

interface Discovered {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly {
    readonly version: string;
    readonly resources: readonly {
      readonly resource: string;
      readonly subresources?: readonly { readonly subresource: string }[];
    }[];
  }[];
}

test('what the device knows nothing of is unknown, as in an API server that does not have it: no empty list', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  for (const path of [
    '/apis/apps/v1/deployments',
    '/apis/policy/v1/poddisruptionbudgets',
    '/apis/batch/v1/namespaces/shop/jobs',
  ]) {
    const { status, headers, bytes } = await device.call('GET', path, { token: device.access.token });
    assert.deepEqual([status, bytes.toString()], [404, '404 page not found\n'], path);
    assert.match(headers['content-type'] ?? '', /^text\/plain/);
  }
  for (const path of ['/api/v1/replicationcontrollers', '/api/v1/namespaces/shop/limitranges', '/api/v2/pods']) {
    const { status, json } = await device.call('GET', path, { token: device.access.token });
    assert.deepEqual([status, json?.kind, json?.reason, json?.details], [404, 'Status', 'NotFound', {}], path);
  }
});

test('what can only be asked for by name is neither listed nor watched', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  for (const path of ['/apis/storage.k8s.io/v1/storageclasses', '/apis/scheduling.k8s.io/v1/priorityclasses']) {
    for (const query of ['', '?watch=true', '?fieldSelector=metadata.name%3Dfast']) {
      const { status, json } = await device.call('GET', `${path}${query}`, { token: device.access.token });
      assert.deepEqual([status, json?.reason], [405, 'MethodNotAllowed'], `${path}${query}`);
      assert.match(String(json?.message), /the server does not allow this method .*: of \w+ there is only get$/);
    }
  }
});

test('a kubelet has the ResourceSlices of its node deleted, of which there are none', async (t) => {
  const device = await startLocalDevice({ synced: false });
  t.after(device.close);
  const path = '/apis/resource.k8s.io/v1/resourceslices';
  const own = `${path}?fieldSelector=spec.nodeName%3D${device.node}`;
  const body = { kind: 'DeleteOptions', apiVersion: 'resource.k8s.io/v1' };
  const { status, json } = await device.call('DELETE', own, { body });
  assert.equal(status, 200);
  assert.deepEqual([json?.kind, json?.apiVersion, json?.items], ['ResourceSliceList', 'resource.k8s.io/v1', []]);
  assert.match(json?.metadata.resourceVersion ?? '', /^[1-9][0-9]*$/);
  assert.equal((await device.call('DELETE', path, { body })).status, 403);
  assert.equal((await device.call('DELETE', own, { body, token: device.access.token })).status, 403);
  assert.equal((await device.call('GET', own)).status, 405);
  assert.equal((await device.call('GET', path)).status, 403);
});

test('before the first full sync a kubelet registers, and everything else is told to come again', async (t) => {
  const device = await startLocalDevice({ synced: false });
  t.after(device.close);
  const { node } = device;
  const lease = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases`;
  const csiNodes = '/apis/storage.k8s.io/v1/csinodes';
  const missing = async (path: string) => assert.equal((await device.call('GET', path)).status, 404, path);
  for (const path of [`${csiNodes}/${node}?resourceVersion=0`, `${lease}/${node}?timeout=10s`, `/api/v1/nodes/${node}`])
    await missing(path);
  const make = async (path: string, body: object) => {
    const { status, json } = await device.call('POST', path, { body });
    assert.equal(status, 201, JSON.stringify(json));
  };
  await make('/api/v1/namespaces/default/events', {
    metadata: { name: `${node}.1`, namespace: 'default' },
    involvedObject: { kind: 'Node', name: node, apiVersion: 'v1' },
  });
  await make('/api/v1/nodes', { kind: 'Node', apiVersion: 'v1', metadata: { name: node } });
  assert.equal((await device.call('POST', '/api/v1/nodes', { body: { metadata: { name: node } } })).status, 409);
  const found = await device.call('GET', `/api/v1/nodes/${node}`);
  assert.equal(found.status, 200);
  const list = await device.call('GET', `/api/v1/nodes?fieldSelector=metadata.name%3D${node}`);
  assert.equal((list.json as unknown as { items: KubeObject[] }).items.length, 1);
  const patched = await device.call('PATCH', `/api/v1/nodes/${node}/status`, {
    headers: { 'content-type': 'application/strategic-merge-patch+json' },
    body: JSON.stringify({ status: { conditions: [{ type: 'Ready', status: 'True' }] } }),
  });
  assert.equal(patched.status, 200);
  await make(csiNodes, { metadata: { name: node }, spec: { drivers: [] } });
  await make(lease, { metadata: { name: node, namespace: 'kube-node-lease' }, spec: { holderIdentity: node } });
  for (const path of [`${csiNodes}/${node}`, `${lease}/${node}`])
    assert.equal((await device.call('GET', path)).status, 200, path);

  const unanswered = async (path: string, token?: string) => {
    const { status, headers, json } = await device.call('GET', path, token === undefined ? {} : { token });
    assert.deepEqual([status, json?.reason], [503, 'ServiceUnavailable'], path);
    assert.ok(Number(headers['retry-after']) > 0, path);
  };
  for (const token of [undefined, device.access.token]) {
    for (const path of [
      `/api/v1/pods?fieldSelector=spec.nodeName%3D${node}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&watch=true`,
      ...(token === undefined ? [] : ['/api/v1/pods', '/api/v1/nodes']),
      '/api/v1/namespaces/shop/configmaps/settings',
      '/api/v1/services?watch=true',
    ]) {
      await unanswered(path, token);
    }
  }
  for (const path of ['/version', '/api', '/apis', '/healthz', '/livez'])
    assert.equal((await device.call('GET', path)).status, 200);
  assert.equal((await device.call('GET', '/readyz')).status, 500);
  device.complete();
  assert.equal((await device.call('GET', '/api/v1/pods', { token: device.access.token })).status, 200);
  assert.equal((await device.call('GET', '/readyz')).status, 200);
});
