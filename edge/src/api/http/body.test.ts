import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, constants, createServer, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { readBody } from './body.ts';

test('a body that broke off over HTTP/2 before it is read is not taken for whole', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    client.destroy();
    server.close();
  });
  const outgoing = client.request({ ':method': 'POST' });
  outgoing.on('error', () => undefined).write('half');
  const [request] = (await once(server, 'request')) as [Http2ServerRequest];
  const aborted = once(request, 'aborted');
  outgoing.close(constants.NGHTTP2_CANCEL);
  await aborted;
  await assert.rejects(readBody(request), { code: 400, message: /broke off/ });
});
