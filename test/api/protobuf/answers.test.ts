import assert from 'node:assert/strict';
import { get } from 'node:https';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '@hawser/protocol';
import { encodeObject } from '../../../edge/src/api/protobuf/encode.ts';
import { decodeProtobuf, openFrame, takeFrames } from '../../replay/protobuf.ts';
import { type Answer, HTTP_VERSIONS } from '../client.ts';
import { startTestServer, type TestServer } from '../server.ts';

const COLLECTION = '/api/v1/namespaces/ns/configmaps';
const TYPE = 'application/vnd.kubernetes.protobuf';
/** As client-go sends it. */
const ACCEPT = { accept: `${TYPE},application/json` };

function objectOf(answer: Answer, status = 200): JsonObject {
  assert.equal(answer.headers['content-type'], TYPE, answer.text);
  const object = decodeProtobuf(answer.bytes);
  assert.equal(answer.status, status, JSON.stringify(object));
  assert.equal(answer.headers['content-length'], String(answer.bytes.length));
  return object;
}

for (const http of HTTP_VERSIONS) {
  describe(`answers in Protocol Buffers over ${http}`, () => {
    let test: TestServer;
    before(async () => {
      test = await startTestServer({ http });
    });
    after(() => test.close());

    const ask = (method: string, path: string, body?: JsonObject, headers: Record<string, string> = ACCEPT) =>
      test.call(method, path, {
        headers: { ...(body === undefined ? {} : { 'content-type': TYPE }), ...headers },
        body: body === undefined ? undefined : encodeObject(body)?.bytes,
      });
    const json = async (path: string) => (await test.call('GET', path)).json;
    const configMap = (name: string, data: JsonObject) => ({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name }, data });

    it('say what JSON says, of every verb', async () => {
      const created = objectOf(await ask('POST', COLLECTION, configMap('a', { n: '1' })), 201);
      assert.deepEqual(created, await json(`${COLLECTION}/a`));
      assert.deepEqual(objectOf(await ask('GET', `${COLLECTION}/a`)), created);
      const updated = objectOf(await ask('PUT', `${COLLECTION}/a`, configMap('a', { n: '2' })));
      assert.deepEqual(updated.data, { n: '2' });
      const patched = await test.call('PATCH', `${COLLECTION}/a`, {
        headers: { ...ACCEPT, 'content-type': 'application/strategic-merge-patch+json' },
        body: { data: { m: '3' } },
      });
      assert.deepEqual(objectOf(patched).data, { m: '3', n: '2' });
      const list = objectOf(await ask('GET', COLLECTION));
      const { items = [], ...listed } = await json(COLLECTION);
      assert.deepEqual(list, { ...listed, items });
      const deleted = objectOf(await ask('DELETE', `${COLLECTION}/a`, { kind: 'DeleteOptions', apiVersion: 'v1' }));
      assert.equal(deleted.status, 'Success');
      const left = objectOf(await ask('GET', COLLECTION));
      assert.equal(left.items, null, 'Go has no list of nothing');
      assert.equal(objectOf(await ask('DELETE', COLLECTION)).kind, 'ConfigMapList');
    });

    it('tell errors to who asked for them so, and in JSON to others', async () => {
      const missing = objectOf(await ask('GET', `${COLLECTION}/none`), 404);
      const inJson = await test.call('GET', `${COLLECTION}/none`);
      assert.deepEqual(missing, inJson.json);
      assert.equal(inJson.status, 404);
      assert.equal(
        objectOf(await ask('POST', COLLECTION, { kind: 'Secret', apiVersion: 'v1', metadata: {} }), 400).reason,
        'BadRequest',
      );
      assert.equal(objectOf(await ask('GET', '/apis/apps/v9/things'), 404).reason, 'NotFound');
      const unspoken = objectOf(await ask('GET', '/version', undefined, { accept: TYPE }), 406);
      assert.equal(unspoken.message, '406: Not Acceptable\n\nAvailable representations: application/json');
      assert.equal((await ask('GET', '/version')).headers['content-type'], 'application/json');
    });

    it('are metadata alone where that is asked for, and Tables in JSON only', async () => {
      await ask('POST', COLLECTION, configMap('meta', { n: '1' }));
      const as = (kind: string) => ({ accept: `${TYPE};as=${kind};g=meta.k8s.io;v=v1` });
      const one = objectOf(await ask('GET', `${COLLECTION}/meta`, undefined, as('PartialObjectMetadata')));
      assert.equal(one.kind, 'PartialObjectMetadata');
      assert.equal(one.data, undefined);
      const list = objectOf(await ask('GET', COLLECTION, undefined, as('PartialObjectMetadataList')));
      assert.equal(list.kind, 'PartialObjectMetadataList');
      const table = objectOf(await ask('GET', COLLECTION, undefined, as('Table')), 406);
      assert.match(String(table.message), /^only the following media types are accepted/);
    });

    it('are discovery documents', async () => {
      assert.deepEqual(objectOf(await ask('GET', '/apis')), await json('/apis'));
      const { kind, apiVersion, groupVersion } = objectOf(await ask('GET', '/api/v1'));
      assert.deepEqual({ kind, apiVersion, groupVersion }, { kind: 'APIResourceList', apiVersion: '', groupVersion: 'v1' });
      assert.deepEqual(objectOf(await ask('GET', '/apis/apps')), await json('/apis/apps'));
    });

    it('give way to JSON for what the field table lacks, if the client takes that', async () => {
      const key = { resource: 'configmaps', namespace: 'ns', name: 'newer' };
      const metadata = { name: 'newer', namespace: 'ns', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
      test.storage.commit({
        ...{ type: 'create', key },
        object: { apiVersion: 'v1', kind: 'ConfigMap', metadata, fieldOfTheFuture: 1 },
      });
      const told = await ask('GET', `${COLLECTION}/newer`);
      assert.equal(told.headers['content-type'], 'application/json');
      assert.equal(told.json.fieldOfTheFuture, 1);
      const only = objectOf(await ask('GET', `${COLLECTION}/newer`, undefined, { accept: TYPE }));
      assert.equal(only.fieldOfTheFuture, undefined);
    });
  });
}

