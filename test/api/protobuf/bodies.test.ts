import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { SpecialRequest } from '@hawser/edge';
import type { JsonObject } from '@hawser/protocol';
import { encodeObject } from '../../../edge/src/api/protobuf/encode.ts';
import { UNKNOWN_FIELDS } from '../../../edge/src/api/protobuf/unknown.ts';
import { startTestServer, type TestServer } from '../server.ts';

const COLLECTION = '/api/v1/namespaces/ns/configmaps';
const TYPE = { 'content-type': 'application/vnd.kubernetes.protobuf' };

function protobuf(object: JsonObject): Buffer {
  const encoded = encodeObject(object);
  assert.ok(encoded?.complete);
  return encoded.bytes;
}

describe('bodies in Protocol Buffers', () => {
  let test: TestServer;
  const special: SpecialRequest[] = [];
  before(async () => {
    test = await startTestServer({
      policy: {
        specialResources: [
          {
            ...{ group: 'authorization.k8s.io', version: 'v1', resource: 'subjectaccessreviews', kind: 'SubjectAccessReview' },
            ...{ namespaced: false, verbs: ['create'] },
          },
        ],
        handleSpecial(request) {
          special.push(request);
          return { status: 201, body: request.body ?? { apiVersion: 'v1', kind: 'Status', metadata: {} } };
        },
      },
    });
  });
  after(() => test.close());

  const send = (method: string, path: string, body: Buffer, headers: Record<string, string> = TYPE) =>
    test.call(method, path, { body, headers });

  it('create and update as JSON does', async () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', labels: { x: 'y' } }, data: { n: '1' } };
    const created = await send('POST', COLLECTION, protobuf(object));
    assert.equal(created.status, 201, created.text);
    assert.deepEqual(created.json.data, { n: '1' });
    const { uid, resourceVersion } = created.json.metadata;
    const changed = protobuf({ ...object, metadata: { name: 'a', namespace: 'ns', uid: uid ?? '' }, data: { n: '2' } });
    const updated = await send('PUT', `${COLLECTION}/a`, changed);
    assert.equal(updated.status, 200, updated.text);
    assert.deepEqual(updated.json.data, { n: '2' });
    assert.ok(Number(updated.json.metadata.resourceVersion) > Number(resourceVersion));
    const stale = protobuf({ ...object, metadata: { name: 'a', resourceVersion: resourceVersion ?? '' } });
    assert.equal((await send('PUT', `${COLLECTION}/a`, stale)).status, 409);
  });

  it('are options of a delete, of whatever group they say they are', async () => {
    await send('POST', COLLECTION, protobuf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' } }));
    const options = { kind: 'DeleteOptions', apiVersion: 'resource.k8s.io/v1', preconditions: { uid: 'another' } };
    const refused = await send('DELETE', `${COLLECTION}/b`, protobuf(options));
    assert.equal(refused.status, 409, refused.text);
    const taken = await send('DELETE', `${COLLECTION}/b`, protobuf({ ...options, preconditions: {} }));
    assert.equal(taken.status, 200, taken.text);
  });

  it('are requests that the policy answers', async () => {
    const review = {
      ...{ kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {} },
      ...{ spec: { user: 'u', extra: { a: ['b'] }, resourceAttributes: { verb: 'get' } }, status: { allowed: false } },
    };
    const answered = await send('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', protobuf(review));
    assert.equal(answered.status, 201, answered.text);
    assert.deepEqual(special.at(-1)?.body, review);
    const unknown = Buffer.concat([Buffer.from('k8s\0'), Buffer.from('0a070a0276311201581200', 'hex')]);
    const refused = await send('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', unknown);
    assert.equal(refused.status, 400);
    assert.equal(refused.json.message, 'no kind "X" is registered for version "v1"');
  });

  it('that are none, or of another kind, are refused as a real API server does', async () => {
    const refusal = async (body: Buffer, path = COLLECTION) => {
      const { status, json } = await send('POST', path, body);
      assert.equal(status, 400);
      return String(json.message);
    };
    assert.equal(
      await refusal(Buffer.from('{"kind":"ConfigMap"}')),
      'the object provided is unrecognized (must be of type ConfigMap): provided data does not appear to be a protobuf message, ' +
        'expected prefix [107 56 115 0] ({"kind":"ConfigMap"})',
    );
    assert.match(await refusal(Buffer.alloc(0)), /\(must be of type ConfigMap\): empty data \(<empty>\)$/);
    const cut = protobuf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cut' } });
    const short = Buffer.from(cut);
    short[short.indexOf('cut') - 1] = 0x7f;
    assert.equal(await refusal(short), 'ConfigMap in version "v1" cannot be handled as a ConfigMap: unexpected EOF');
    assert.match(
      await refusal(protobuf({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } })),
      /^Secret in version "v1" cannot be handled as a ConfigMap: converting \(v1.Secret\) to \(core.ConfigMap\): unknown conversion$/,
    );
    const patched = await send('PATCH', `${COLLECTION}/a`, cut);
    assert.equal(patched.status, 415);
  });

  it('keep what the table has no name for, in the object that is stored', async () => {
    const unknown = Buffer.from('f87f05', 'hex');
    const whole = protobuf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept' } });
    // The message is the last but four bytes of the envelope, and its metadata the last of it.
    const raw = Buffer.concat([whole.subarray(whole.indexOf('kept') - 4, -4), unknown]);
    const body = Buffer.concat([whole.subarray(0, whole.indexOf('kept') - 5), Buffer.of(raw.length), raw, whole.subarray(-4)]);
    assert.equal((await send('POST', COLLECTION, body)).status, 201);
    const stored = test.storage.get({ resource: 'configmaps', namespace: 'ns', name: 'kept' });
    assert.equal(stored?.[UNKNOWN_FIELDS], unknown.toString('base64'));
    assert.ok(encodeObject(stored ?? {})?.bytes.includes(unknown));
  });
});
