import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { HTTP_VERSIONS } from './client.ts';
import { startTestServer } from './server.ts';

const COLLECTION = '/api/v1/namespaces/ns/configmaps';
const GZIP = { headers: { 'accept-encoding': 'gzip' } };

for (const http of HTTP_VERSIONS) {
  describe(`an answer over ${http}`, () => {
    it('of 128 KiB and more is compressed for who takes gzip, and for nobody else', async () => {
      const test = await startTestServer({ http });
      const large = { metadata: { name: 'large' }, data: { v: 'x'.repeat(200 * 1024) } };
      await test.call('POST', COLLECTION, { body: large });
      for (const path of [COLLECTION, `${COLLECTION}/large`]) {
        const plain = await test.call('GET', path);
        const small = await test.call('GET', path, GZIP);
        assert.equal(small.headers['content-encoding'], 'gzip');
        assert.equal(Number(small.headers['content-length']), small.bytes.length);
        assert.ok(small.bytes.length < 10_000);
        assert.deepEqual(gunzipSync(small.bytes), plain.bytes);
        assert.equal(plain.headers['content-encoding'], undefined);
        for (const { headers } of [plain, small]) assert.equal(headers.vary, 'Accept-Encoding');
      }
      await test.close();
    });

    it('that is smaller is not', async () => {
      const test = await startTestServer({ http });
      await test.call('POST', COLLECTION, { body: { metadata: { name: 'small' }, data: { v: 'x'.repeat(120 * 1024) } } });
      const { headers, status } = await test.call('GET', COLLECTION, GZIP);
      assert.deepEqual([status, headers['content-encoding'], headers.vary], [200, undefined, undefined]);
      await test.close();
    });

    it('of a watch is never', async () => {
      const test = await startTestServer({ http });
      await test.call('POST', COLLECTION, { body: { metadata: { name: 'large' }, data: { v: 'x'.repeat(200 * 1024) } } });
      const watch = test.watch(`${COLLECTION}?watch=1`, GZIP.headers);
      assert.equal((await watch.take(1))[0]?.object.metadata.name, 'large');
      watch.abort();
      await test.close();
    });
  });
}
