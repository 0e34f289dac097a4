import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError, type Report } from '@hawser/protocol';
import { pino } from 'pino';
import type { NodeApi } from './node-api.ts';
import { perform } from './perform.ts';

const UID = '11111111-2222-4333-8444-555555555555';
const OTHER_UID = '99999999-2222-4333-8444-555555555555';

type Request = Parameters<NodeApi['request']>[0];
type Reply = { status: number; body: unknown; retryAfter?: string } | Error;

const object = (metadata: object) => ({ metadata: { name: 'edge-1', uid: UID, resourceVersion: '7', ...metadata } });
const failure = (code: number, reason: string, message = 'because'): Reply => ({
  status: code,
  body: { kind: 'Status', status: 'Failure', code, reason, message },
});

/** An API server that gives these answers one after the other and remembers what it was asked. */
async function run(fields: Partial<Report>, replies: Reply[], options: { labelNodes?: boolean } = {}) {
  const requests: Request[] = [];
  const pauses: number[] = [];
  const outcome = await perform(
    {
      api: {
        async request(request) {
          requests.push(request);
          const reply = replies.shift();
          assert.ok(reply !== undefined, `one request too many: ${request.method} ${request.path}`);
          if (reply instanceof Error) throw reply;
          return { status: reply.status, headers: { 'retry-after': reply.retryAfter }, text: JSON.stringify(reply.body) };
        },
      },
      clock: {
        now: () => new Date(0),
        after(milliseconds, callback) {
          pauses.push(milliseconds);
          callback();
          return () => undefined;
        },
      },
      logger: pino({ level: 'silent' }),
      counts: { apiCall: () => undefined },
      form: () => 'groups',
      labelNodes: options.labelNodes ?? true,
    },
    'edge-1',
    {
      number: 1,
      resource: 'pods',
      namespace: 'web',
      name: 'front',
      uid: UID,
      subresource: 'status',
      operation: { type: 'patch', patchType: 'strategic', body: '{"status":{"phase":"Running"}}' },
      ...fields,
    },
  );
  assert.deepEqual(replies, [], 'fewer requests than expected');
  return { outcome, requests, pauses };
}

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
  const body = '{"metadata":{"resourceVersion":"3"}}';
  const named = await run({ operation: { type: 'patch', patchType: 'merge', body } }, [...conflicts]);
  assert.equal(named.outcome.type, 'refused');
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

test('no answer, 429 and 503 do not end the entry, and Retry-After is passed on', async () => {
  const unreachable = await run({}, [new HawserError('unreachable', 'connect ECONNREFUSED')]);
  assert.equal(unreachable.outcome.type, 'unavailable');
  const busy = await run({}, [{ ...failure(429, 'TooManyRequests'), retryAfter: '7' }]);
  assert.deepEqual(busy.outcome, { type: 'unavailable', retryAfterMs: 7000, message: 'because' });
  assert.equal((await run({}, [failure(503, 'ServiceUnavailable')])).outcome.type, 'unavailable');
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
  assert.equal((await run(register, [{ status: 201, body: object({}) }], { labelNodes: false })).outcome.type, 'applied');
});

test('an object of others that exists already is refused', async () => {
  const other = { ...register, name: 'edge-2', operation: { type: 'create' as const, body: '{"metadata":{"name":"edge-2"}}' } };
  assert.equal((await run(other, [failure(409, 'AlreadyExists')])).outcome.type, 'refused');
});
