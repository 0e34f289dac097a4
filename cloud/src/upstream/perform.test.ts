import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError, type Report } from '@hawser/protocol';
import { nodeMarks } from './node-marks.ts';
import { failure, OTHER_UID, object, run, UID } from './testing/scripted-api.ts';

const register: Partial<Report> = {
  resource: 'nodes',
  namespace: '',
  name: 'edge-1',
  uid: undefined,
  subresource: '',
  operation: { type: 'create', body: '{"metadata":{"name":"edge-1"}}' },
};
const update: Partial<Report> = {
  subresource: '',
  operation: { type: 'update', body: '{"metadata":{"resourceVersion":"3"},"data":1}' },
};
const remove: Partial<Report> = { subresource: '', operation: { type: 'remove', gracePeriodSeconds: 0 } };
const LABELLED = { labels: { 'node-role.kubernetes.io/edge': '' } };

test('a status patch is done as the node and answered with the version', async () => {
  const { outcome, requests } = await run({}, [{ status: 200, body: object({ name: 'front' }) }]);
  assert.deepEqual(outcome, { type: 'applied', uid: UID, resourceVersion: '7', name: 'front' });
  assert.deepEqual(requests[0]?.impersonate, { user: 'system:node:edge-1', groups: ['system:nodes'] });
});

test('a removed object has no version; one that is still held has', async () => {
  const gone = await run(remove, [{ status: 200, body: object({ name: 'front', deletionGracePeriodSeconds: 0 }) }]);
  assert.deepEqual(gone.outcome, { type: 'applied', uid: UID, resourceVersion: undefined, name: 'front' });
  const held = await run(remove, [{ status: 200, body: object({ name: 'front', finalizers: ['a/b'] }) }]);
  assert.deepEqual(held.outcome, { type: 'applied', uid: UID, resourceVersion: '7', name: 'front' });
  const status = await run(remove, [{ status: 200, body: { kind: 'Status', status: 'Success', details: { uid: UID } } }]);
  assert.deepEqual(status.outcome, { type: 'applied', uid: UID, resourceVersion: undefined, name: 'front' });
});

test('a delete that meets the successor is refused, not repeated', async () => {
  const { outcome } = await run(remove, [failure(409, 'Conflict')]);
  assert.deepEqual(outcome, { type: 'refused', code: 409, reason: 'Conflict', message: 'because' });
});

test('an update that met a newer version is read again and written against it', async () => {
  const { outcome, requests } = await run(update, [
    failure(409, 'Conflict'),
    { status: 200, body: object({ resourceVersion: '8' }) },
    { status: 200, body: object({ resourceVersion: '9' }) },
  ]);
  assert.ok(outcome.type === 'applied');
  assert.equal(outcome.resourceVersion, '9');
  assert.deepEqual(JSON.parse(requests[2]?.body ?? ''), { metadata: { resourceVersion: '8', uid: UID }, data: 1 });
  assert.ok(requests.every(({ impersonate }) => impersonate?.user === 'system:node:edge-1'));
});

test('an update never meets the successor of its object', async () => {
  const { outcome } = await run(update, [failure(409, 'Conflict'), { status: 200, body: object({ uid: OTHER_UID }) }]);
  assert.equal(outcome.type, 'refused');
});

test('conflicts without end are put off, and for good when the patch itself names a version', async () => {
  const conflicts = Array.from({ length: 5 }, () => failure(409, 'Conflict'));
  assert.equal((await run({}, [...conflicts])).outcome.type, 'unavailable');
  for (const [patchType, body] of [
    ['merge', '{"metadata":{"resourceVersion":"3"}}'],
    ['json', '[{"op":"test","path":"/metadata/resourceVersion","value":"3"}]'],
  ] as const) {
    const named = await run({ operation: { type: 'patch', patchType, body } }, [failure(409, 'Conflict')]);
    assert.equal(named.outcome.type, 'refused', patchType);
  }
  const mentioned = { type: 'patch', patchType: 'merge', body: '{"status":{"resourceVersion":"3"}}' } as const;
  assert.equal(
    (await run({ operation: mentioned }, [failure(409, 'Conflict'), { status: 200, body: object({}) }])).outcome.type,
    'applied',
  );
});

test('a 403 is asked once more after a moment, since the authorizer lags behind a binding', async () => {
  const again = await run({}, [failure(403, 'Forbidden'), { status: 200, body: object({}) }]);
  assert.equal(again.outcome.type, 'applied');
  assert.deepEqual(again.pauses, [50]);
  const twice = await run({}, [failure(403, 'Forbidden'), failure(403, 'Forbidden', 'no relationship found')]);
  assert.deepEqual(twice.outcome, { type: 'refused', code: 403, reason: 'Forbidden', message: 'no relationship found' });
});

test('a right that the relay lacks does not end the entry', async () => {
  const { outcome } = await run({}, [failure(403, 'Forbidden', 'User "relay" cannot impersonate resource "users"')]);
  assert.equal(outcome.type, 'unavailable');
});

