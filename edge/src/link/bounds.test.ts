import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { MAX_FRAME_BYTES } from '@hawser/protocol';
import { createAuthority, issueNodeCertificate } from '../../../test/support/pki.ts';
import type { LinkFailure } from './failure.ts';
import { openSocket } from './socket.ts';

/** What a relay that is broken or taken over can send, over TLS: the link ends with the reason, and the agent dials again. */

const authority = await createAuthority('relays');
const server = await authority.issueServer({ commonName: 'relay' });
const device = await issueNodeCertificate(authority, 'edge-1');

/** RFC 6455, section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Dials a relay that answers an upgrade as the test says. Resolves with how the link ended. */
async function linkTo(t: TestContext, answer: (socket: Duplex, accepted: string) => unknown): Promise<LinkFailure> {
  const relay = createServer({ cert: server.certificatePem, key: server.keyPem, minVersion: 'TLSv1.3' });
  relay.on('upgrade', (request, socket) => {
    socket.on('error', () => undefined);
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
    answer(
      socket,
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n`,
    );
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.after(() => {
    relay.closeAllConnections();
    relay.close();
  });
  const { port } = relay.address() as AddressInfo;
  const tls = { cert: device.certificatePem, key: device.keyPem, ca: authority.certificatePem };
  return new Promise((resolve) => {
    openSocket(`wss://127.0.0.1:${port}`, tls, { connected: () => {}, frame: () => {}, failed: resolve });
  });
}

/** The header of a frame of a server, which is not masked (RFC 6455, section 5.2). */
function header(first: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, length]);
  const long = Buffer.alloc(10);
  long[0] = first;
  long[1] = 127;
  long.writeUInt32BE(length, 6);
  return long;
}

const BINARY = 0x82;

test('an answer with headers over the bound is none of a relay', async (t) => {
  const ended = await linkTo(t, (socket, accepted) => socket.write(`${accepted}x: ${'x'.repeat(9_000)}\r\n\r\n`));
  assert.equal(ended.kind, 'unexpected');
  assert.match(ended.detail, /does not speak WebSocket.*HPE_HEADER_OVERFLOW/);
});

test('a message over the bound ends the link before it is read', async (t) => {
  const ended = await linkTo(t, (socket, accepted) => {
    socket.write(`${accepted}\r\n`);
    socket.write(header(BINARY, MAX_FRAME_BYTES + 1));
  });
  assert.equal(ended.kind, 'unexpected');
  assert.match(ended.detail, /WS_ERR_UNSUPPORTED_MESSAGE_LENGTH/);
});

test('a message in more fragments than the bound ends the link', async (t) => {
  const ended = await linkTo(t, (socket, accepted) => {
    socket.write(`${accepted}\r\n`);
    socket.write(header(0x02, 0));
    socket.write(Buffer.alloc(2 * 1_100, header(0x00, 0)));
  });
  assert.match(ended.detail, /WS_ERR_TOO_MANY_BUFFERED_PARTS/);
});

test('a message that comes byte by byte ends the link, since each costs five hundred in memory', async (t) => {
  const ended = await linkTo(t, async (socket, accepted) => {
    socket.write(`${accepted}\r\n`);
    socket.write(header(BINARY, 60_000));
    // Each on its own, as otherwise they would go in one record of TLS.
    for (let n = 0; n < 1_100 && !socket.destroyed; n += 1)
      await new Promise((resolve) => socket.write(Buffer.alloc(1), resolve));
  });
  assert.match(ended.detail, /WS_ERR_TOO_MANY_BUFFERED_PARTS/);
});

test('a compressed message, which was not agreed on, ends the link', async (t) => {
  const ended = await linkTo(t, (socket, accepted) => {
    socket.write(`${accepted}\r\n`);
    socket.write(Buffer.concat([header(0xc2, 4), Buffer.alloc(4)]));
  });
  assert.match(ended.detail, /WS_ERR_UNEXPECTED_RSV_1/);
});

test('compression that the answer claims was not offered, and is no link', async (t) => {
  const ended = await linkTo(t, (socket, accepted) =>
    socket.write(`${accepted}sec-websocket-extensions: permessage-deflate\r\n\r\n`),
  );
  assert.match(ended.detail, /Sec-WebSocket-Extensions/);
});

test('pings whose answers are not taken end the link', async (t) => {
  const ended = await linkTo(t, (socket, accepted) => {
    socket.write(`${accepted}\r\n`);
    socket.pause();
    socket.write(Buffer.alloc(127 * 20_000, Buffer.concat([header(0x89, 125), Buffer.alloc(125)])));
  });
  assert.equal(ended.kind, 'ended');
});
