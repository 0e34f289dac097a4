import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeIdentity } from '@hawser/edge';
import { type KubeObject, resourceById } from '@hawser/protocol';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { EVENTS_AHEAD } from '../../edge/src/api/registry/watch.ts';
import { createClient } from '../api/client.ts';
import { startLocalDevice } from './device.ts';

/** Lists and initial events of watches in JSON are texts of the store, passed on: they say what reading them would have said. */

const AWKWARD = '{"metadata":{"resourceVersion":"7"},"kind":"ConfigMap"} \\" \u2028 ä 😀 ,"metadata":{';

function object(kind: string, name: string, more: Partial<KubeObject> = {}): KubeObject {
  const { metadata, ...rest } = more;
  const uid = `00000000-0000-4000-8000-${Buffer.from(name).toString('hex').padStart(12, '0').slice(-12)}`;
  const namespace = kind === 'Node' ? {} : { namespace: 'ns' };
  return { apiVersion: 'v1', kind, metadata: { name, uid, resourceVersion: '10', ...namespace, ...metadata }, ...rest };
}

const OBJECTS = [
  object('ConfigMap', 'a', { data: { [AWKWARD]: AWKWARD } }),
  object('ConfigMap', 'b', { metadata: { labels: { app: 'b' }, annotations: { [AWKWARD]: AWKWARD } } }),
  object('ConfigMap', 'c', { metadata: { namespace: 'other' }, data: {} }),
  object('Secret', 's', { data: { key: 'c2VjcmV0' } }),
  object('Node', 'edge-1', { spec: {}, status: {} }),
];

const READ = ['configmaps', 'secrets', 'nodes', 'events'] as const;

async function start(t: { after: (end: () => Promise<void>) => void }) {
  const device = await startLocalDevice();
  t.after(() => device.close());
  device.put(...OBJECTS);
  const event = { metadata: { name: 'e', namespace: 'ns' }, involvedObject: { kind: 'Node', name: 'edge-1' }, reason: 'x' };
  assert.equal((await device.call('POST', '/api/v1/namespaces/ns/events', { body: event })).status, 201);
  return device;
}

function withoutType({ kind, apiVersion, ...item }: KubeObject) {
  return item;
}

test('a list says what its objects say, in all namespaces, in one, by name and by label', async (t) => {
  const device = await start(t);
  const { storage } = device.store;
  const get = async (path: string) => (await device.call('GET', path, { token: device.access.token })).json ?? assert.fail(path);
  const itemsOf = async (path: string) => (await get(path)).items as KubeObject[];
  for (const resource of READ) {
    assert.deepEqual(await itemsOf(`/api/v1/${resource}`), storage.list(resource).map(withoutType), resource);
  }
  const inNamespace = storage.list('configmaps', 'ns').map(withoutType);
  assert.deepEqual(await itemsOf('/api/v1/namespaces/ns/configmaps'), inNamespace);
  for (const where of ['/api/v1', '/api/v1/namespaces/ns']) {
    const by = (selector: string) => itemsOf(`${where}/configmaps?${selector}`);
    assert.deepEqual(await by('fieldSelector=metadata.name%3Da'), inNamespace.slice(0, 1));
    assert.deepEqual(await by('fieldSelector=metadata.name%3Da,metadata.name%3Db'), []);
    assert.deepEqual((await by('fieldSelector=metadata.name!%3Da'))[0], inNamespace[1]);
    assert.deepEqual(await by('labelSelector=app%3Db'), inNamespace.slice(1));
    assert.deepEqual(await by('fieldSelector=metadata.name%3Da&labelSelector=app%3Db'), []);
  }
  assert.equal((await itemsOf('/api/v1/nodes?fieldSelector=metadata.name%3Dedge-1')).length, 1);
  assert.equal((await itemsOf('/apis/events.k8s.io/v1/events'))[0]?.reason, 'x');
  const page = await get('/api/v1/configmaps?limit=2');
  const rest = await itemsOf(`/api/v1/configmaps?limit=2&continue=${page.metadata.continue}`);
  assert.deepEqual([...(page.items as KubeObject[]), ...rest], storage.list('configmaps').map(withoutType));
});

