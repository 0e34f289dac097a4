import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Report } from '@hawser/protocol';
import { isMadeBy } from './already-exists.ts';
import { bodyOf, failure, found, type Reply, run, UID } from './testing/scripted-api.ts';

const EXISTS = failure(409, 'AlreadyExists', 'pods "front" already exists');

function create(resource: string, name: string, body: object, namespace = 'web'): Partial<Report> {
  return {
    resource,
    name,
    namespace,
    uid: undefined,
    subresource: '',
    operation: { type: 'create', body: JSON.stringify(body) },
  };
}

const MIRROR = {
  'kubernetes.io/config.mirror': 'abc',
  'kubernetes.io/config.hash': 'abc',
  'kubernetes.io/config.source': 'file',
};
const mirrorPod = { metadata: { name: 'front', annotations: MIRROR }, spec: { nodeName: 'edge-1', containers: [{ name: 'c' }] } };
const mirror = create('pods', 'front', mirrorPod);

function theirs(annotations: object, nodeName: string, metadata: object = {}): Reply {
  return found({ name: 'front', annotations, ...metadata }, { spec: { nodeName } });
}

test('a mirror pod that this node has made before is answered with its uid', async () => {
  const { outcome, requests } = await run(mirror, [EXISTS, theirs(MIRROR, 'edge-1')]);
  assert.deepEqual(outcome, { type: 'applied', uid: UID, resourceVersion: '7', name: 'front' });
  assert.equal(requests[1]?.path, '/api/v1/namespaces/web/pods/front');
  assert.equal(requests[1]?.impersonate?.user, 'system:node:edge-1');
});

test('a mirror pod of another manifest or another node, one that is going, and a pod that is none are refused', async () => {
  for (const other of [
    theirs({ ...MIRROR, 'kubernetes.io/config.hash': 'def' }, 'edge-1'),
    theirs({ ...MIRROR, 'kubernetes.io/config.mirror': 'def' }, 'edge-1'),
    theirs(MIRROR, 'edge-2'),
    theirs(MIRROR, 'edge-1', { deletionTimestamp: 'now' }),
    theirs({}, 'edge-1'),
  ]) {
    const { outcome } = await run(mirror, [EXISTS, other]);
    assert.ok(outcome.type === 'refused');
    assert.equal(outcome.reason, 'AlreadyExists');
  }
});

test('an Event that was created before is made to say what this create says, since a node may not read it', async () => {
  const event = { metadata: { name: 'front.1' }, reason: 'Started', count: 4, involvedObject: { uid: UID } };
  const { outcome, requests } = await run(create('events', 'front.1', event), [EXISTS, found({ name: 'front.1' })]);
  assert.equal(outcome.type, 'applied');
  assert.equal(requests[1]?.method, 'PATCH');
  assert.equal(requests[1]?.path, '/api/v1/namespaces/web/events/front.1');
  assert.deepEqual(bodyOf(requests[1]), { reason: 'Started', count: 4, involvedObject: { uid: UID } });
});

test('what has gone between the two calls is created once more', async () => {
  const event = create('events', 'front.1', { metadata: { name: 'front.1' } });
  const { outcome, requests } = await run(event, [EXISTS, failure(404, 'NotFound'), found({ name: 'front.1' })]);
  assert.equal(outcome.type, 'applied');
  assert.deepEqual(
    requests.map(({ method }) => method),
    ['POST', 'PATCH', 'POST'],
  );
  const comesAndGoes = Array.from({ length: 5 }, () => [EXISTS, failure(404, 'NotFound')]).flat();
  assert.equal((await run(mirror, comesAndGoes)).outcome.type, 'unavailable');
});

test('an object that says all that the create says was made by it; of another one, or one that may not be read, nothing is said', async () => {
  const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'fast' } };
  const report = create('persistentvolumeclaims', 'data', claim);
  const same = found({ name: 'data' }, { spec: { ...claim.spec, volumeMode: 'Filesystem' }, status: { phase: 'Pending' } });
  assert.equal((await run(report, [EXISTS, same])).outcome.type, 'applied');
  const other = found({ name: 'data' }, { spec: { ...claim.spec, storageClassName: 'slow' } });
  assert.equal((await run(report, [EXISTS, other])).outcome.type, 'refused');
  const notGranted = 'User "relay" cannot impersonate-on:arbitrary-node:get resource "persistentvolumeclaims"';
  for (const message of ['no relationship found', notGranted]) {
    const { outcome } = await run(report, [EXISTS, failure(403, 'Forbidden', message)]);
    assert.ok(outcome.type === 'refused');
    assert.equal(outcome.reason, 'AlreadyExists');
  }
  assert.equal((await run(report, [EXISTS, failure(503, 'ServiceUnavailable')])).outcome.type, 'unavailable');
});

test('a create whose name the API server gives cannot have found its own', async () => {
  const nameless = create('pods', '', { metadata: { generateName: 'front-' } });
  assert.equal((await run(nameless, [EXISTS])).outcome.type, 'refused');
});

test('the CSINode and the lease of the node itself are its own, whatever they say', async () => {
  for (const [resource, namespace] of [
    ['storage.k8s.io/csinodes', ''],
    ['coordination.k8s.io/leases', 'kube-node-lease'],
  ] as const) {
    const report = create(resource, 'edge-1', { spec: { holderIdentity: 'now' } }, namespace);
    assert.equal((await run(report, [EXISTS, found({})])).outcome.type, 'applied', resource);
  }
});

const made = (create: object, there: object) =>
  isMadeBy(JSON.parse(JSON.stringify(create)), JSON.parse(JSON.stringify(there)), 'edge-1');

test('defaults that a server adds do not hide what a create has made', () => {
  const wanted = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { app: 'x' }, finalizers: ['a/b'], uid: 'local', creationTimestamp: null },
    spec: { volumes: [{ name: 'v' }], containers: [{ name: 'c', args: ['-v'], env: [] }], hostNetwork: false, tolerations: null },
    status: {},
  };
  const there = {
    metadata: { name: 'p', uid: UID, labels: { app: 'x', more: 'y' }, finalizers: ['kubernetes.io/x', 'a/b'] },
    spec: {
      volumes: [{ name: 'v', emptyDir: {} }, { name: 'kube-api-access' }],
      containers: [{ name: 'c', args: ['-v'], imagePullPolicy: 'Always' }],
      tolerations: [{ key: 'k' }],
    },
    status: { phase: 'Pending' },
  };
  assert.equal(made(wanted, there), true);
});

test('a value, an order, a list of texts or a field that is another one is not what the create made', () => {
  const cases: [object, object][] = [
    [{ data: { a: '1' } }, { data: { a: '2' } }],
    [{ data: { a: '1' } }, {}],
    [{ spec: { args: ['a'] } }, { spec: { args: ['a', 'b'] } }],
    [{ spec: { items: [{ n: 1 }, { n: 2 }] } }, { spec: { items: [{ n: 2 }, { n: 1 }] } }],
    [{ spec: { items: [{ n: 1 }] } }, { spec: { items: { n: 1 } } }],
    [{ spec: 1 }, { spec: { a: 1 } }],
    [{ metadata: { labels: { a: 'b' } } }, { metadata: {} }],
    [{ metadata: { finalizers: ['a/b'] } }, { metadata: { finalizers: ['c/d'] } }],
    [{ constructor: 'x' }, {}],
  ];
  for (const [wanted, there] of cases) assert.equal(made(wanted, there), false, JSON.stringify([wanted, there]));
});
