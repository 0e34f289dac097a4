import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { encodeAgentMessage } from '@hawser/protocol';
import { issueNodeCertificate } from '../../../test/support/pki.ts';
import { until } from '../../../test/support/until.ts';
import { Agent, authority, batchOf, edge1, edge2, HELLO, maskedFrame, report, start, tls } from './testing/harness.ts';

const edge3 = await issueNodeCertificate(authority, 'edge-3');

/** Over TLS each: who goes over a bound is closed with a reason, and a device beside it notices nothing. */

const KUBELET = { type: 'kubelet', alive: true } as const;

async function withBystander(t: TestContext, options: Parameters<typeof start>[1] = {}) {
  const relay = await start(t, options);
  const bystander = await relay.dial(edge2);
  await bystander.greet();
  let reports = 0;
  return {
    ...relay,
    /** The other device is served as ever. */
    async noticesNothing() {
      reports += 1;
      bystander.send(report(reports));
      const answer = await bystander.next();
      assert.ok(answer.type === 'reportAnswer' && answer.number === reports, answer.type);
      assert.equal(bystander.socket.readyState, bystander.socket.OPEN);
    },
  };
}

/** The TLS connection of a link, for what no WebSocket client sends. */
function below(agent: Agent): Socket {
  const socket: unknown = Reflect.get(agent.socket, '_socket');
  assert.ok(socket !== null && typeof socket === 'object' && 'write' in socket);
  return socket as Socket;
}

