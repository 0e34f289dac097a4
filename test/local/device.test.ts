import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { startLocalDevice } from './device.ts';

const PATH = '/api/v1/namespaces/shop/configmaps/settings';
const settings: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'shop', uid: '00000000-0000-4000-8000-000000000001', resourceVersion: '7' },
  data: { mode: 'night' },
};

test('a device serves what the cloud has sent, to its kubelet and to its administrator', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  device.put(settings);
  const { status, json } = await device.call('GET', PATH);
  assert.deepEqual([status, json?.data], [200, settings.data]);
  assert.equal((await device.call('GET', PATH, { token: device.access.token })).status, 200);
  assert.equal((await device.call('GET', PATH, { token: 'that of a stranger' })).status, 401);
});

test('a device that starts again in its folder holds what it held', async (t) => {
  const first = await startLocalDevice();
  t.after(first.close);
  first.put(settings);
  await first.stop();
  const second = await startLocalDevice({ folder: first.folder, synced: false });
  t.after(second.close);
  assert.equal((await second.call('GET', PATH)).status, 200);
});

test('what it writes goes to the outbox', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: device.node } };
  assert.equal((await device.call('POST', '/api/v1/nodes', { body: node })).status, 201);
  const [report] = device.store.outbox.pending(10);
  assert.deepEqual([report?.resource, report?.name, report?.operation.type], ['nodes', 'edge-1', 'create']);
});
