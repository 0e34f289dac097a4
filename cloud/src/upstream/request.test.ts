import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonValue, Report } from '@hawser/protocol';
import { type ApiCall, planReport, rebase } from './request.ts';

const UID = '11111111-2222-4333-8444-555555555555';

function report(fields: Partial<Report>): Report {
  return {
    number: 1,
    resource: 'pods',
    namespace: 'web',
    name: 'front',
    uid: UID,
    subresource: '',
    operation: { type: 'remove', gracePeriodSeconds: 0 },
    ...fields,
  };
}

function callOf(fields: Partial<Report>): ApiCall {
  const planned = planReport(report(fields));
  assert.ok(planned.type === 'call', JSON.stringify(planned));
  return planned.call;
}

function bodyOf(call: ApiCall): JsonValue {
  return JSON.parse(call.body ?? 'null');
}

function patch(patchType: 'strategic' | 'merge' | 'json', body: string): Partial<Report> {
  return { subresource: 'status', operation: { type: 'patch', patchType, body } };
}

test('a status patch goes to the subresource and carries the uid', () => {
  const call = callOf(patch('strategic', '{"metadata":{"annotations":{"a":"b"}},"status":{"phase":"Running"}}'));
  assert.equal(call.method, 'PATCH');
  assert.equal(call.path, '/api/v1/namespaces/web/pods/front/status');
  assert.equal(call.contentType, 'application/strategic-merge-patch+json');
  assert.deepEqual(bodyOf(call), { metadata: { annotations: { a: 'b' }, uid: UID }, status: { phase: 'Running' } });
});

test('a JSON patch tests the uid before anything else', () => {
  const call = callOf(patch('json', '[{"op":"remove","path":"/status/phase"}]'));
  assert.deepEqual(bodyOf(call), [
    { op: 'test', path: '/metadata/uid', value: UID },
    { op: 'remove', path: '/status/phase' },
  ]);
});

test('a write without a uid has no precondition', () => {
  assert.deepEqual(bodyOf(callOf({ ...patch('merge', '{"status":{}}'), uid: undefined })), { status: {} });
  assert.deepEqual(bodyOf(callOf({ uid: undefined })), { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 });
});

test('a remove has the uid as its precondition and leaves the grace period out when there is none', () => {
  const call = callOf({ operation: { type: 'remove', gracePeriodSeconds: undefined } });
  assert.equal(call.method, 'DELETE');
  assert.deepEqual(bodyOf(call), { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: UID } });
});

test('a create goes to the collection and leaves uid and resourceVersion to the server', () => {
  const body = '{"metadata":{"name":"edge-1","uid":"local","resourceVersion":"7"},"spec":{}}';
  const call = callOf({ resource: 'nodes', namespace: '', name: 'edge-1', uid: undefined, operation: { type: 'create', body } });
  assert.equal(call.path, '/api/v1/nodes');
  assert.deepEqual(bodyOf(call), { metadata: { name: 'edge-1' }, spec: {} });
});

test('an update of a resource outside core goes to its group and names the uid', () => {
  const call = callOf({
    resource: 'coordination.k8s.io/leases',
    namespace: 'kube-node-lease',
    name: 'edge-1',
    operation: { type: 'update', body: '{"metadata":{"resourceVersion":"5"}}' },
  });
  assert.equal(call.path, '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/edge-1');
  assert.deepEqual(bodyOf(call), { metadata: { resourceVersion: '5', uid: UID } });
  assert.deepEqual(bodyOf(rebase(call, '9')), { metadata: { resourceVersion: '9', uid: UID } });
});

test('an eviction carries the uid in its delete options', () => {
  const call = callOf({
    subresource: 'eviction',
    operation: { type: 'create', body: '{"deleteOptions":{"gracePeriodSeconds":5}}' },
  });
  assert.equal(call.path, '/api/v1/namespaces/web/pods/front/eviction');
  assert.deepEqual(bodyOf(call), { deleteOptions: { gracePeriodSeconds: 5, preconditions: { uid: UID } } });
});

const create: Report['operation'] = { type: 'create', body: '{}' };
const refused: [string, Partial<Report>, number][] = [
  ['an unknown resource', { resource: 'example.com/widgets' }, 404],
  ['a subresource that the resource lacks', { resource: 'configmaps', ...patch('merge', '{}') }, 405],
  ['a binding', { subresource: 'binding', operation: create }, 405],
  ['a token request, whose answer is a body', { resource: 'serviceaccounts', subresource: 'token', operation: create }, 405],
  ['a namespaced resource without a namespace', { namespace: '' }, 400],
  ['a cluster resource with a namespace', { resource: 'nodes' }, 400],
  ['a patch without a name', { name: '', ...patch('merge', '{}') }, 400],
  ['a name that is a step in a path', { name: '..' }, 400],
  ['a namespace that is a step in a path', { namespace: '.', ...patch('merge', '{}') }, 400],
  ['a patch that is a list', patch('strategic', '[]'), 400],
  ['a JSON patch that is an object', patch('json', '{}'), 400],
  ['a create of null', { operation: { type: 'create', body: 'null' } }, 400],
  [
    'an update with a resourceVersion that is no number',
    { operation: { type: 'update', body: '{"metadata":{"resourceVersion":"x"}}' } },
    400,
  ],
  [
    'a certificate request, which is a question,',
    { resource: 'certificates.k8s.io/certificatesigningrequests', namespace: '', operation: create },
    405,
  ],
  ['an eviction without a uid', { subresource: 'eviction', uid: undefined, operation: create }, 400],
  [
    'a body nested a hundred thousand levels deep',
    patch('merge', `{"status":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    400,
  ],
];
for (const [what, fields, code] of refused) {
  test(`${what} is refused for good with ${code}`, () => {
    const planned = planReport(report(fields));
    assert.ok(planned.type === 'refused');
    assert.equal(planned.code, code);
    assert.notEqual(planned.reason, '');
  });
}
