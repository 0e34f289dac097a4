import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import type { CloudAnswer } from '@hawser/edge';
import type { KubeObject, Question } from '@hawser/protocol';
import { type LocalDevice, startLocalDevice } from './device.ts';

const POD: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: '00000000-0000-4000-8000-0000000000aa', resourceVersion: '7' },
  spec: { nodeName: 'edge-1', containers: [{ name: 'main', image: 'app:1' }] },
};
const EVICTION = '/api/v1/namespaces/shop/pods/web/eviction';
const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const SUCCESS: CloudAnswer = {
  type: 'found',
  cached: false,
  body: '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201}',
};

async function scene(t: TestContext, answer: (question: Question) => CloudAnswer) {
  const asked: Question[] = [];
  const device = await startLocalDevice({
    answer: (question) => {
      asked.push(question);
      return answer(question);
    },
  });
  t.after(device.close);
  return { device, asked };
}

test("an eviction is the cluster's to grant, of the pod that is here", async (t) => {
  const { device, asked } = await scene(t, () => SUCCESS);
  device.put(POD);
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web', namespace: 'shop' } };
  for (const token of [undefined, device.access.token]) {
    const { status, json } = await device.call('POST', EVICTION, { body, ...(token === undefined ? {} : { token }) });
    assert.deepEqual([status, json?.kind, json?.status], [201, 'Status', 'Success']);
  }
  const [question] = asked;
  assert.ok(question?.type === 'submit');
  assert.deepEqual(
    [question.resource, question.namespace, question.name, question.subresource],
    ['pods', 'shop', 'web', 'eviction'],
  );
  assert.deepEqual(JSON.parse(question.body), { ...body, deleteOptions: { preconditions: { uid: POD.metadata.uid } } });
  await device.call('POST', `${EVICTION}?dryRun=All`, { body: { ...body, deleteOptions: { gracePeriodSeconds: 5 } } });
  const trial = asked.at(-1);
  assert.ok(trial?.type === 'submit');
  const options = { gracePeriodSeconds: 5, preconditions: { uid: POD.metadata.uid }, dryRun: ['All'] };
  assert.deepEqual(JSON.parse(trial.body).deleteOptions, options, 'a trial stays one');
  assert.equal((await device.call('POST', EVICTION, { body: { ...body, metadata: { name: 'other' } } })).status, 400);
});

test('what must be so of a pod that is evicted is looked at on the device, whose versions the cluster does not know', async (t) => {
  const { device, asked } = await scene(t, () => SUCCESS);
  device.put(POD);
  const { uid } = POD.metadata;
  const version = (await device.call('GET', '/api/v1/namespaces/shop/pods/web')).json?.metadata.resourceVersion;
  const evict = async (preconditions: unknown, more: object = {}) =>
    (await device.call('POST', EVICTION, { body: { metadata: { name: 'web' }, deleteOptions: { preconditions }, ...more } }))
      .status;
  for (const preconditions of [{ uid, resourceVersion: version }, { uid: null, resourceVersion: null }, null]) {
    assert.equal(await evict(preconditions), 201);
    const question = asked.pop();
    assert.ok(question?.type === 'submit');
    assert.deepEqual(JSON.parse(question.body).deleteOptions, { preconditions: { uid } }, JSON.stringify(preconditions));
  }
  assert.equal(await evict({ uid: 'of another' }), 409);
  assert.equal(await evict({ resourceVersion: '7' }), 409, 'that is its version in the cluster');
  assert.equal(await evict({ uid: 7 }), 400);
  assert.equal(await evict({}, { kind: 'Pod', apiVersion: 'v1' }), 400, 'another kind is no eviction');
  assert.equal(await evict({}, { metadata: { name: 'web', namespace: 'other' } }), 400);
  assert.deepEqual(asked, []);
});

test('what the cluster says to an eviction is what is said, and what is not known is not said to be done', async (t) => {
  let says: CloudAnswer = SUCCESS;
  const { device, asked } = await scene(t, () => says);
  const body = { metadata: { name: 'web' } };
  const evict = async () => {
    const { status, json, headers } = await device.call('POST', EVICTION, { body });
    return [status, json?.reason, headers['retry-after']];
  };
  assert.deepEqual(await evict(), [404, 'NotFound', undefined], 'no such pod is here');
  assert.deepEqual(asked, []);
  device.put(POD);
  const words = "Cannot evict pod as it would violate the pod's disruption budget.";
  says = { type: 'refused', code: 429, reason: 'TooManyRequests', message: words };
  assert.deepEqual(await evict(), [429, 'TooManyRequests', undefined]);
  says = { type: 'offline' };
  assert.deepEqual(await evict(), [503, 'ServiceUnavailable', '1']);
  says = { type: 'unavailable', retryAfterMs: 2_500, message: 'later' };
  assert.deepEqual(await evict(), [503, 'ServiceUnavailable', '3']);
  says = { type: 'unknownOutcome', message: 'whether it was done is not known' };
  assert.deepEqual(await evict(), [504, 'Timeout', undefined], 'no client tries that again by itself');
});

test('a mirror pod that the cluster has not heard of waits with its eviction', async (t) => {
  const { device, asked } = await scene(t, () => SUCCESS);
  const metadata = { name: 'web', namespace: 'shop', annotations: { 'kubernetes.io/config.mirror': 'hash' } };
  const made = await device.call('POST', '/api/v1/namespaces/shop/pods', {
    token: device.access.token,
    body: { ...POD, metadata },
  });
  assert.equal(made.status, 201);
  const { status, headers } = await device.call('POST', EVICTION, { body: { metadata: { name: 'web' } } });
  assert.deepEqual([status, headers['retry-after']], [503, '1']);
  assert.deepEqual(asked, []);
});