test('a write that no kubelet makes, and that the relay is not granted, is refused for good', async () => {
  const message = 'User "relay" cannot impersonate-on:arbitrary-node:patch resource "services"';
  const { outcome } = await run({ resource: 'services', subresource: '' }, [failure(403, 'Forbidden', message)]);
  assert.ok(outcome.type === 'refused');
  assert.equal(outcome.message, `the relay is not granted it: ${message}`);
});

test('no answer, 429 and 503 do not end the entry, and Retry-After is passed on', async () => {
  const unreachable = await run({}, [new HawserError('unreachable', 'connect ECONNREFUSED')]);
  assert.equal(unreachable.outcome.type, 'unavailable');
  const busy = await run({}, [{ ...failure(429, 'TooManyRequests'), retryAfter: '7' }]);
  assert.deepEqual(busy.outcome, { type: 'unavailable', retryAfterMs: 7000, message: 'because' });
  assert.equal((await run({}, [failure(503, 'ServiceUnavailable')])).outcome.type, 'unavailable');
});

test('the pool of calls hears what each answer says about the API server', async () => {
  const verdict = async (reply: Parameters<typeof run>[1][number], fields: Partial<Report> = {}) =>
    (await run(fields, [reply])).verdicts.join();
  assert.equal(await verdict({ status: 200, body: object({}) }), 'good');
  assert.equal(await verdict(failure(404, 'NotFound')), 'good');
  assert.equal(await verdict(failure(429, 'TooManyRequests')), 'overload');
  assert.equal(await verdict(failure(503, 'ServiceUnavailable')), 'overload');
  assert.equal(await verdict(failure(500, 'InternalError')), 'fault');
  assert.equal(await verdict(failure(401, 'Unauthorized')), 'fault');
  assert.equal(await verdict(new HawserError('unreachable', 'connect ECONNREFUSED')), 'fault');
  const eviction: Partial<Report> = { subresource: 'eviction', operation: { type: 'create', body: '{}' } };
  assert.equal(await verdict(failure(429, 'TooManyRequests'), eviction), 'good', 'a disruption budget has said no');
});

test('a patch that contradicts itself, to which the API server says 500, is refused for good', async () => {
  const body = JSON.stringify({
    status: {
      $patch: undefined,
      conditions: [
        { type: 'B', status: 'True' },
        { type: 'A', status: 'True' },
      ],
      '$setElementOrder/conditions': [{ type: 'A' }, { type: 'B' }],
    },
  });
  const { outcome } = await run({ operation: { type: 'patch', patchType: 'strategic', body } }, [failure(500, '')]);
  assert.ok(outcome.type === 'refused');
  assert.equal(outcome.code, 400);
  assert.match(outcome.message, /order/);
  assert.equal((await run({}, [failure(500, '')])).outcome.type, 'unavailable', 'any other 500 is no answer');
});

test('a resource that nobody knows is refused without a request', async () => {
  assert.equal((await run({ resource: 'widgets' }, [])).outcome.type, 'refused');
});

test('a first registration sets the edge label with the rights of the relay', async () => {
  const { outcome, requests } = await run(register, [
    { status: 201, body: object({}) },
    { status: 200, body: object(LABELLED) },
  ]);
  assert.equal(outcome.type, 'applied');
  assert.equal(requests[1]?.method, 'PATCH');
  assert.equal(requests[1]?.path, '/api/v1/nodes/edge-1');
  assert.equal(requests[1]?.impersonate, undefined);
  const { metadata } = JSON.parse(requests[1]?.body ?? '');
  assert.deepEqual(metadata.labels, LABELLED.labels);
  assert.equal(metadata.uid, UID);
});

test('a node that registers again is answered with the Node that is there', async () => {
  const { outcome, requests } = await run(register, [failure(409, 'AlreadyExists'), { status: 200, body: object(LABELLED) }]);
  assert.deepEqual(outcome, { type: 'applied', uid: UID, resourceVersion: '7', name: 'edge-1' });
  assert.equal(requests[1]?.impersonate?.user, 'system:node:edge-1');
});

test('a label that someone took off is not set again', async () => {
  const { outcome } = await run(register, [
    failure(409, 'AlreadyExists'),
    { status: 200, body: object({ annotations: { 'hawser.dev/edge-label': 'set-by-relay' } }) },
  ]);
  assert.equal(outcome.type, 'applied');
});

test('a label that cannot be set for now puts the registration off', async () => {
  const { outcome } = await run(register, [{ status: 201, body: object({}) }, failure(503, 'ServiceUnavailable')]);
  assert.equal(outcome.type, 'unavailable');
});

test('a label that the relay may not set leaves the registration standing', async () => {
  assert.equal((await run(register, [{ status: 201, body: object({}) }, failure(403, 'Forbidden')])).outcome.type, 'applied');
});

test('without labelNodes a registration sets no label', async () => {
  assert.equal(
    (await run(register, [{ status: 201, body: object({}) }], { marks: nodeMarks(false, [], []) })).outcome.type,
    'applied',
  );
});
