import assert from 'node:assert/strict';
import { request } from 'node:https';
import { type TestContext, test } from 'node:test';
import type { AskOptions, CloudAnswer } from '@hawser/edge';
import { type KubeObject, type Question, resourceById } from '@hawser/protocol';
import { type LocalDevice, type LocalDeviceOptions, startLocalDevice } from './device.ts';

const PATH = '/api/v1/namespaces/far/services/shop';
const SHOP: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'shop', namespace: 'far', uid: '00000000-0000-4000-8000-000000000001' },
  spec: { ports: [{ port: 80 }] },
};
const FOUND: CloudAnswer = { type: 'found', cached: false, body: JSON.stringify(SHOP) };
const NOT_FOUND: CloudAnswer = { type: 'notFound', code: 404, reason: 'NotFound', message: 'services "shop" not found' };
const NO_RELATIONSHIP = "no relationship found between node 'edge-1' and this object";
const FORBIDDEN: CloudAnswer = { type: 'forbidden', code: 403, reason: 'Forbidden', message: NO_RELATIONSHIP };
const OFFLINE: CloudAnswer = { type: 'offline' };

/** A device whose cloud says what the test has it say, and what it was asked. */
async function scene(t: TestContext, options: LocalDeviceOptions = {}) {
  let says: CloudAnswer = OFFLINE;
  const asked: Question[] = [];
  const device = await startLocalDevice({
    answer: (question) => {
      asked.push(question);
      return says;
    },
    ...options,
  });
  t.after(device.close);
  const get = (path = PATH) => device.call('GET', path, { token: device.access.token });
  return {
    device,
    asked,
    get,
    says: (answer: CloudAnswer) => {
      says = answer;
    },
  };
}

test('what the device does not hold is asked of the cloud, and its answer is the answer', async (t) => {
  const { says, get, asked } = await scene(t);
  says(FOUND);
  const found = await get();
  assert.deepEqual([found.status, found.json?.spec], [200, SHOP.spec]);
  assert.equal(found.headers.warning, undefined);
  assert.deepEqual(asked, [{ type: 'get', resource: 'services', namespace: 'far', name: 'shop' }]);

  says(NOT_FOUND);
  const absent = await get();
  assert.deepEqual([absent.status, absent.json?.reason], [404, 'NotFound']);
  assert.equal(absent.json?.message, 'services "shop" not found');

  says(FORBIDDEN);
  const forbidden = await get();
  assert.deepEqual([forbidden.status, forbidden.json?.reason], [403, 'Forbidden']);
  assert.match(String(forbidden.json?.message), /^no relationship found .*all else is read and changed in the cluster/);
  assert.deepEqual(forbidden.json?.details, { name: 'shop', kind: 'services' });
});

test('where nothing is known, that is what is said, and never "not found"', async (t) => {
  const { says, get } = await scene(t);
  for (const [answer, retryAfter] of [
    [OFFLINE, '1'],
    [{ type: 'unavailable', retryAfterMs: 4_200, message: 'the API server is down' }, '5'],
  ] as const) {
    says(answer);
    const { status, headers, json } = await get();
    assert.deepEqual([status, json?.reason, headers['retry-after']], [503, 'ServiceUnavailable', retryAfter]);
  }
});

test('without a link the last answer serves, and says so with its age', async (t) => {
  const { says, get } = await scene(t);
  says(FOUND);
  await get();
  says(OFFLINE);
  const kept = await get();
  assert.deepEqual([kept.status, kept.json?.spec], [200, SHOP.spec]);
  assert.match(String(kept.headers.warning), /^299 - "kept on this device, as the cluster has said it \d+ s ago/);
  says(NOT_FOUND);
  await get();
  says(OFFLINE);
  const absent = await get();
  assert.equal(absent.status, 404);
  assert.match(String(absent.headers.warning), /^299 - "kept on this device/);
});

test('a watch from the version of what was asked for hears when it comes to be held', async (t) => {
  const { device, says, get } = await scene(t);
  says(FOUND);
  const { resourceVersion = '' } = (await get()).json?.metadata ?? {};
  assert.match(resourceVersion, /^[0-9]+$/);
  device.put({ ...SHOP, metadata: { ...SHOP.metadata, resourceVersion: '77' } });
  const watch = `/api/v1/namespaces/far/services?watch=true&resourceVersion=${resourceVersion}&timeoutSeconds=1`;
  const lines = (await device.call('GET', watch)).bytes.toString().trim().split('\n');
  const events = lines.map((line) => JSON.parse(line) as { type: string; object: KubeObject });
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.metadata.name]),
    [['ADDED', 'shop']],
  );
});

test('what comes to be held while the cloud is asked is answered as it is held', async (t) => {
  const scene_ = await scene(t, {
    answer: () => {
      scene_.device.put({ ...SHOP, spec: { ports: [{ port: 8080 }] }, metadata: { ...SHOP.metadata, resourceVersion: '77' } });
      return NOT_FOUND;
    },
  });
  const { status, json } = await scene_.get();
  assert.deepEqual([status, json?.spec], [200, { ports: [{ port: 8080 }] }]);
});

