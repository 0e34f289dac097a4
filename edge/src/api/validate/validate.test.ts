import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ApiResource, type KubeObject, resourceById } from '@hawser/protocol';
import { ApiError } from '../status.ts';
import { validateCreate, validateUpdate } from './index.ts';

function resource(id: string): ApiResource {
  const found = resourceById(id);
  assert.ok(found);
  return found;
}

function object(id: string, fields: Partial<KubeObject>): KubeObject {
  return { apiVersion: 'v1', kind: resource(id).kind, ...fields, metadata: { name: 'x', namespace: 'ns', ...fields.metadata } };
}

/** The fields that are wrong, in the order in which they are told. */
function wrong(check: () => void): (string | undefined)[] {
  try {
    check();
    return [];
  } catch (error) {
    assert.ok(error instanceof ApiError && error.code === 422, String(error));
    return (error.details?.causes ?? []).map((cause) => cause.field);
  }
}

const created = (id: string, fields: Partial<KubeObject>) => wrong(() => validateCreate(resource(id), object(id, fields)));
const updated = (id: string, before: Partial<KubeObject>, after: Partial<KubeObject>) =>
  wrong(() => validateUpdate(resource(id), '', object(id, after), object(id, before)));

describe('validation of metadata', () => {
  it('takes names that can stand in DNS, and other names for events', () => {
    assert.deepEqual(created('configmaps', { metadata: { name: 'a.b-c.1' } }), []);
    assert.deepEqual(created('configmaps', { metadata: { name: 'a..b' } }), ['metadata.name']);
    assert.deepEqual(created('services', { metadata: { name: 'a.b' } }), ['metadata.name']);
    assert.deepEqual(created('events', { metadata: { name: 'Pod.1a2B' } }), []);
    assert.deepEqual(created('events', { metadata: { name: 'a/b' } }), ['metadata.name']);
  });

  it('takes labels and annotations within their bounds', () => {
    const long = 'x'.repeat(64);
    assert.deepEqual(created('pods', { metadata: { labels: { 'example.test/a_b.C': '', a: 'B-1' } } }), []);
    assert.deepEqual(created('pods', { metadata: { labels: { [long]: 'x' } } }), ['metadata.labels']);
    assert.deepEqual(created('pods', { metadata: { labels: { a: long } } }), ['metadata.labels']);
    assert.deepEqual(created('pods', { metadata: { labels: { '/a': 'x', 'Not_DNS!/a': 'x', 'a/': 'x' } } }).length, 3);
    assert.deepEqual(created('pods', { metadata: { annotations: { 'x/y': 'any text at all\n' } } }), []);
    assert.deepEqual(created('pods', { metadata: { annotations: { a: 'x'.repeat(262_144) } } }), ['metadata.annotations']);
  });

  it('wants no namespace on what has none', () => {
    assert.deepEqual(created('nodes', {}), ['metadata.namespace']);
  });
});

describe('validation of ConfigMaps and Secrets', () => {
  it('takes keys that can be file names', () => {
    assert.deepEqual(created('configmaps', { data: { 'a.B_c-1': '' } }), []);
    assert.deepEqual(created('configmaps', { data: { '..': '', '..a': '', '.': '', 'a/b': '' } }).length, 4);
    assert.deepEqual(created('configmaps', { data: { a: '' }, binaryData: { a: '' } }), ['data[a]']);
  });

  it('counts the bytes of the data, decoded', () => {
    const megabyte = Buffer.alloc(1024 * 1024).toString('base64');
    assert.deepEqual(created('secrets', { data: { a: megabyte } }), []);
    assert.deepEqual(created('secrets', { data: { a: megabyte, b: 'YQ==' } }), ['data']);
    assert.deepEqual(created('configmaps', { binaryData: { a: megabyte }, data: { b: 'a' } }), ['[]']);
  });

  it('wants the keys that the type of a Secret promises, and keeps the type', () => {
    assert.deepEqual(created('secrets', { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }), ['data[tls.key]']);
    assert.deepEqual(updated('secrets', { type: 'Opaque' }, { type: 'x' }), ['type']);
  });

  it('keeps what is immutable', () => {
    const before = { immutable: true, data: { a: '1' } };
    assert.deepEqual(updated('configmaps', before, { immutable: true, data: { a: '1' } }), []);
    assert.deepEqual(updated('configmaps', before, { data: { a: '2' } }), ['immutable', 'data']);
    assert.deepEqual(updated('configmaps', { data: { a: '1' } }, before), []);
  });
});
