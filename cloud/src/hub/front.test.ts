import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { type AddressInfo, connect, createServer as createProxy, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ENROL_ALPN } from '@hawser/protocol';
import { Agent, authority, edge1, start, TLS } from './testing/harness.ts';

const dialling = { host: '127.0.0.1', ca: authority.certificatePem };

test('links and enrolment share a port: the name of the protocol decides, and neither takes the place of the other', async (t) => {
  const { hub, dial } = await start(t, { enrolment: enrolment(t), limits: { handshakes: 1 } });
  const enrolling = connectTls({ ...dialling, port: hub.port, ALPNProtocols: [ENROL_ALPN] });
  await once(enrolling, 'secureConnect');
  assert.equal(enrolling.alpnProtocol, ENROL_ALPN);
  assert.equal(hub.handshakes(), 0, 'enrolments have bounds of their own');
  const agent = await dial();
  assert.equal((await agent.greet()).type, 'welcome');
  enrolling.end('GET / HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n');
  assert.match(await text(enrolling), /200 OK[\s\S]*no certificate was asked for/);
});

test('where nobody is enrolled, TLS says that there is no such protocol', async (t) => {
  const { hub, counted } = await start(t);
  const asked = connectTls({ ...dialling, port: hub.port, ALPNProtocols: [ENROL_ALPN] });
  const [error] = await once(asked, 'error');
  assert.match(`${error}`, /alert no application protocol/);
  await counted('refused tls');
});

for (const size of [1, 7, 100]) {
  test(`a ClientHello that comes in pieces of ${size} bytes is waited for, and a link works as ever`, async (t) => {
    const { hub } = await start(t);
    const agent = await Agent.dial(await piecewise(t, hub.port, size), edge1);
    assert.equal((await agent.greet()).type, 'welcome');
    agent.socket.terminate();
  });
}

test('half a ClientHello has the deadline of a handshake, and ends with its connection', async (t) => {
  const { hub, counted } = await start(t, { limits: { handshakeSeconds: 1 } });
  const half = Buffer.from('160301020001', 'hex');
  const silent = connect(hub.port, '127.0.0.1');
  silent.write(half);
  await once(silent.resume(), 'close');
  await counted('refused timeout');
  const ended = connect(hub.port, '127.0.0.1');
  ended.end(half);
  await once(ended.resume(), 'close');
  assert.equal(hub.handshakes(), 0);
});

test('a ClientHello over the bound is closed, and what is none is refused by TLS', async (t) => {
  const { hub, counted, dial } = await start(t);
  const large = connect(hub.port, '127.0.0.1');
  large.write(Buffer.concat([Buffer.from('160301010001ffffff', 'hex'), Buffer.alloc(252)]));
  await once(large.on('error', () => undefined).resume(), 'close');
  await counted('refused clientHello');
  const plain = connect(hub.port, '127.0.0.1');
  plain.write('GET / HTTP/1.1\r\n\r\n');
  await once(plain.on('error', () => undefined).resume(), 'close');
  await counted('refused tls');
  assert.equal((await (await dial()).greet()).type, 'welcome');
});

/** A server for enrolment that answers anything with what it knows of the client. */
function enrolment(t: TestContext) {
  const server = createServer({ ...TLS, ALPNProtocols: [ENROL_ALPN], minVersion: 'TLSv1.3' }, (_, response) => {
    response.end('no certificate was asked for');
  });
  const open = new Set<Socket>();
  t.after(() => {
    for (const socket of open) socket.destroy();
  });
  return {
    most: 10,
    take(socket: Socket) {
      open.add(socket);
      server.emit('connection', socket);
    },
  };
}

/** A port that passes on to another, what clients send in pieces of so many bytes. */
async function piecewise(t: TestContext, port: number, size: number): Promise<number> {
  const proxy = createProxy({ noDelay: true }, (client) => {
    const server = connect({ port, host: '127.0.0.1', noDelay: true });
    server.pipe(client);
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    void pump(client, server, size);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => proxy.close());
  return (proxy.address() as AddressInfo).port;
}

async function pump(client: Socket, server: Socket, size: number): Promise<void> {
  const chunks: AsyncIterable<Buffer> = client;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += size) {
      await new Promise((resolve) => server.write(chunk.subarray(at, at + size), resolve));
    }
  }
  server.end();
}