test('a binding is refused: pods come to a device by the cluster', async (t) => {
  const { device, asked } = await scene(t, () => SUCCESS);
  device.put(POD);
  const body = { metadata: { name: 'web' }, target: { kind: 'Node', name: 'edge-1' } };
  const { status, json } = await device.call('POST', '/api/v1/namespaces/shop/pods/web/binding', {
    token: device.access.token,
    body,
  });
  assert.equal(status, 403);
  assert.match(String(json?.message), /change this in the cluster/);
  assert.deepEqual(asked, []);
});

test('a kubelet makes a certificate request, lists and watches it by name, and sees its certificate', async (t) => {
  let certificate: string | undefined;
  const { device } = await scene(t, (question) => {
    const spec = { signerName: 'kubernetes.io/kubelet-serving', username: 'system:node:edge-1' };
    const status = certificate === undefined ? {} : { certificate };
    const metadata = { name: 'csr-x', generateName: 'csr-', uid: 'uid-csr-x', resourceVersion: '2067' };
    const kind = { kind: 'CertificateSigningRequest', apiVersion: 'certificates.k8s.io/v1' };
    assert.ok(question.type === 'submit' || question.name === 'csr-x');
    return { type: 'found', cached: false, body: JSON.stringify({ ...kind, metadata, spec, status }) };
  });
  const body = { metadata: { generateName: 'csr-' }, spec: { request: 'LS0t', signerName: 'kubernetes.io/kubelet-serving' } };
  assert.equal((await device.call('POST', REQUESTS, { body, token: device.access.token })).status, 403, "it is the node's");
  const made = await device.call('POST', REQUESTS, { body });
  assert.deepEqual([made.status, made.json?.metadata.name], [201, 'csr-x']);
  const byName = `${REQUESTS}?fieldSelector=metadata.name%3Dcsr-x`;
  const list = (await device.call('GET', byName)).json as unknown as { items: KubeObject[] };
  assert.deepEqual(
    list.items.map(({ metadata }) => metadata),
    [made.json?.metadata],
  );

  const query = 'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true';
  const response = await openWatch(device, `${byName}&${query}`);
  const events = watchLines(response);
  assert.equal((await events.next()).value.type, 'ADDED');
  assert.equal((await events.next()).value.type, 'BOOKMARK');
  certificate = 'LS0tLS1CRUdJTg==';
  const { value } = await events.next();
  assert.deepEqual([value.type, value.object.status as object], ['MODIFIED', { certificate }]);
  response.destroy();
  assert.deepEqual((await device.call('GET', `${REQUESTS}/csr-x`)).json?.status, { certificate });
});

test('a request that waits when the agent restarts is there again at once, without a link, and gets its certificate', async (t) => {
  const request = (status: object) =>
    JSON.stringify({
      kind: 'CertificateSigningRequest',
      apiVersion: 'certificates.k8s.io/v1',
      metadata: { name: 'csr-x', generateName: 'csr-', uid: 'uid-csr-x', resourceVersion: '2067' },
      spec: { signerName: 'kubernetes.io/kubelet-serving', username: 'system:node:edge-1' },
      status,
    });
  const { device } = await scene(t, () => ({ type: 'found', cached: false, body: request({}) }));
  const body = { metadata: { generateName: 'csr-' }, spec: { request: 'LS0t', signerName: 'kubernetes.io/kubelet-serving' } };
  const made = await device.call('POST', REQUESTS, { body });
  assert.equal(made.status, 201);
  await device.stop();

  let answer: CloudAnswer = { type: 'offline' };
  const again = await startLocalDevice({ folder: device.folder, answer: () => answer });
  t.after(again.stop);
  // As client-go does it: a list, which must not lack the request, since the kubelet takes one that is gone for deleted; then a watch.
  const byName = `${REQUESTS}?fieldSelector=metadata.name%3Dcsr-x`;
  const list = (await again.call('GET', byName)).json as unknown as { items: KubeObject[] };
  assert.deepEqual(
    list.items.map(({ metadata, spec }) => [metadata.uid, spec]),
    [[made.json?.metadata.uid, made.json?.spec]],
  );
  const before = await again.call('GET', `${byName}&watch=true&resourceVersion=${made.json?.metadata.resourceVersion}`);
  assert.match(before.bytes.toString(), /"code":410/, 'who watched before lists again');
  const query = 'allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true';
  const response = await openWatch(again, `${byName}&${query}`);
  const events = watchLines(response);
  assert.equal((await events.next()).value.type, 'ADDED');
  assert.equal((await events.next()).value.type, 'BOOKMARK');
  answer = { type: 'found', cached: false, body: request({ certificate: 'LS0tLS1CRUdJTg==' }) };
  const { value } = await events.next();
  assert.deepEqual([value.type, value.object.status as object], ['MODIFIED', { certificate: 'LS0tLS1CRUdJTg==' }]);
  response.destroy();
});

function openWatch(device: LocalDevice, path: string): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${device.access.nodeToken}` };
  return new Promise((resolve, reject) => {
    request(new URL(path, device.url), { ca: device.access.cert, headers, agent: false }, resolve).on('error', reject).end();
  });
}

async function* watchLines(response: IncomingMessage): AsyncGenerator<{ type: string; object: KubeObject }, never, void> {
  for await (const line of createInterface({ input: response })) yield JSON.parse(line);
  throw new Error('the watch has ended');
}
