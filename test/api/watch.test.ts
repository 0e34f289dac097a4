import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { HTTP_VERSIONS, type HttpVersion } from './client.ts';
import { startTestServer, type TestServer } from './server.ts';

const COLLECTION = '/api/v1/namespaces/ns/configmaps';

function configMap(name: string, value: string, labels?: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...(labels ? { labels } : {}) }, data: { value } };
}

const seen = (events: { type: string; object: KubeObject }[]) =>
  events.map(({ type, object }) => [type, object.metadata.name ?? '', object.metadata.resourceVersion]);

/** Events of 500 KB that are more than the sockets' own buffers, or a stream's window, and the bound of 4 MiB together. */
const FAR_TOO_MANY: Readonly<Record<HttpVersion, number>> = { 'HTTP/1.1': 60, 'HTTP/2': 20 };

for (const http of HTTP_VERSIONS) {
  describe(`a watch over ${http}`, () => {
    let test: TestServer;
    before(async () => {
      test = await startTestServer({ http, storage: { startRevision: 100, changeLogLimit: 50 } });
    });
    after(() => test.close());

    const revision = () => String(test.storage.revision());
    const create = async (name: string, value = '1', labels?: Record<string, string>) => {
      const { status } = await test.call('POST', COLLECTION, { body: configMap(name, value, labels) });
      assert.equal(status, 201);
      return revision();
    };
    const put = async (name: string, value: string, labels?: Record<string, string>) => {
      const { status } = await test.call('PUT', `${COLLECTION}/${name}`, { body: configMap(name, value, labels) });
      assert.equal(status, 200);
      return revision();
    };
    const remove = async (name: string) => {
      await test.call('DELETE', `${COLLECTION}/${name}`);
      return revision();
    };

    it('delivers ADDED, MODIFIED and DELETED, and nothing for a no-op update', async () => {
      const watch = test.watch(`${COLLECTION}?watch=true&resourceVersion=${revision()}`);
      const added = await create('basic');
      const modified = await put('basic', '2');
      assert.equal(await put('basic', '2'), modified);
      const deleted = await remove('basic');
      assert.deepEqual(seen(await watch.take(3)), [
        ['ADDED', 'basic', added],
        ['MODIFIED', 'basic', modified],
        ['DELETED', 'basic', deleted],
      ]);
      watch.abort();
    });

    it('ends cleanly after timeoutSeconds', async () => {
      const watch = test.watch(`${COLLECTION}?watch=true&timeoutSeconds=1&resourceVersion=${revision()}`);
      assert.equal(await watch.ended, 'clean');
      assert.deepEqual(await watch.take(1), []);
    });

    it('begins with what exists, and marks the end of it for those who take bookmarks', async () => {
      await create('z');
      await create('a');
      const watch = test.watch(
        `${COLLECTION}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
      );
      const events = await watch.take(3);
      assert.deepEqual(
        events.map(({ type, object }) => [type, object.metadata.name]),
        [
          ['ADDED', 'a'],
          ['ADDED', 'z'],
          ['BOOKMARK', undefined],
        ],
      );
      assert.deepEqual(events[2]?.object, {
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { resourceVersion: revision(), annotations: { 'k8s.io/initial-events-end': 'true' } },
      });
      watch.abort();
      await remove('a');
      await remove('z');
    });

    it('shows an object that enters or leaves the selector as ADDED or DELETED with its last matching content', async () => {
      const watch = test.watch(`${COLLECTION}?watch=true&labelSelector=team%3Dred&resourceVersion=${revision()}`);
      await create('s', '1', { team: 'blue' });
      const entered = await put('s', '2', { team: 'red' });
      const left = await put('s', '3', { team: 'green' });
      await remove('s');
      await create('t', '1', { team: 'red' });
      const events = await watch.take(3);
      assert.deepEqual(seen(events).slice(0, 2), [
        ['ADDED', 's', entered],
        ['DELETED', 's', left],
      ]);
      assert.deepEqual(events[1]?.object.data, { value: '2' });
      assert.equal(events[2]?.object.metadata.name, 't');
      watch.abort();
      await remove('t');
    });

    it('answers a revision that is compacted with 200, one ERROR event and a clean end', async () => {
      await create('old');
      test.storage.compact(test.storage.revision());
      const watch = test.watch(`${COLLECTION}?watch=true&resourceVersion=1`);
      const [event] = await watch.take(2);
      assert.equal(event?.type, 'ERROR');
      assert.equal(event?.object.code, 410);
      assert.equal(event?.object.reason, 'Expired');
      assert.equal(event?.object.message, `too old resource version: 1 (${revision()})`);
      assert.equal(await watch.ended, 'clean');
      await remove('old');
    });

    it('waits silently for a revision of the future', async () => {
      const watch = test.watch(`${COLLECTION}?watch=true&resourceVersion=${test.storage.revision() + 1}`);
      await create('f1');
      const second = await create('f2');
      assert.deepEqual(seen(await watch.take(1)), [['ADDED', 'f2', second]]);
      watch.abort();
      await remove('f1');
      await remove('f2');
    });

    it('shows a Table with columns in the first event only', async () => {
      const watch = test.watch(`${COLLECTION}?watch=true&resourceVersion=${revision()}`, {
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
      });
      await create('t1');
      await create('t2');
      const tables = (await watch.take(2)).map(({ object }) => object);
      assert.ok(Array.isArray(tables[0]?.columnDefinitions));
      assert.equal(tables[1]?.columnDefinitions, null);
      watch.abort();
    });

    it('is cut by the fault switch and can be resumed', async () => {
      const from = revision();
      const watch = test.watch(`${COLLECTION}?watch=true&resourceVersion=${from}`);
      await create('c1');
      await watch.take(1);
      assert.equal(test.server.cutWatches(), 1);
      assert.equal(await watch.ended, 'cut');
      const again = test.watch(`${COLLECTION}?watch=true&resourceVersion=${from}`);
      assert.equal((await again.take(1))[0]?.object.metadata.name, 'c1');
      again.abort();
    });
  });

  describe(`a server of ${http} that closes`, () => {
    it('ends open watches cleanly', async () => {
      const test = await startTestServer({ http });
      const watch = test.watch(
        `${COLLECTION}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
      );
      await watch.take(1);
      await test.close();
      assert.equal(await watch.ended, 'clean');
    });
  });

  describe(`a reader of ${http} that does not read`, () => {
    it('is cut off when too much waits for it, and others are not', async () => {
      const test = await startTestServer({ http, storage: { changeLogLimit: 10 } });
      const big = { v: 'x'.repeat(500_000) };
      // Something that exists before does not take part in the bound.
      await test.call('POST', COLLECTION, { body: { metadata: { name: 'first' }, data: big } });
      const slow = test.watch(`${COLLECTION}?watch=true`, {}, { reads: false });
      const quick = test.watch(`${COLLECTION}?watch=true&resourceVersion=2`);
      await slow.opened;
      await quick.opened;
      for (let n = 0; n < FAR_TOO_MANY[http]; n++) {
        await test.call('POST', COLLECTION, { body: { metadata: { name: `n${n}` }, data: big } });
        assert.equal((await quick.take(1))[0]?.object.metadata.name, `n${n}`);
      }
      slow.read();
      assert.equal(await slow.ended, 'cut');
      quick.abort();
      await test.close();
    });

    it('may fall behind by as much as there was to begin with, while it gets that', async () => {
      const test = await startTestServer({ http, storage: { changeLogLimit: 10 } });
      const big = { v: 'x'.repeat(500_000) };
      const write = async (prefix: string, count: number) => {
        for (let n = 0; n < count; n++) {
          await test.call('POST', COLLECTION, { body: { metadata: { name: `${prefix}${n}` }, data: big } });
        }
      };
      await write('first', 20);
      const slow = test.watch(`${COLLECTION}?watch=true`, {}, { reads: false });
      await slow.opened;
      await write('then', 24);
      slow.read();
      const taken = slow.take(44).then(({ length }) => length);
      assert.equal(await Promise.race([taken, slow.ended]), 44);
      slow.abort();
      await test.close();
    });
  });
}
