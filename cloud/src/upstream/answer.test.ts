import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnswer, readRetryAfter } from './answer.ts';

function answer(status: number, body: unknown, retryAfter?: string) {
  return readAnswer({ status, retryAfter, text: typeof body === 'string' ? body : JSON.stringify(body) });
}

function status(code: number, reason: string, message = 'because') {
  return { kind: 'Status', status: 'Failure', code, reason, message };
}

const METADATA = { uid: 'u', resourceVersion: '7', name: 'front' };

test('an object is read with its uid, version and name', () => {
  const read = answer(200, { kind: 'Pod', metadata: { ...METADATA, labels: { a: 'b' } } });
  assert.ok(read.type === 'object');
  assert.deepEqual(read.object, {
    uid: 'u',
    resourceVersion: '7',
    name: 'front',
    labels: { a: 'b' },
    annotations: {},
    body: { kind: 'Pod', metadata: { ...METADATA, labels: { a: 'b' } } },
    isHeld: false,
  });
});

test('a deleted object that a finalizer or a grace period holds is told from one that is gone', () => {
  const held = (metadata: object) => {
    const read = answer(200, { metadata: { ...METADATA, ...metadata } });
    return read.type === 'object' && read.object.isHeld;
  };
  assert.equal(held({ deletionTimestamp: 't', deletionGracePeriodSeconds: 30 }), true);
  assert.equal(held({ deletionTimestamp: 't', deletionGracePeriodSeconds: 0, finalizers: ['x'] }), true);
  assert.equal(held({ deletionTimestamp: 't', deletionGracePeriodSeconds: 0 }), false);
});

test('a Status of success names what it is about', () => {
  assert.deepEqual(answer(200, { kind: 'Status', status: 'Success', details: { uid: 'u' } }), { type: 'success', uid: 'u' });
  assert.deepEqual(answer(201, { kind: 'Status', status: 'Success' }), { type: 'success', uid: undefined });
});

for (const [code, reason, type] of [
  [400, 'BadRequest', 'refused'],
  [404, 'NotFound', 'refused'],
  [410, 'Gone', 'refused'],
  [422, 'Invalid', 'refused'],
  [403, 'Forbidden', 'forbidden'],
  [409, 'AlreadyExists', 'alreadyExists'],
  [409, 'Conflict', 'conflict'],
  [429, 'TooManyRequests', 'unavailable'],
  [500, 'InternalError', 'unavailable'],
  [503, 'ServiceUnavailable', 'unavailable'],
  [504, 'Timeout', 'unavailable'],
] as const) {
  test(`${code} ${reason} reads as ${type}`, () => assert.equal(answer(code, status(code, reason)).type, type));
}

test('a right that the relay lacks is no answer to the node', () => {
  const message = 'users "system:node:edge-1" is forbidden: User "relay" cannot impersonate resource "users" in API group ""';
  assert.equal(answer(403, status(403, 'Forbidden', message)).type, 'relayRefused');
  assert.equal(answer(401, status(401, 'Unauthorized')).type, 'relayRefused');
});

test('an answer that is neither object nor Status stands for neither', () => {
  for (const body of ['', '<html>', '[]', '{}', '{"metadata":{"name":"x"}}', 'null']) {
    assert.equal(answer(200, body).type, 'unavailable', body);
  }
  assert.equal(answer(302, '').type, 'unavailable');
  assert.equal(answer(404, '<html>').type, 'unavailable');
  assert.equal(answer(403, 'blocked by the proxy').type, 'unavailable');
  assert.equal(answer(404, '404 page not found\n').type, 'refused');
});

const NOW = new Date('2026-11-24T00:00:00Z');

test('Retry-After is taken in seconds or as a date, up to five minutes', () => {
  const read = (text: string | undefined) => readRetryAfter(text, NOW);
  assert.equal(read('3'), 3000);
  assert.equal(read('100000'), 300_000);
  assert.equal(read('Tue, 24 Nov 2026 00:00:07 GMT'), 7000);
  assert.equal(read('Tue, 24 Nov 2026 12:00:00 GMT'), 300_000);
  assert.equal(read('Mon, 23 Nov 2026 12:00:00 GMT'), 0);
  for (const text of [undefined, '', '-1', 'soon', '1e9', '2026-11-24', 'Tue, 99 Nov 2026 00:00:00 GMT'])
    assert.equal(read(text), undefined, text);
  const busy = answer(429, status(429, 'TooManyRequests'), '2');
  assert.ok(busy.type === 'unavailable');
  assert.equal(busy.retryAfterMs, 2000);
});

test('a long message of the API server is cut', () => {
  const read = answer(422, status(422, 'Invalid', 'x'.repeat(100_000)));
  assert.ok(read.type === 'refused');
  assert.equal(read.status.message.length, 1024);
});
