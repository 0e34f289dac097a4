import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Lookup } from './lookup.ts';
import { lookupFromJson, questionFromParams, questionToParams } from './lookup-json.ts';

const object = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'a', labels: { b: 'c' } },
  spec: { ports: [{ port: 80 }] },
};

test('a question comes through its parameters as it was', () => {
  const asked = { resource: 'services', namespace: 'shop', name: 'a.b', timeoutMs: 500, live: true };
  assert.deepEqual(questionFromParams(questionToParams(asked)), asked);
  const plain = { resource: 'storage.k8s.io/csinodes', namespace: '', name: 'edge-1', timeoutMs: undefined, live: false };
  assert.deepEqual(questionFromParams(questionToParams(plain)), plain);
});

test('a question that is none is refused with what is wrong', () => {
  for (const [text, why] of [
    ['', /resource "" is not known/],
    ['resource=gizmos&name=a', /"gizmos" is not known/],
    ['resource=services&name=a', /services need a namespace/],
    ['resource=nodes&namespace=b&name=a', /nodes have no namespace/],
    ['resource=nodes&name=', /not an object key/],
    ['resource=nodes&name=a/b', /not an object key/],
    ['resource=nodes&name=a&timeoutMs=0', /timeoutMs must be 1 to 600000/],
    ['resource=nodes&name=a&timeoutMs=600001', /timeoutMs/],
    ['resource=nodes&name=a&timeoutMs=1e3', /timeoutMs/],
  ] as const) {
    assert.throws(() => questionFromParams(new URLSearchParams(text)), { code: 'malformed_object', message: why }, text);
  }
});

test('every answer comes through JSON as it was', () => {
  const answers: Lookup[] = [
    { type: 'found', source: 'kept', ageMs: 7, object },
    { type: 'found', source: 'synced', ageMs: undefined, object },
    { type: 'notFound', source: 'relayCache', ageMs: 0, message: 'none' },
    { type: 'forbidden', code: 403, reason: 'Forbidden', message: 'no' },
    { type: 'refused', code: 422, reason: 'Invalid', message: 'what' },
    { type: 'unavailable', retryAfterMs: 10, message: 'later' },
    { type: 'unknownOffline', message: 'nobody knows' },
  ];
  for (const answer of answers) assert.deepEqual(lookupFromJson(JSON.stringify(answer)), answer);
});

test('what is no answer is refused', () => {
  const rejects = (text: string) => assert.throws(() => lookupFromJson(text), { code: 'malformed_object' }, text);
  for (const text of ['', '{', 'null', '{"type":"other"}', '{"type":"found","source":"kept"}', '{"type":"unavailable"}'])
    rejects(text);
  rejects(JSON.stringify({ type: 'found', source: 'elsewhere', object }));
  fc.assert(fc.property(fc.json(), rejects));
});
