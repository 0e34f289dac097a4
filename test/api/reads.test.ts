import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestServer, type TestServer } from './server.ts';

const COLLECTION = '/api/v1/namespaces/ns/configmaps';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

describe('reads over HTTPS', () => {
  let test: TestServer;
  before(async () => {
    test = await startTestServer({ storage: { startRevision: 1000 } });
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const labels = { tier: name < 'c' ? 'low' : 'high' };
      const body = { metadata: { name, labels }, data: { n: name } };
      assert.equal((await test.call('POST', COLLECTION, { body })).status, 201);
    }
  });
  after(() => test.close());

  const names = (body: { [field: string]: unknown }): unknown[] => {
    assert.ok(Array.isArray(body.items));
    return body.items.map((item) => item.metadata.name);
  };

  it('list in pages of one state, whatever is written in between', async () => {
    const first = (await test.call('GET', `${COLLECTION}?limit=2`)).json;
    assert.deepEqual(names(first), ['a', 'b']);
    assert.equal(first.metadata.remainingItemCount, 3);
    await test.call('POST', COLLECTION, { body: { metadata: { name: 'bb' } } });
    await test.call('DELETE', `${COLLECTION}/d`);
    const second = (await test.call('GET', `${COLLECTION}?limit=10&continue=${first.metadata.continue}`)).json;
    assert.deepEqual(names(second), ['c', 'd', 'e']);
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
    assert.equal(second.metadata.continue, undefined);
    await test.call('DELETE', `${COLLECTION}/bb`);
    await test.call('POST', COLLECTION, { body: { metadata: { name: 'd', labels: { tier: 'high' } } } });
  });

  it('list on after a token has expired, with the token that the 410 gives', async () => {
    const first = (await test.call('GET', `${COLLECTION}?limit=2`)).json;
    await test.call('PUT', `${COLLECTION}/e`, { body: { metadata: { name: 'e' }, data: { n: 'changed' } } });
    test.storage.compact(test.storage.revision());
    const expired = await test.call('GET', `${COLLECTION}?limit=2&continue=${first.metadata.continue}`);
    assert.equal(expired.status, 410);
    assert.equal(expired.json.reason, 'Expired');
    const rest = await test.call('GET', `${COLLECTION}?continue=${expired.json.metadata.continue}`);
    assert.deepEqual(names(rest.json), ['c', 'd', 'e']);
  });

  it('do not count what remains when there is a selector', async () => {
    const { json } = await test.call('GET', `${COLLECTION}?limit=1&labelSelector=tier%3Dlow`);
    assert.deepEqual(names(json), ['a']);
    assert.ok(json.metadata.continue);
    assert.equal(json.metadata.remainingItemCount, undefined);
  });

  it('list all namespaces in pages', async () => {
    await test.call('POST', '/api/v1/namespaces/other/secrets', { body: { metadata: { name: 'a' } } });
    await test.call('POST', '/api/v1/namespaces/zoo/secrets', { body: { metadata: { name: 'a' } } });
    const first = (await test.call('GET', '/api/v1/secrets?limit=1')).json;
    const second = (await test.call('GET', `/api/v1/secrets?limit=1&continue=${first.metadata.continue}`)).json;
    assert.ok(Array.isArray(second.items));
    assert.equal(second.items[0].metadata.namespace, 'zoo');
  });

  it('refuse tokens that are none', async () => {
    for (const token of [
      'bogus',
      '!',
      'e30',
      'x'.repeat(3000),
      Buffer.from('{"v":"meta.k8s.io/v1","rv":"x","start":"/a"}').toString('base64url'),
    ]) {
      const { status, json } = await test.call('GET', `${COLLECTION}?continue=${encodeURIComponent(token)}`);
      assert.equal(status, 400, token);
      assert.match(String(json.message), /^invalid continue token: continue key is not valid: /);
    }
  });

  it('wait for a revision of the future and answer when it comes', async () => {
    const next = test.storage.revision() + 1;
    const waiting = test.call('GET', `${COLLECTION}/a?resourceVersion=${next}`);
    await test.call('PUT', `${COLLECTION}/a`, { body: { metadata: { name: 'a', labels: { tier: 'low' } }, data: { n: 'new' } } });
    assert.equal((await waiting).json.metadata.resourceVersion, String(next));
  });

  it('are Tables for those who ask', async () => {
    const { json } = await test.call('GET', `${COLLECTION}?limit=1`, { headers: { accept: TABLE } });
    assert.equal(json.kind, 'Table');
    assert.ok(Array.isArray(json.rows) && Array.isArray(json.columnDefinitions));
    assert.deepEqual(
      json.columnDefinitions.map((column) => column.name),
      ['Name', 'Data', 'Age'],
    );
    assert.deepEqual(json.rows[0].cells.slice(0, 2), ['a', 1]);
    assert.equal(json.rows[0].object.kind, 'PartialObjectMetadata');
  });

  it('are YAML for those who ask', async () => {
    const { text, headers } = await test.call('GET', '/api/v1/namespaces/ns/services', {
      headers: { accept: 'application/yaml' },
    });
    assert.equal(headers['content-type'], 'application/yaml');
    assert.match(text, /^apiVersion: v1\nitems: \[\]\nkind: ServiceList\n/);
  });

  it('of what does not exist are told apart: object, resource, version, group', async () => {
    const answer = async (path: string) => {
      const { status, json, text } = await test.call('GET', path);
      return [status, json.message ?? text];
    };
    assert.deepEqual(await answer(`${COLLECTION}/none`), [404, 'configmaps "none" not found']);
    assert.deepEqual(await answer('/api/v1/widgets'), [404, 'the server could not find the requested resource']);
    assert.deepEqual(await answer('/apis/apps/v1beta1/deployments'), [404, 'the server could not find the requested resource']);
    assert.deepEqual(await answer('/apis/example.test/v1/widgets'), [404, '404 page not found\n']);
    assert.deepEqual(await answer('/api/v1/namespaces/ns/nodes'), [404, 'the server could not find the requested resource']);
    assert.deepEqual(await answer('/api/v1/namespaces/none/pods'), [
      200,
      `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"${test.storage.revision()}"},"items":[]}\n`,
    ]);
  });

  it('by a method that is none are 405', async () => {
    for (const [method, path] of [
      ['HEAD', COLLECTION],
      ['OPTIONS', COLLECTION],
      ['POST', `${COLLECTION}/a`],
      ['PATCH', COLLECTION],
      ['HEAD', '/version'],
    ] as const) {
      assert.equal((await test.call(method, path)).status, 405, `${method} ${path}`);
    }
  });

  it('of discovery have a legacy and an aggregated form, the latter with an ETag', async () => {
    const legacy = await test.call('GET', '/apis');
    assert.equal(legacy.json.kind, 'APIGroupList');
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const aggregated = await test.call('GET', '/apis', { headers: { accept } });
    assert.equal(aggregated.json.kind, 'APIGroupDiscoveryList');
    assert.equal(aggregated.headers.vary, 'Accept');
    const again = await test.call('GET', '/apis', { headers: { accept, 'if-none-match': String(aggregated.headers.etag) } });
    assert.equal(again.status, 304);
  });

  it('of the state of the server are text', async () => {
    for (const path of ['/healthz', '/livez', '/readyz']) {
      assert.equal((await test.call('GET', path)).text, 'ok');
    }
  });
});
