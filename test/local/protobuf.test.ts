import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KubeObject, parseJson } from '@hawser/protocol';
import { encodeObject } from '../../edge/src/api/protobuf/index.ts';
import { UNKNOWN_FIELDS } from '../../edge/src/api/protobuf/unknown.ts';
import { fieldsOf, itemsOf } from '../apiserver/policy/fields.ts';
import { decodeProtobuf, encodeProtobuf } from '../replay/protobuf.ts';
import { type LocalDevice, startLocalDevice } from './device.ts';

const TYPE = 'application/vnd.kubernetes.protobuf';
/** As a kubelet sends it. */
const HEADERS = { accept: `${TYPE},application/json`, 'content-type': TYPE };

const ask = async (device: LocalDevice, method: string, path: string, body?: Buffer) => {
  const { status, headers, bytes } = await device.call(method, path, {
    headers: HEADERS,
    ...(body === undefined ? {} : { body }),
  });
  assert.equal(headers['content-type'], TYPE, bytes.toString());
  return { status, bytes, object: decodeProtobuf(bytes) };
};

test('a kubelet that speaks Protocol Buffers gets what the cloud has sent, and what it writes goes to the outbox', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  const pod: KubeObject = {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name: 'web', namespace: 'shop', uid: '00000000-0000-4000-8000-000000000002', resourceVersion: '9' },
    spec: { nodeName: device.node, containers: [{ name: 'main', image: 'web:1', resources: {} }] },
    status: { phase: 'Pending' },
  };
  device.put(pod);
  const { object } = await ask(device, 'GET', `/api/v1/pods?fieldSelector=spec.nodeName%3D${device.node}`);
  assert.deepEqual(
    itemsOf(object.items).map(({ spec }) => spec),
    [pod.spec],
  );
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: device.node }, status: { capacity: { cpu: '2' } } };
  const created = await ask(device, 'POST', '/api/v1/nodes', encodeProtobuf(node));
  assert.equal(created.status, 201);
  const [report] = device.store.outbox.pending(10);
  assert.ok(report?.operation.type === 'create');
  const status = fieldsOf(fieldsOf(parseJson(report.operation.body)).status);
  assert.deepEqual(status.capacity, { cpu: '2' });
  // As a kubelet that speaks JSON would have written it: Go shows this though it is empty.
  assert.equal(fieldsOf(status.nodeInfo).machineID, '');
});

test('fields that the device has no name for come back from its store, also after a restart, and are told to nobody else', async (t) => {
  const device = await startLocalDevice();
  t.after(device.close);
  const unknown = Buffer.from('f87f05', 'hex');
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: device.node }, [UNKNOWN_FIELDS]: unknown.toString('base64') };
  const { bytes } = encodeObject(node) ?? assert.fail();
  assert.ok(bytes.includes(unknown));
  assert.equal((await ask(device, 'POST', '/api/v1/nodes', bytes)).status, 201);
  const path = `/api/v1/nodes/${device.node}`;
  assert.ok((await ask(device, 'GET', path)).bytes.includes(unknown));
  const reports = device.store.outbox.pending(10);
  assert.equal(reports.length, 1);
  assert.ok(!JSON.stringify(reports).includes(UNKNOWN_FIELDS));
  await device.stop();
  const again = await startLocalDevice({ folder: device.folder });
  t.after(again.close);
  assert.ok((await ask(again, 'GET', path)).bytes.includes(unknown));
});