test('of its pods, its own Node, Lease and CSINode, RuntimeClasses and CSIDrivers a device knows that there are no others', async (t) => {
  const { get, asked, says } = await scene(t);
  says(FOUND);
  for (const path of [
    '/api/v1/namespaces/far/pods/web',
    '/api/v1/nodes/edge-1',
    '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/edge-1',
    '/apis/storage.k8s.io/v1/csinodes/edge-1',
    '/apis/storage.k8s.io/v1/csidrivers/disk.example',
    '/apis/node.k8s.io/v1/runtimeclasses/small',
    '/api/v1/namespaces/far/events/web.1',
  ]) {
    assert.equal((await get(path)).status, 404, path);
  }
  assert.deepEqual(asked, []);
});

test('everything else that is served by name can be asked for', async (t) => {
  const { get, asked, says } = await scene(t);
  says(OFFLINE);
  for (const path of [
    '/api/v1/namespaces/far/configmaps/x',
    '/api/v1/namespaces/far/secrets/x',
    '/api/v1/namespaces/far/endpoints/x',
    '/api/v1/namespaces/far/persistentvolumeclaims/x',
    '/api/v1/namespaces/far/serviceaccounts/x',
    '/apis/discovery.k8s.io/v1/namespaces/far/endpointslices/x',
    '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/edge-1',
    '/api/v1/namespaces/x',
    '/api/v1/nodes/x',
    '/api/v1/persistentvolumes/x',
    '/apis/storage.k8s.io/v1/csinodes/x',
    '/apis/storage.k8s.io/v1/storageclasses/x',
    '/apis/storage.k8s.io/v1/volumeattachments/x',
    '/apis/scheduling.k8s.io/v1/priorityclasses/x',
  ]) {
    assert.equal((await get(path)).status, 503, path);
    assert.equal(asked.pop()?.type, 'get', path);
  }
});

test('a write of what the device does not hold is no "not found" either', async (t) => {
  const { device } = await scene(t);
  const write = (method: string, path: string, body?: object) =>
    device.call(method, path, {
      token: device.access.token,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
    });
  for (const method of ['PUT', 'PATCH', 'DELETE']) {
    const { status, json } = await write(method, PATH, SHOP);
    assert.equal(status, 403, method);
    assert.match(String(json?.message), /change this in the cluster/);
  }
  assert.equal(
    (await write('PATCH', '/api/v1/namespaces/far/pods/gone/status', { status: {} })).status,
    404,
    'of pods it is sure',
  );
});

/** A cloud that never answers, and tells what it is asked with. */
async function silentCloud(t: TestContext) {
  const asked = Promise.withResolvers<AskOptions>();
  const device = await startLocalDevice({
    answer: (_question, options) => {
      asked.resolve(options);
      return new Promise((_resolve, reject) => {
        options.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      });
    },
  });
  t.after(device.close);
  return { device, asked: asked.promise };
}

test('a client that goes takes its question with it', async (t) => {
  const { device, asked } = await silentCloud(t);
  const leaving = open(device, PATH);
  const { signal } = await asked;
  assert.ok(signal);
  const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
  leaving.destroy();
  await aborted;
});

test('the time that a client gives is how long the cloud has', async (t) => {
  const { device, asked } = await silentCloud(t);
  const waiting = open(device, `${PATH}?timeout=1.5s`);
  assert.equal((await asked).deadlineMs, 1_500);
  waiting.destroy();
  assert.equal((await device.call('GET', `${PATH}?timeout=soon`)).status, 400);
});

test('who is in the process is told the same', async (t) => {
  const { device, says } = await scene(t);
  const { registry } = device.api;
  const node = { name: 'system:node:edge-1', groups: ['system:nodes'] };
  const target = { resource: resourceById('services') ?? assert.fail(), namespace: 'far', name: 'shop', subresource: '' };
  says(FOUND);
  const warnings: string[] = [];
  const warn = (text: string) => warnings.push(text);
  assert.deepEqual((await registry.get(node, target, { warn })).spec, SHOP.spec);
  says(OFFLINE);
  await registry.get(node, target, { warn });
  assert.equal(warnings.length, 1);
  await assert.rejects(registry.get(node, { ...target, name: 'other' }), { code: 503 });
  says(NOT_FOUND);
  await assert.rejects(registry.get(node, { ...target, name: 'other' }), { code: 404 });
});

/** A request that can be broken off. */
function open(device: LocalDevice, path: string) {
  const headers = { authorization: `Bearer ${device.access.nodeToken}` };
  const outgoing = request(new URL(path, device.url), { ca: device.access.cert, headers, agent: false });
  outgoing.on('error', () => undefined).end();
  return outgoing;
}