/** The beginning of a binary message that says to be so long. */
function beginning(length: number, have: number): Buffer {
  const header = Buffer.from([0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(length, 6);
  return Buffer.concat([header, Buffer.alloc(have)]);
}

for (const [what, send] of [
  ['messages', (agent: Agent) => agent.send(KUBELET)],
  ['pings', (agent: Agent) => agent.socket.ping()],
  ['pongs', (agent: Agent) => agent.socket.pong()],
] as const) {
  test(`more ${what} than a node may send end its link with the reason and a wait`, async (t) => {
    const { dial, counted, noticesNothing } = await withBystander(t, { limits: { framesPerSecond: 10 } });
    const agent = await dial();
    await agent.greet();
    for (let n = 0; n < 250; n += 1) send(agent);
    const { goodbye, code } = await agent.goodbye();
    assert.equal(goodbye.reason, 'overBound');
    assert.match(goodbye.detail, /^limits.framesPerSecond: more than 10 messages, pings and pongs a second/);
    assert.equal(goodbye.retryAfterMs, 30_000);
    assert.equal(code, 4006);
    await counted('bound limits.framesPerSecond');
    await counted('ended overBound');
    await noticesNothing();
  });
}

test('who dials anew has no new budget of frames', async (t) => {
  const { dial, noticesNothing } = await withBystander(t, { limits: { framesPerSecond: 10 } });
  const first = await dial();
  await first.greet();
  for (let n = 0; n < 250; n += 1) first.send(KUBELET);
  assert.equal((await first.goodbye()).code, 4006);
  const again = await dial();
  for (let n = 0; n < 60; n += 1) again.socket.ping();
  assert.equal((await again.goodbye()).code, 4006);
  await noticesNothing();
});

test('acks are answers to what the relay has sent, and take nothing from the budget', async (t) => {
  const { dial, sessions, noticesNothing } = await withBystander(t, { limits: { framesPerSecond: 10 } });
  const agent = await dial();
  await agent.greet();
  for (let number = 1; number <= 90; number += 1) agent.send({ type: 'ack', number, digest: '0'.repeat(32), nacks: [] });
  for (let number = 1; number <= 90; number += 1) agent.send({ type: 'ack', number, digest: '0'.repeat(32), nacks: [] });
  for (let number = 1; number <= 90; number += 1) agent.send({ type: 'ack', number, digest: '0'.repeat(32), nacks: [] });
  agent.send(report(1));
  assert.equal((await agent.next()).type, 'reportAnswer');
  assert.equal(sessions[1]?.received.length, 271);
  await noticesNothing();
});

test('beginnings of messages over the bound of all links end the link that has the most of them, and no other', async (t) => {
  const { hub, dial, counted, noticesNothing } = await withBystander(t, { limits: { receivingBytes: 100_000 } });
  const agent = await dial();
  await agent.greet();
  const slow = await dial(edge3);
  await slow.greet();
  below(slow).write(beginning(40_000, 35_000));
  below(agent).write(beginning(60_000, 58_000));
  below(slow).write(Buffer.alloc(4_999));
  below(agent).write(Buffer.alloc(1_999));
  const { goodbye, code } = await agent.goodbye();
  assert.match(goodbye.detail, /^limits.receivingBytes: \d+ bytes of a message had come and not its end/);
  assert.equal(code, 4006);
  await counted('bound limits.receivingBytes');
  await noticesNothing();
  // What the other had begun is read as ever: 40,000 zeros are no message.
  below(slow).write(Buffer.alloc(1));
  assert.equal((await slow.goodbye()).code, 1002);
  assert.equal(hub.receivingBytes(), 0);
});

test('a message in more fragments than the bound ends the link', async (t) => {
  const { dial, counted, noticesNothing } = await withBystander(t);
  const agent = await dial();
  await agent.greet();
  const frame = encodeAgentMessage(KUBELET);
  agent.socket.send(frame, { binary: true, fin: false });
  for (let n = 0; n < 63; n += 1) agent.socket.send(Buffer.alloc(0), { binary: true, fin: n === 62 });
  agent.send(report(1));
  assert.equal((await agent.next()).type, 'reportAnswer', 'at the bound');
  for (let n = 0; n < 65; n += 1) agent.socket.send(Buffer.alloc(0), { binary: true, fin: false });
  assert.equal(await agent.closed, 1008);
  await counted('bound fragments');
  await counted('ended overBound');
  await noticesNothing();
});

test('a frame that comes in thousands of pieces of one byte ends the link, since each costs five hundred in memory', async (t) => {
  const { dial, counted, noticesNothing } = await withBystander(t);
  const agent = await dial();
  await agent.greet();
  const socket = below(agent);
  socket.write(beginning(60_000, 0));
  // Each on its own, as otherwise they would go in one record of TLS.
  for (let n = 0; n < 4_200; n += 1) await new Promise((resolve) => socket.write(Buffer.alloc(1), resolve));
  assert.equal(await agent.closed, 1008);
  await counted('bound fragments');
  await noticesNothing();
});

test('a message over the bound is refused unread', async (t) => {
  const { dial, counted, noticesNothing } = await withBystander(t);
  const agent = await dial();
  await agent.greet();
  below(agent).write(beginning(64 * 1024 + 1, 0));
  assert.equal(await agent.closed, 1009);
  await counted('bound limits.frameBytes');
  await counted('ended tooBig');
  await noticesNothing();
});

test('compression that a client offers is not taken, and a compressed frame ends the link', async (t) => {
  const { dial, counted, noticesNothing } = await withBystander(t);
  const agent = await dial();
  assert.equal(agent.socket.extensions, '', 'the client of ws offers permessage-deflate');
  await agent.greet();
  const frame = maskedFrame(encodeAgentMessage(KUBELET));
  frame[0] = 0xc2;
  below(agent).write(frame);
  assert.equal(await agent.closed, 1002);
  await counted('malformed');
  await noticesNothing();
});

test('nothing but pings and pongs may come before the hello, and they count', async (t) => {
  const { dial, noticesNothing } = await withBystander(t, { limits: { framesPerSecond: 10 } });
  const early = await dial();
  early.send(report(1));
  const { goodbye, code } = await early.goodbye();
  assert.match(goodbye.detail, /report before the hello/);
  assert.equal(code, 1002);
  const pinging = await dial();
  for (let n = 0; n < 250; n += 1) pinging.socket.ping();
  assert.equal((await pinging.goodbye()).code, 4006);
  await noticesNothing();
});

test('a link whose hello does not come, or not to its end, is closed', async (t) => {
  const { dial, counted, noticesNothing } = await withBystander(t, { limits: { handshakeSeconds: 1 } });
  const agent = await dial();
  below(agent).write(maskedFrame(encodeAgentMessage({ ...HELLO, agentVersion: '1' })).subarray(0, 20));
  assert.equal((await agent.goodbye()).code, 4008);
  await counted('bound limits.handshakeSeconds');
  await noticesNothing();
});

test('headers over the bound are answered 431, and what is no request 400', async (t) => {
  const { hub, counted, noticesNothing } = await withBystander(t);
  const large = await tls(hub.port, edge1);
  large.write(`GET /v1/link HTTP/1.1\r\nhost: relay\r\nx: ${'x'.repeat(9_000)}\r\n\r\n`);
  assert.match(await text(large), /^HTTP\/1.1 431 /);
  await counted('bound headerBytes');
  const garbage = await tls(hub.port, edge1);
  garbage.write('\0\r\n\r\n');
  assert.match(await text(garbage), /^HTTP\/1.1 400 /);
  await counted('refused request');
  await noticesNothing();
});

test('headers that come a byte at a time end with the time of a handshake', async (t) => {
  const { hub, counted, noticesNothing } = await withBystander(t, { limits: { handshakeSeconds: 1 } });
  const slow = await tls(hub.port, edge1);
  const drip = setInterval(() => slow.write('x'), 100);
  t.after(() => clearInterval(drip));
  slow.write('GET /v1/link HTTP/1.1\r\nhost: ');
  // A write that meets the end is an error, and no fault.
  slow.on('error', () => undefined);
  await new Promise((resolve) => slow.once('close', resolve));
  await counted('bound limits.handshakeSeconds');
  await until('no handshake', 60_000, undefined, async () => hub.handshakes() === 0);
  await noticesNothing();
});

test('an upgrade that is none is answered 400, and its connection ends', async (t) => {
  const { hub, counted, noticesNothing } = await withBystander(t);
  const socket = await tls(hub.port, edge1);
  socket.write('GET /v1/link HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  assert.match(await text(socket), /^HTTP\/1.1 400 [\s\S]*Sec-WebSocket-Key/);
  await counted('refused upgrade');
  await noticesNothing();
});

/** A connection from another address of the loopback network. */
function from(port: number, localAddress: string): Socket {
  return connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
}

test('an address that has as many connections as it may gets no further one, and another address does', async (t) => {
  const { hub, counted, noticesNothing } = await withBystander(t, { limits: { connectionsPerAddress: 3 } });
  const held = [from(hub.port, '127.0.0.2'), from(hub.port, '127.0.0.2'), from(hub.port, '127.0.0.2')];
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  await once(from(hub.port, '127.0.0.2').resume(), 'close');
  await counted('bound limits.connectionsPerAddress');
  assert.equal(hub.mostConnectionsOfAddress(), 3);
  await noticesNothing();
  const agent = await Agent.dial(hub.port, edge1);
  assert.equal((await agent.greet()).type, 'welcome');
  held[0]?.destroy();
  await until('room', 60_000, undefined, async () => hub.mostConnectionsOfAddress() === 2);
  const again = await tls(hub.port, edge1, { socket: from(hub.port, '127.0.0.2') });
  assert.equal(again.getProtocol(), 'TLSv1.3', 'there is room again');
  for (const socket of held) socket.destroy();
});

test('connections beyond all that links and handshakes may have are closed unseen', async (t) => {
  const { hub, counted, noticesNothing } = await withBystander(t, { limits: { sessions: 1, handshakes: 1 } });
  const held = from(hub.port, '127.0.0.2');
  await once(held, 'connect');
  await once(from(hub.port, '127.0.0.3').resume(), 'close');
  await counted('bound connections');
  await noticesNothing();
  held.destroy();
});

test('one address cannot take all places of handshakes', async (t) => {
  const { hub, counted, noticesNothing } = await withBystander(t, { limits: { handshakes: 3, handshakesPerAddress: 2 } });
  const held = [from(hub.port, '127.0.0.2'), from(hub.port, '127.0.0.2')];
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  await once(from(hub.port, '127.0.0.2').resume(), 'close');
  await counted('bound limits.handshakesPerAddress');
  const agent = await Agent.dial(hub.port, edge1);
  assert.equal((await agent.greet()).type, 'welcome');
  assert.equal(hub.handshakes(), 2, 'a link takes no place of a handshake');
  await noticesNothing();
  for (const socket of held) socket.destroy();
});

test('a few addresses that hold all places of handshakes keep no other address out: who has the most gives one up', async (t) => {
  const { hub, counted, noticesNothing } = await withBystander(t, { limits: { handshakes: 4, handshakesPerAddress: 2 } });
  const held = ['127.0.0.2', '127.0.0.2', '127.0.0.3', '127.0.0.3'].map((address) => from(hub.port, address).resume());
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  await until('all places taken', 60_000, undefined, async () => hub.handshakes() === 4);
  for (const device of [edge1, edge3]) {
    const agent = await Agent.dial(hub.port, device);
    assert.equal((await agent.greet()).type, 'welcome');
  }
  await counted('bound limits.handshakes');
  await until('its end', 60_000, undefined, async () => held.filter(({ closed }) => closed).length > 0);
  assert.ok(held[0]?.closed === true || held[2]?.closed === true, 'the oldest of one of them');
  await noticesNothing();
  // Addresses that have no more than one each give none up.
  const { hub: full } = await start(t, { limits: { handshakes: 2, handshakesPerAddress: 2 } });
  const single = ['127.0.0.2', '127.0.0.3'].map((address) => from(full.port, address));
  await Promise.all(single.map((socket) => once(socket, 'connect')));
  await until('all places taken', 60_000, undefined, async () => full.handshakes() === 2);
  await once(from(full.port, '127.0.0.4').resume(), 'close');
  for (const socket of [...held, ...single]) socket.destroy();
});

test('a device that does not read has its link closed when too much waits for it', async (t) => {
  const { dial, sessions, counted, noticesNothing } = await withBystander(t, { limits: { bufferedBytes: 4 * 1024 * 1024 } });
  const agent = await dial();
  await agent.greet();
  agent.socket.pause();
  const session = sessions[1];
  assert.ok(session !== undefined);
  session.outgoing.push(Array.from({ length: 20 }, () => batchOf(1024 * 1024)));
  session.wake();
  await counted('bound limits.bufferedBytes');
  await counted('ended overloaded');
  await noticesNothing();
  agent.socket.terminate();
});