describe('watches in Protocol Buffers', () => {
  let test: TestServer;
  before(async () => {
    test = await startTestServer();
  });
  after(() => test.close());

  const watch = (path: string, accept: string) =>
    new Promise<{ contentType: string | undefined; body: AsyncIterable<Buffer> }>((resolve, reject) => {
      const { host, port } = test.server.address();
      const outgoing = get({ host, port, ca: test.authority.certificatePem, path, headers: { accept } }, (response) =>
        resolve({ contentType: response.headers['content-type'], body: response }),
      );
      outgoing.on('error', reject);
    });

  it('are frames with their length before them, of the same events as in JSON', async () => {
    for (const name of ['a', 'b'])
      await test.call('POST', COLLECTION, { body: { metadata: { name }, data: { x: 'é'.repeat(200) } } });
    const query = `${COLLECTION}?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1`;
    const inJson = test.watch(query);
    const { contentType, body } = await watch(query, `${TYPE};stream=watch,application/json`);
    assert.equal(contentType, `${TYPE};stream=watch`);
    const frames = await takeFrames(body, 3);
    const events = frames.map(openFrame).map(({ type, object }) => ({ type, object: decodeProtobuf(object) }));
    const lines = await inJson.take(3);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['ADDED', 'ADDED', 'BOOKMARK'],
    );
    assert.deepEqual(events, lines);
  });

  it('tell that a position is too old as an event, and metadata alone', async () => {
    const old = await startTestServer({ storage: { changeLogLimit: 1 } });
    try {
      const { host, port } = old.server.address();
      for (const name of ['a', 'b', 'c']) await old.call('POST', COLLECTION, { body: { metadata: { name } } });
      const bytes = await new Promise<Buffer>((resolve, reject) => {
        const path = `${COLLECTION}?watch=true&resourceVersion=1`;
        get({ host, port, ca: old.authority.certificatePem, path, headers: { accept: TYPE } }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)));
        }).on('error', reject);
      });
      const { type, object } = openFrame(bytes.subarray(4));
      assert.equal(type, 'ERROR');
      const status = decodeProtobuf(object);
      assert.deepEqual([status.kind, status.reason, status.code], ['Status', 'Expired', 410]);
    } finally {
      await old.close();
    }
    const { body } = await watch(`${COLLECTION}?watch=true`, `${TYPE};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`);
    const [frame = Buffer.alloc(0)] = await takeFrames(body, 1);
    const { kind, metadata } = decodeProtobuf(openFrame(frame).object);
    assert.equal(kind, 'PartialObjectMetadata');
    assert.ok(metadata);
  });
});
