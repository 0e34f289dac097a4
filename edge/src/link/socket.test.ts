import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { after, before, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { MAX_FRAME_BYTES } from '@hawser/protocol';
import { pino } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { startLinkProxy } from '../../../test/net/proxy.ts';
import {
  type CertificateAuthority,
  type CertificatePair,
  createAuthority,
  issueNodeCertificate,
} from '../../../test/support/pki.ts';
import { systemClock } from '../api/clock.ts';
import { dialFailure, type LinkFailure } from './failure.ts';
import { createLink } from './link.ts';
import type { PresentedRelay } from './presented.ts';
import { LINK_PATH, type LinkTls, openSocket } from './socket.ts';

let authority: CertificateAuthority;
let serverPair: CertificatePair;
let tls: LinkTls;

before(async () => {
  authority = await createAuthority('relays');
  serverPair = await authority.issueServer({ commonName: 'relay' });
  tls = await clientOf(authority);
});

async function clientOf(issuer: CertificateAuthority): Promise<LinkTls> {
  const pair = await issueNodeCertificate(issuer, 'edge-1');
  return { cert: pair.certificatePem, key: pair.keyPem, ca: authority.certificatePem };
}

/** A relay as far as TLS and WebSocket go. */
async function startRelay(
  options: { pair?: CertificatePair; verifyClient?: () => number; requireCertificate?: boolean; says?: string } = {},
) {
  const pair = options.pair ?? serverPair;
  const server: Server = createServer({
    cert: pair.certificatePem,
    key: pair.keyPem,
    ca: authority.certificatePem,
    requestCert: true,
    rejectUnauthorized: options.requireCertificate ?? true,
    minVersion: 'TLSv1.3',
  });
  const sockets = new WebSocketServer({ noServer: true });
  const connections: WebSocket[] = [];
  server.on('upgrade', (request, socket, head) => {
    const status = request.url === LINK_PATH ? (options.verifyClient?.() ?? 101) : 404;
    if (status !== 101) {
      const { says = '' } = options;
      const headers = `Retry-After: 7\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n`;
      socket.end(`HTTP/1.1 ${status} No\r\n${headers}Content-Length: ${Buffer.byteLength(says)}\r\n\r\n${says}`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (connection) => {
      connections.push(connection);
      sockets.emit('connection', connection);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `wss://127.0.0.1:${port}`,
    port,
    sockets,
    connections,
    close: async () => {
      for (const connection of connections) connection.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Dials and tells how it ended. */
function outcome(url: string, identity: LinkTls = tls): Promise<LinkFailure | 'connected'> {
  return new Promise((resolve) => {
    const socket = openSocket(url, identity, {
      connected: () => {
        socket.destroy();
        resolve('connected');
      },
      frame: () => {},
      failed: resolve,
    });
  });
}

async function failureOf(url: string, identity?: LinkTls): Promise<LinkFailure> {
  const result = await outcome(url, identity);
  return result === 'connected' ? assert.fail('it connected') : result;
}

test('a relay with a certificate of our authority is reached, with either key exchange', async () => {
  const relay = await startRelay();
  assert.equal(await outcome(relay.url), 'connected');
  assert.equal(await outcome(relay.url, { ...tls, ecdhCurve: 'X25519' }), 'connected');
  await relay.close();
});

test('each side tells the other its time in the dial; a relay that is not trusted is not heard', async () => {
  const relay = await startRelay();
  const heard: number[] = [];
  const times = { now: () => new Date('2026-11-26T10:00:00.900Z'), heard: (timeMs: number) => heard.push(timeMs) };
  relay.sockets.on('headers', (headers, request) => headers.push(`Date: ${request.headers.date}`));
  assert.equal(await outcome(relay.url, { ...tls, times }), 'connected');
  assert.deepEqual(heard, [Date.parse('2026-11-26T10:00:00.500Z')]);
  const { ca } = await clientOf(authority);
  const other = await createAuthority('another');
  assert.notEqual(await outcome(relay.url, { ...tls, ca: other.certificatePem, times }), 'connected');
  assert.notEqual(await outcome(relay.url, { ...tls, ca, times, distrust: () => 'no' }), 'connected');
  assert.equal(heard.length, 1);
  await relay.close();
});

test('a relay that asks on and reads nothing is given up before its answers fill the memory', async () => {
  const relay = await startRelay();
  relay.sockets.once('connection', (connection: WebSocket) => connection.pause());
  let sent = 0;
  const reason = await new Promise<LinkFailure>((resolve) => {
    const socket = openSocket(relay.url, tls, {
      connected: () => {
        for (; sent < 100; sent += 1) socket.send(new Uint8Array(1024 * 1024));
      },
      frame: () => {},
      failed: resolve,
    });
  });
  assert.equal(reason.kind, 'unexpected');
  assert.match(reason.detail, /takes nothing/);
  await relay.close();
});

test('nothing listening is told as refused', async () => {
  const relay = await startRelay();
  await relay.close();
  assert.equal((await failureOf(relay.url)).kind, 'refused');
});

test('an address without a port is told with the port that was dialled', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  assert.match(
    dialFailure(refused, 'wss://relay.example').detail,
    /^relay\.example \(port 443, as its address names none\) refuses/,
  );
  assert.match(dialFailure(refused, 'wss://relay.example:8443').detail, /^relay\.example:8443 refuses/);
});

test('a name that does not resolve is told as such', async () => {
  const failure = await failureOf('wss://relay.invalid:8443');
  assert.equal(failure.kind, 'dns');
  assert.match(failure.detail, /relay\.invalid:8443 does not resolve/);
});

test("a relay's certificate of another authority, for another host or expired is told as untrusted", async () => {
  const other = await createAuthority('somebody else');
  const pairs = [
    await other.issueServer({ commonName: 'relay' }),
    await authority.issueServer({ commonName: 'relay', hosts: ['relay.example'] }),
    await authority.issueServer({ commonName: 'relay', lifetimeSeconds: -60 }),
  ];
  for (const pair of pairs) {
    const relay = await startRelay({ pair });
    const failure = await failureOf(relay.url);
    assert.equal(failure.kind, 'relayCertificate', failure.detail);
    await relay.close();
    if (pair === pairs[0]) assert.match(failure.detail, /if the one that it has joined by was retired meanwhile, join again$/);
  }
});

test('a device certificate that the relay does not know is told apart from all that', async () => {
  const relay = await startRelay();
  const stranger = await clientOf(await createAuthority('somebody else'));
  const failure = await failureOf(relay.url, stranger);
  // Node's TLS server breaks off without an alert; others send one.
  assert.ok(failure.kind === 'ownCertificate' || failure.kind === 'cutOff', failure.kind);
  assert.match(failure.detail, /certificate/);
  await relay.close();
});

test('an HTTP answer in place of a WebSocket is told by its status, with the wait that it asks for', async () => {
  for (const [status, kind] of [
    [401, 'forbidden'],
    [403, 'forbidden'],
    [404, 'notFound'],
    [429, 'busy'],
    [503, 'busy'],
    [500, 'unexpected'],
    [302, 'unexpected'],
  ] as const) {
    const relay = await startRelay({ verifyClient: () => status });
    const failure = await failureOf(relay.url);
    assert.deepEqual([failure.kind, failure.retryAfterMs], [kind, 7_000], failure.detail);
    await relay.close();
  }
});

test('what a relay says when it refuses is told in one line of bounded length', async () => {
  for (const [status, says, told] of [
    [
      403,
      'truck-1 was revoked\u001b[2J\r\non Monday\n',
      /does not let this device in \(HTTP 403\): truck-1 was revoked \[2J on Monday$/,
    ],
    [503, 'the relay has as many links as it may\n', /\(HTTP 503\): the relay has as many links as it may$/],
    [403, 'x'.repeat(100_000), /: x{512}$/],
    [403, '', /is its certificate one of a node\?$/],
  ] as const) {
    const relay = await startRelay({ verifyClient: () => status, says });
    const { detail } = await failureOf(relay.url);
    assert.match(detail, told);
    await relay.close();
  }
});

test('something that is no TLS server is told, not waited for', async () => {
  const server = createTcpServer((socket) => socket.end('SSH-2.0-nothing\r\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { kind, detail } = await failureOf(`wss://127.0.0.1:${port}`);
  assert.equal(kind, 'unreachable');
  assert.match(detail, /^127\.0\.0\.1:\d+ does not speak TLS: is it the port of a relay's link\? \(ERR_SSL_\w+\)$/);
  server.close();
});

/** A link to that port that counts what happens to it. */
function linkTo(port: number, silenceMs: number) {
  const seen = { opened: 0, frames: [] as number[], downs: [] as LinkFailure[], downAt: 0 };
  let notify = () => {};
  const link = createLink({
    urls: [`wss://127.0.0.1:${port}`],
    tls: () => tls,
    backoff: { baseMs: 20, capMs: 50 },
    silenceMs,
    clock: systemClock,
    random: Math.random,
    logger: pino({ level: 'silent' }),
    onConnected: () => {
      seen.opened += 1;
      link.welcomed();
      notify();
    },
    onFrame: (bytes) => {
      seen.frames.push(bytes.length);
      notify();
    },
    onDown: (reason) => {
      seen.downs.push(reason);
      seen.downAt = performance.now();
      notify();
    },
    onState: () => {},
  });
  const until = (what: () => boolean) =>
    new Promise<void>((resolve) => {
      notify = () => {
        if (what()) resolve();
      };
      notify();
    });
  after(() => link.close());
  return { link, seen, until };
}

test('frames pass both ways, and the link comes back when the relay cuts it', async () => {
  const relay = await startRelay();
  const received: number[] = [];
  relay.sockets.on('connection', (connection) => {
    connection.on('message', (data: Buffer) => {
      received.push(data.length);
      connection.send(Buffer.alloc(1_000_000));
    });
  });
  const { link, seen, until } = linkTo(relay.port, 9_000);
  link.start();
  await until(() => seen.opened === 1);
  link.send(new Uint8Array(5));
  await until(() => seen.frames.length === 1);
  assert.deepEqual([received, seen.frames], [[5], [1_000_000]]);
  relay.connections[0]?.close(1001, 'going away');
  await until(() => seen.opened === 2);
  assert.deepEqual(
    seen.downs.map(({ kind, detail }) => [kind, detail]),
    [['ended', 'the relay closed the link: 1001 going away']],
  );
  link.close();
  await relay.close();
});

test('a long reason is cut to what a close frame takes, whatever its characters', async () => {
  for (const reason of ['x'.repeat(500), 'ä'.repeat(200), `x${'ä'.repeat(200)}`, '😀'.repeat(100), `xyz${'😀'.repeat(100)}`]) {
    const relay = await startRelay();
    const { link, seen, until } = linkTo(relay.port, 9_000);
    const closed = new Promise<string>((resolve) => {
      relay.sockets.once('connection', (connection) => connection.on('close', (_code, text) => resolve(String(text))));
    });
    link.start();
    await until(() => seen.opened === 1);
    link.drop(reason, { retryAfterMs: 60_000 });
    assert.ok((await closed).startsWith(reason.slice(0, 58)));
    link.close();
    await relay.close();
  }
});

test('text and frames over the bound end the link, and the agent goes on', async () => {
  const relay = await startRelay();
  relay.sockets.once('connection', (connection) => connection.send('hello'));
  const { link, seen, until } = linkTo(relay.port, 9_000);
  link.start();
  await until(() => seen.opened === 2);
  assert.equal(seen.downs[0]?.kind, 'unexpected');
  relay.connections[1]?.send(Buffer.alloc(MAX_FRAME_BYTES + 1));
  await until(() => seen.opened === 3);
  assert.equal(seen.downs[1]?.kind, 'unexpected');
  assert.match(seen.downs[1]?.detail ?? '', /Max payload size exceeded/);
  link.close();
  await relay.close();
});

test('a link that stands but passes nothing is noticed within its deadline and dialled again', async () => {
  const relay = await startRelay();
  const proxy = await startLinkProxy({ targetPort: relay.port });
  const { link, seen, until } = linkTo(proxy.port, 200);
  link.start();
  await until(() => seen.opened === 1);
  proxy.freeze();
  const frozenAt = performance.now();
  await until(() => seen.downs.length === 1);
  assert.equal(seen.downs[0]?.kind, 'silent');
  // By default it would take 18 s.
  assert.ok(seen.downAt - frozenAt < 9_000, `${seen.downAt - frozenAt} ms`);
  proxy.cut();
  proxy.restore();
  await until(() => seen.opened === 2);
  link.close();
  await proxy.close();
  await relay.close();
});

test('answers to our own pings keep a link on which nothing else comes', async () => {
  const relay = await startRelay();
  const { link, seen, until } = linkTo(relay.port, 300);
  link.start();
  await until(() => seen.opened === 1);
  // More than two silences, after which it would be cut.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(seen.downs.length, 0);
  link.close();
  await relay.close();
});

test('with a check of our own the relay is asked only after it, whatever TLS says of its certificate', async () => {
  const begins = new Date(Date.now() - 20 * 86_400_000);
  const ended = await startRelay({ pair: await authority.issueServer({ commonName: 'relay', begins }) });
  assert.equal((await failureOf(ended.url)).kind, 'relayCertificate');
  const seen: PresentedRelay[] = [];
  const trusting: LinkTls = {
    ...tls,
    distrust: (relay) => {
      seen.push(relay);
      return undefined;
    },
  };
  assert.equal(await outcome(ended.url, trusting), 'connected');
  assert.deepEqual(
    seen.map(({ host, certificates }) => [host, certificates[0]?.subject]),
    [['127.0.0.1', 'CN=relay']],
  );
  await ended.close();
});

test('a relay that our own check does not trust, or that it cannot read, hears no byte of the request', async () => {
  let received = 0;
  const ended = new Set<Promise<unknown>>();
  const server = createTlsServer({ cert: serverPair.certificatePem, key: serverPair.keyPem }, (socket) => {
    ended.add(once(socket, 'close'));
    socket
      .on('error', () => {})
      .on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `wss://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const refused = await failureOf(url, { ...tls, distrust: () => 'it has ended' });
  assert.equal(refused.kind, 'relayCertificate');
  assert.match(refused.detail, /is not trusted: it has ended$/);
  const unread = await failureOf(url, {
    ...tls,
    distrust: () => {
      throw new Error('unsupported');
    },
  });
  assert.match(unread.detail, /unsupported$/);
  await Promise.all(ended);
  assert.equal(received, 0);
  await new Promise((resolve) => server.close(resolve));
});

test('a relay whose certificate begins later than now, and one that does not take ours, are told apart from others', async () => {
  const early = await authority.issueServer({ commonName: 'relay', begins: new Date(Date.now() + 86_400_000) });
  const first = await startRelay({ pair: early });
  assert.equal((await failureOf(first.url)).kind, 'relayNotBegun');
  await first.close();

  const second = await startRelay();
  const begins = new Date(Date.now() - 20 * 86_400_000);
  const ours = await authority.issueClient({ commonName: 'system:node:edge-1', organizations: ['system:nodes'], begins });
  const kinds = [];
  for (let dial = 0; dial < 10; dial += 1) {
    kinds.push((await failureOf(second.url, { ...tls, cert: ours.certificatePem, key: ours.keyPem })).kind);
  }
  assert.deepEqual(kinds, Array(10).fill('cutOff'));
  await second.close();
});