test('initial events of a watch say what a list says', async (t) => {
  const device = await start(t);
  const { storage } = device.store;
  const { hostname: host, port } = new URL(device.url);
  const client = createClient('HTTP/2', { host, port: Number(port), ca: device.access.cert });
  t.after(() => client.close());
  for (const resource of READ) {
    const objects = storage.list(resource);
    const watch = client.watch(`/api/v1/${resource}?watch=1&resourceVersion=0`, {
      authorization: `Bearer ${device.access.token}`,
    });
    const expected = objects.map((added) => ({ type: 'ADDED', object: added }));
    assert.deepEqual(await watch.take(objects.length), expected, resource);
    watch.abort();
  }
});

test('texts of an older agent, which begin otherwise, are read; such as are damaged are not passed on', async (t) => {
  const device = await start(t);
  const before = device.store.storage.list('configmaps').map(withoutType);
  const read = (resource: string) => device.call('GET', `/api/v1/${resource}`, { token: device.access.token });
  const db = new Database(join(device.folder, 'agent.db'));
  const texts = db.prepare<[], { revision: number; object: string }>(
    "SELECT revision, object FROM changes WHERE resource = 'configmaps'",
  );
  for (const { revision, object: text } of texts.all()) {
    const older = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).sort(([a], [b]) => (a < b ? -1 : 1))));
    assert.notEqual(older, text);
    db.prepare('UPDATE changes SET object = ? WHERE revision = ?').run(older, revision);
  }
  db.prepare("UPDATE changes SET object = '{' WHERE resource = 'secrets'").run();
  db.close();
  assert.deepEqual((await read('configmaps')).json?.items, before);
  assert.equal((await read('secrets')).status, 500);
});

const names = Array.from({ length: 2 * EVENTS_AHEAD }, (_, n) => `n${String(n).padStart(3, '0')}`);
const change = fc.record({ type: fc.constantFrom('put', 'drop'), name: fc.constantFrom(...names) });

test('what changes between the first events of a watch and the others is told once, and nothing goes back in time', async (t) => {
  const seed = fc.sample(fc.integer(), 1)[0] ?? 0;
  t.diagnostic(`seed ${seed}`);
  const identity = nodeIdentity('edge-1');
  const byName = (a: KubeObject, b: KubeObject) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
  const property = fc.asyncProperty(
    fc.subarray(names, { minLength: EVENTS_AHEAD + 1 }),
    fc.array(change, { maxLength: 12 }),
    async (there, changes) => {
      const device = await startLocalDevice();
      try {
        const { storage } = device.store;
        const { registry } = device.api;
        let version = 100;
        const made = (name: string) =>
          object('ConfigMap', name, { metadata: { resourceVersion: String(version++) }, data: { v: String(version) } });
        device.put(...there.map(made));
        const ended = Promise.withResolvers<void>();
        const cache = new Map<string, KubeObject>();
        let joined = 0;
        const event = ({ type, object: { metadata, ...rest } }: { type: string; object: KubeObject }) => {
          const name = metadata.name ?? '';
          const before = cache.get(name);
          if (type === 'BOOKMARK') return ended.resolve();
          assert.equal(before === undefined, type === 'ADDED', `${type} ${name}`);
          assert.ok(before === undefined || Number(before.metadata.resourceVersion) < Number(metadata.resourceVersion), name);
          if (type === 'DELETED') cache.delete(name);
          else cache.set(name, { metadata, ...rest });
        };
        const sink = {
          event,
          joined(lines: Uint8Array) {
            joined += 1;
            for (const line of Buffer.from(lines).toString().split('\n').slice(0, -1)) event(JSON.parse(line));
          },
          end: () => ended.reject(new Error('ended')),
        };
        const target = { resource: resourceById('configmaps') ?? assert.fail(), namespace: '', name: '', subresource: '' };
        const options = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true };
        const stop = await registry.watch(identity, target, options, sink);
        assert.equal(cache.size, EVENTS_AHEAD);
        const held = () => storage.list('configmaps');
        for (const { type, name } of changes) {
          if (type === 'put') device.put(made(name));
          else device.drop(...held().filter(({ metadata }) => metadata.name === name));
        }
        await ended.promise;
        device.put(made('last'));
        assert.equal(joined, 2);
        assert.deepEqual([...cache.values()].sort(byName), held().sort(byName));
        stop();
      } finally {
        await device.close();
      }
    },
  );
  await fc.assert(property, { seed, numRuns: 12 });
});
