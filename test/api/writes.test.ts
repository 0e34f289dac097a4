import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { startTestServer, type TestServer } from './server.ts';

const COLLECTION = '/api/v1/namespaces/ns/configmaps';

describe('writes over HTTPS', () => {
  let test: TestServer;
  before(async () => {
    test = await startTestServer({ storage: { startRevision: 100 } });
  });
  after(() => test.close());

  const post = (body: unknown, path = COLLECTION) => test.call('POST', path, { body });
  const patch = (path: string, type: string, body: unknown) =>
    test.call('PATCH', path, { body, headers: { 'content-type': `application/${type}+json` } });
  const problem = ({ status, json }: { status: number; json: KubeObject }) => [status, json.reason, json.message];

  it('give a new object its uid, creation time and version, whatever it says itself', async () => {
    const { status, json } = await post({
      metadata: {
        name: 'fresh',
        uid: 'mine',
        creationTimestamp: '2020-01-01T00:00:00Z',
        deletionTimestamp: '2020-01-01T00:00:00Z',
        selfLink: '/x',
        managedFields: [],
      },
      data: { k: '1' },
    });
    assert.equal(status, 201);
    assert.match(json.metadata.uid ?? '', /^[0-9a-f]{8}-/);
    assert.deepEqual(Object.keys(json.metadata).sort(), ['creationTimestamp', 'name', 'namespace', 'resourceVersion', 'uid']);
  });

  it('generate a name from generateName', async () => {
    const { json } = await post({ metadata: { generateName: 'gen-' } });
    assert.match(json.metadata.name ?? '', /^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('are refused with every mistake named', async () => {
    const { status, json } = await post({ metadata: { name: 'l', labels: { 'bad label!': 'x', ok: 'not ok!' } } });
    assert.equal(status, 422);
    assert.ok(typeof json.details === 'object' && json.details !== null && 'causes' in json.details);
    assert.ok(Array.isArray(json.details.causes));
    assert.equal(json.details.causes.length, 2);
    assert.equal((await post({ metadata: { name: 'Bad_Name' } })).status, 422);
    assert.equal((await post({ metadata: { name: 'k' }, data: { 'bad key': '1' } })).status, 422);
    assert.equal((await post({ metadata: { name: 'big' }, data: { a: 'x'.repeat(1_100_000) } })).status, 422);
    assert.equal((await post({ metadata: { name: 'type', labels: { a: 1 } } })).status, 400);
    assert.equal((await post({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } })).status, 400);
  });

  it('are refused when they are too large, not JSON or of another media type', async () => {
    const large = await test.call('POST', COLLECTION, { body: 'x'.repeat(3_145_729) });
    assert.deepEqual(problem(large), [413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728']);
    assert.equal((await test.call('POST', COLLECTION, { body: '{"metadata":' })).status, 400);
    assert.equal((await test.call('POST', COLLECTION, { body: `${'['.repeat(50_000)}${']'.repeat(50_000)}` })).status, 400);
    assert.equal((await test.call('POST', COLLECTION, { body: '{}', headers: { 'content-type': 'text/plain' } })).status, 415);
    assert.equal((await patch(`${COLLECTION}/fresh`, 'x', {})).status, 415);
  });

  it('in YAML are taken, and a YAML bomb is not', async () => {
    const yaml = (body: string) => test.call('POST', COLLECTION, { body, headers: { 'content-type': 'application/yaml' } });
    assert.equal((await yaml('metadata: {name: from-yaml}\ndata: {a: b}\n')).status, 201);
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`),
    ];
    assert.equal((await yaml(bomb.join('\n'))).status, 400);
  });

  it('with a stale version or another uid conflict', async () => {
    const created = (await post({ metadata: { name: 'v' }, data: { a: '1' } })).json;
    await test.call('PUT', `${COLLECTION}/v`, { body: { metadata: { name: 'v' }, data: { a: '2' } } });
    const stale = await test.call('PUT', `${COLLECTION}/v`, { body: { ...created, data: { a: '3' } } });
    assert.equal(stale.json.reason, 'Conflict');
    const merge = await patch(`${COLLECTION}/v`, 'merge-patch', {
      metadata: { resourceVersion: created.metadata.resourceVersion },
    });
    assert.equal(merge.status, 409);
    const other = await test.call('PUT', `${COLLECTION}/v`, { body: { metadata: { name: 'v', uid: 'other' } } });
    assert.match(String(other.json.message), /Precondition failed: UID in precondition: other/);
    assert.equal((await patch(`${COLLECTION}/v`, 'merge-patch', { metadata: { uid: 'other' } })).status, 422);
    assert.equal((await patch(`${COLLECTION}/v`, 'merge-patch', { metadata: { name: 'w' } })).status, 400);
  });

  it('that change nothing keep the version', async () => {
    const { json } = await post({ metadata: { name: 'same' }, data: { a: '1' } });
    const revision = test.storage.revision();
    const put = await test.call('PUT', `${COLLECTION}/same`, { body: { metadata: { name: 'same' }, data: { a: '1' } } });
    assert.equal(put.json.metadata.resourceVersion, json.metadata.resourceVersion);
    await patch(`${COLLECTION}/same`, 'strategic-merge-patch', {});
    assert.equal(test.storage.revision(), revision);
  });

  it('by patch report what is wrong as the API server does', async () => {
    await post({ metadata: { name: 'p' } });
    assert.deepEqual(
      problem(await patch(`${COLLECTION}/p`, 'json-patch', [{ op: 'test', path: '/metadata/name', value: 'z' }])),
      [422, 'Invalid', 'the server rejected our request due to an error in our request'],
    );
    assert.equal((await patch(`${COLLECTION}/p`, 'json-patch', 'nope')).status, 400);
    const order = {
      status: { '$setElementOrder/conditions': [{ type: 'A' }, { type: 'B' }], conditions: [{ type: 'B' }, { type: 'A' }] },
    };
    await post({ metadata: { name: 'n' } }, '/api/v1/nodes');
    assert.deepEqual(problem(await patch('/api/v1/nodes/n/status', 'strategic-merge-patch', order)).slice(0, 2), [
      500,
      undefined,
    ]);
  });

  it('through /status leave the spec, and through the main resource leave the status', async () => {
    await post({ metadata: { name: 'm' }, spec: { podCIDR: '10.0.0.0/24' }, status: { phase: 'x' } }, '/api/v1/nodes');
    const status = await patch('/api/v1/nodes/m/status', 'merge-patch', {
      metadata: { labels: { via: 'status' }, finalizers: ['x/y'] },
      spec: { podCIDR: null },
      status: { phase: 'y' },
    });
    assert.deepEqual(status.json.spec, { podCIDR: '10.0.0.0/24' });
    assert.deepEqual(status.json.status, { phase: 'y' });
    assert.deepEqual(status.json.metadata.labels, { via: 'status' });
    assert.equal(status.json.metadata.finalizers, undefined);
    const main = await patch('/api/v1/nodes/m', 'merge-patch', { status: { phase: 'z' }, spec: { unschedulable: true } });
    assert.deepEqual([main.json.status, main.json.spec], [{ phase: 'y' }, { podCIDR: '10.0.0.0/24', unschedulable: true }]);
  });

  it('raise the generation when the spec changes, and only then', async () => {
    const path = '/apis/apps/v1/namespaces/ns/deployments';
    assert.equal(
      (await post({ metadata: { name: 'd', generation: 7 }, spec: { replicas: 1 } }, path)).json.metadata.generation,
      1,
    );
    assert.equal((await patch(`${path}/d`, 'merge-patch', { metadata: { labels: { a: 'b' } } })).json.metadata.generation, 1);
    assert.equal((await patch(`${path}/d`, 'merge-patch', { spec: { replicas: 2 } })).json.metadata.generation, 2);
    assert.equal((await patch(`${path}/d/status`, 'merge-patch', { status: { replicas: 2 } })).json.metadata.generation, 2);
  });

  it('as a dry run change nothing', async () => {
    const revision = test.storage.revision();
    assert.equal((await post({ metadata: { name: 'dry' } }, `${COLLECTION}?dryRun=All`)).status, 201);
    assert.equal((await test.call('DELETE', `${COLLECTION}/v?dryRun=All`)).status, 200);
    assert.equal((await post({ metadata: { name: 'dry' } }, `${COLLECTION}?dryRun=Some`)).status, 422);
    assert.equal(test.storage.revision(), revision);
  });

  it('delete only what the preconditions name', async () => {
    const { json } = await post({ metadata: { name: 'pre' } });
    const remove = (preconditions: unknown) => test.call('DELETE', `${COLLECTION}/pre`, { body: { preconditions } });
    assert.equal((await remove({ uid: 'other' })).status, 409);
    assert.equal((await remove({ resourceVersion: '1' })).status, 409);
    const gone = await remove({ uid: json.metadata.uid });
    assert.deepEqual(gone.json.details, { name: 'pre', kind: 'configmaps', uid: json.metadata.uid });
    assert.equal((await remove({})).status, 404);
  });

  it('keep an object with finalizers until the last is gone', async () => {
    await post({ metadata: { name: 'fin', finalizers: ['example.test/hold'] } });
    const held = await test.call('DELETE', `${COLLECTION}/fin`);
    assert.ok(held.json.metadata.deletionTimestamp);
    const revision = test.storage.revision();
    await test.call('DELETE', `${COLLECTION}/fin`);
    assert.equal(test.storage.revision(), revision);
    assert.match(String((await post({ metadata: { name: 'fin' } })).json.message), /^object is being deleted: /);
    const more = await patch(`${COLLECTION}/fin`, 'merge-patch', {
      metadata: { finalizers: ['example.test/hold', 'example.test/more'] },
    });
    assert.equal(more.status, 422);
    const released = await patch(`${COLLECTION}/fin`, 'merge-patch', { metadata: { finalizers: null } });
    assert.equal(released.status, 200);
    assert.equal((await test.call('GET', `${COLLECTION}/fin`)).status, 404);
  });

  it('keep what calls itself immutable', async () => {
    await post({ metadata: { name: 'imm' }, immutable: true, data: { a: '1' } });
    assert.equal((await patch(`${COLLECTION}/imm`, 'merge-patch', { data: { a: '2' } })).status, 422);
    assert.equal((await patch(`${COLLECTION}/imm`, 'merge-patch', { immutable: null })).status, 422);
    assert.equal((await patch(`${COLLECTION}/imm`, 'merge-patch', { metadata: { labels: { a: 'b' } } })).status, 200);
  });

  it('of a whole collection delete what the selector chooses', async () => {
    for (const name of ['x1', 'x2', 'y1'])
      await post({ metadata: { name, labels: { group: name.slice(0, 1) } } }, '/api/v1/namespaces/ns/secrets');
    const { json } = await test.call('DELETE', '/api/v1/namespaces/ns/secrets?labelSelector=group%3Dx');
    assert.equal(json.kind, 'SecretList');
    assert.ok(Array.isArray(json.items));
    assert.equal(json.items.length, 2);
    assert.equal(test.storage.list('secrets').length, 1);
  });

  it('make one object of an event, whichever group it is written to', async () => {
    const event = {
      metadata: { name: 'e' },
      regarding: { kind: 'Pod', name: 'p' },
      note: 'n',
      reportingController: 'c',
      eventTime: '2026-11-23T14:06:05.000000Z',
    };
    const created = await post(event, '/apis/events.k8s.io/v1/namespaces/ns/events');
    assert.equal(created.json.note, 'n');
    const core = (await test.call('GET', '/api/v1/namespaces/ns/events/e')).json;
    assert.deepEqual(
      [core.apiVersion, core.message, core.reportingComponent, core.involvedObject],
      ['v1', 'n', 'c', { kind: 'Pod', name: 'p' }],
    );
    const patched = await patch('/apis/events.k8s.io/v1/namespaces/ns/events/e', 'merge-patch', { note: 'm' });
    assert.deepEqual([patched.json.apiVersion, patched.json.note], ['events.k8s.io/v1', 'm']);
    const selected = await test.call('GET', '/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dp');
    assert.ok(Array.isArray(selected.json.items));
    assert.equal(selected.json.items[0].note, 'm');
  });
});
