import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError, resourceById } from '@hawser/protocol';
import type { ApiClient, ApiRequest } from '../apiserver/index.ts';
import type { Action } from './action.ts';
import { leaseText, type ReplicaFields } from './lease.ts';
import { outcomeOf, perform } from './perform.ts';

const FIELDS: ReplicaFields = {
  type: 'replica',
  replica: 'a',
  process: 'p',
  durationSeconds: 30,
  acquireTime: '2030-01-01T00:00:00.000000Z',
  renewTime: '2030-01-01T00:00:00.000000Z',
};
const NAME = 'relay-a';
const READ: Action = { type: 'read', name: NAME };
const CREATE: Action = { type: 'create', name: NAME, fields: FIELDS };
const UPDATE: Action = { type: 'update', name: NAME, fields: FIELDS, uid: 'u', resourceVersion: '3' };
const DELETE: Action = { type: 'delete', name: NAME, uid: 'u', resourceVersion: '3' };

const LEASE = JSON.stringify({
  ...JSON.parse(leaseText(FIELDS, NAME)),
  metadata: { name: NAME, uid: 'u', resourceVersion: '4', labels: { 'hawser.dev/lease': 'replica' } },
});

function status(code: number, reason: string, details: object = {}): string {
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code,
    reason,
    message: `${reason} it is`,
    details,
  });
}

function judged(action: Action, code: number, text: string, headers = {}): string {
  const outcome = outcomeOf(action, { status: code, headers, text }, new Date(0));
  return outcome.type === 'failed' ? outcome.why : outcome.type;
}

test('each answer of the API server is what it says and nothing more', () => {
  const absent = status(404, 'NotFound', { name: NAME, kind: 'leases' });
  const cases: [string, Action, number, string, string][] = [
    ['written', UPDATE, 200, LEASE, 'lease'],
    ['made', CREATE, 201, LEASE, 'lease'],
    ['deleted', DELETE, 200, status(200, ''), 'absent'],
    ['there is none', READ, 404, absent, 'absent'],
    ['none to update', UPDATE, 404, absent, 'absent'],
    ['no such namespace', CREATE, 404, status(404, 'NotFound', { name: 'hawser-system', kind: 'namespaces' }), 'noNamespace'],
    ['a path that nobody serves', READ, 404, '404 page not found', 'unreachable'],
    ['changed meanwhile', UPDATE, 409, status(409, 'Conflict'), 'conflict'],
    ['there already', CREATE, 409, status(409, 'AlreadyExists'), 'conflict'],
    ['no rights', CREATE, 403, status(403, 'Forbidden'), 'forbidden'],
    ['no credentials', READ, 401, status(401, 'Unauthorized'), 'forbidden'],
    ['too many', CREATE, 429, status(429, 'TooManyRequests'), 'busy'],
    ['a proxy without a server', UPDATE, 503, '<html>', 'busy'],
    ['a proxy that lost it', UPDATE, 502, '<html>', 'unreachable'],
    ['out of time', UPDATE, 504, status(504, 'Timeout'), 'unreachable'],
    ['invalid', CREATE, 422, status(422, 'Invalid'), 'refused'],
    [
      'a Lease of somebody else',
      READ,
      200,
      '{"kind":"Lease","metadata":{"name":"relay-a","uid":"u","resourceVersion":"4"}}',
      'foreign',
    ],
    ['something else', READ, 200, '{"kind":"Secret"}', 'unreachable'],
    ['a body that was cut', READ, 200, LEASE.slice(0, 40), 'unreachable'],
  ];
  for (const [what, action, code, text, expected] of cases) assert.equal(judged(action, code, text), expected, what);
});

test('a wait that the server asks for is kept', () => {
  const answer = { status: 429, headers: { 'retry-after': '7' }, text: status(429, 'TooManyRequests') };
  const outcome = outcomeOf(CREATE, answer, new Date(0));
  assert.ok(outcome.type === 'failed');
  assert.equal(outcome.retryAfterMs, 7_000);
});

test('writes are conditional: on absence, on uid and version; all go to the one namespace', async () => {
  const asked: ApiRequest[] = [];
  const client: Pick<ApiClient, 'request'> = {
    async request(request) {
      asked.push(request);
      if (request.method === 'DELETE') throw new HawserError('unreachable', 'cut');
      return { status: 200, headers: {}, text: LEASE };
    },
  };
  const leases = resourceById('coordination.k8s.io/leases');
  assert.ok(leases);
  const performer = { client, leases, namespace: 'relays', signal: new AbortController().signal, now: () => new Date(0) };
  const outcomes = [];
  for (const action of [CREATE, UPDATE, DELETE, READ]) outcomes.push((await perform(performer, action)).type);
  assert.deepEqual(outcomes, ['lease', 'lease', 'failed', 'lease']);
  const base = '/apis/coordination.k8s.io/v1/namespaces/relays/leases';
  assert.deepEqual(
    asked.map(({ method, path }) => `${method} ${path}`),
    [`POST ${base}`, `PUT ${base}/${NAME}`, `DELETE ${base}/${NAME}`, `GET ${base}/${NAME}`],
  );
  const [created, updated, deleted] = asked.map(({ body }) => JSON.parse(body ?? '{}'));
  assert.equal(created.metadata.resourceVersion, undefined);
  assert.deepEqual([updated.metadata.uid, updated.metadata.resourceVersion], ['u', '3']);
  assert.deepEqual(deleted.preconditions, { uid: 'u', resourceVersion: '3' });
});
