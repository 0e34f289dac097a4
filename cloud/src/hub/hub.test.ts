import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { request } from 'node:https';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import {
  type AgentMessage,
  decodeRelayMessage,
  encodeAgentMessage,
  type Goodbye,
  HawserError,
  type Hello,
  type RelayMessage,
  type SessionStatus,
} from '@hawser/protocol';
import fc from 'fast-check';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { type CertificatePair, createAuthority, issueNodeCertificate } from '../../../test/support/pki.ts';
import { systemClock } from '../clock.ts';
import type { Session, SessionStats } from '../downstream/index.ts';
import type { TlsMaterial } from '../ops/tls-files.ts';
import { createReportQueue } from '../upstream/report-queue.ts';
import { type HubOptions, startHub } from './hub.ts';

const authority = await createAuthority('agents');
const server = await authority.issueServer({ commonName: 'relay' });
const edge1 = await issueNodeCertificate(authority, 'edge-1');
const edge2 = await issueNodeCertificate(authority, 'edge-2');
const admin = await authority.issueClient({ commonName: 'kubernetes-admin', organizations: ['system:masters'] });
const stranger = await issueNodeCertificate(await createAuthority('another'), 'edge-1');
const TLS: TlsMaterial = {
  cert: server.certificatePem,
  key: server.keyPem,
  clientCa: authority.certificatePem,
  validTo: new Date(Date.now() + 1e9),
};
const CLUSTER = 'c0ffee00-0000-4000-8000-000000000001';
const STATUS: SessionStatus = { state: 'syncing', detail: 'some objects' };
const NO_STATS: SessionStats = {
  needed: 0,
  known: 0,
  refused: 0,
  dirty: 0,
  waiting: 0,
  ahead: 0,
  inflightBatches: 0,
  inflightBytes: 0,
  batches: 0,
  upserts: 0,
  touches: 0,
  deletes: 0,
  bodyBytes: 0,
  nacks: 0,
  inventories: 0,
  digestMismatches: 0,
};
const HELLO: Hello = {
  type: 'hello',
  protocolVersions: [1],
  features: [],
  dictionaries: [],
  agentVersion: '0.1.0',
  storeId: '1'.repeat(32),
  clusterUid: undefined,
  digest: '0'.repeat(32),
  objects: 0,
};

/** A session that sends what a test gives it, and remembers what it received. */
class ScriptedSession implements Session {
  readonly node: string;
  readonly wake: () => void;
  readonly received: AgentMessage[] = [];
  readonly outgoing: RelayMessage[][] = [];
  isClosed = false;
  wakesAgain = false;
  constructor(node: string, wake: () => void) {
    this.node = node;
    this.wake = wake;
  }
  hello(hello: Hello): SessionStatus {
    this.received.push(hello);
    return STATUS;
  }
  receive(message: AgentMessage): void {
    if (message.type === 'ack' && message.number === 99) throw new HawserError('protocol', 'batch 99 was never sent');
    if (message.type === 'ack' && message.number === 98) throw new Error('a fault of the relay');
    this.received.push(message);
  }
  pump(): RelayMessage[] {
    const messages = this.outgoing.shift() ?? [];
    if (this.wakesAgain && this.outgoing.length > 0) setImmediate(this.wake);
    return messages;
  }
  status = () => STATUS;
  stats = () => NO_STATS;
  close(): void {
    this.isClosed = true;
  }
}

interface Options {
  limits?: Partial<HubOptions['settings']['limits']>;
  reports?: HubOptions['reports'];
  isClusterKnown?: boolean;
  keyExchange?: 'hybrid' | 'x25519';
}

async function start(t: TestContext, options: Options = {}) {
  const sessions: ScriptedSession[] = [];
  const seen: string[] = [];
  const events = new EventEmitter();
  const say = (what: string) => {
    seen.push(what);
    events.emit(what);
  };
  const hub = await startHub({
    settings: {
      link: { address: '127.0.0.1', port: 0 },
      keyExchange: options.keyExchange ?? 'hybrid',
      limits: {
        frameBytes: 64 * 1024,
        sessions: 10,
        handshakes: 10,
        handshakeSeconds: 5,
        pingSeconds: 8,
        bufferedBytes: 4 * 1024 * 1024,
        apiCalls: 4,
        reportsPerSession: 4,
        ...options.limits,
      },
    },
    tls: TLS,
    relay: () => (options.isClusterKnown === false ? undefined : { relayVersion: '0.1.0', clusterUid: CLUSTER }),
    downstream: {
      open(node, wake) {
        const session = new ScriptedSession(node, wake);
        sessions.push(session);
        return session;
      },
    },
    reports:
      options.reports ??
      createReportQueue({
        concurrency: 4,
        reportsPerLane: 4,
        perform: async (node) => ({ type: 'applied', uid: 'u', resourceVersion: '1', name: node }),
      }),
    metrics: {
      sessionOpened: () => say('opened'),
      sessionEnded: (how) => say(`ended ${how}`),
      received: () => undefined,
      sent: () => undefined,
      malformedFrame: () => say('malformed'),
      nack: (reason) => say(`nack ${reason}`),
      linkRefused: (why) => say(`refused ${why}`),
    },
    clock: systemClock,
    logger: pino({ level: 'silent' }),
  });
  t.after(() => hub.stop());
  return {
    hub,
    sessions,
    seen,
    /** Resolves when the hub has counted that. */
    counted: async (what: string) => {
      if (!seen.includes(what)) await once(events, what, { signal: AbortSignal.timeout(10_000) });
    },
    dial: (pair: CertificatePair = edge1) => Agent.dial(hub.port, pair),
  };
}

type Step =
  | { readonly type: 'message'; readonly message: AgentMessage }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'text' };

/** The other end of a link, frame by frame. */
class Agent {
  readonly socket: WebSocket;
  readonly #messages: RelayMessage[] = [];
  readonly #events = new EventEmitter();
  readonly closed: Promise<number>;

  static async dial(port: number, pair: CertificatePair): Promise<Agent> {
    const agent = new Agent(
      new WebSocket(`wss://127.0.0.1:${port}/v1/link`, {
        cert: pair.certificatePem,
        key: pair.keyPem,
        ca: authority.certificatePem,
      }),
    );
    await once(agent.socket, 'open');
    return agent;
  }

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('message', (data) => {
      assert.ok(Buffer.isBuffer(data));
      this.#messages.push(decodeRelayMessage(data));
      this.#events.emit('message');
    });
  }

  send(message: AgentMessage): void {
    this.socket.send(encodeAgentMessage(message));
  }

  async next(): Promise<RelayMessage> {
    if (this.#messages.length === 0) await once(this.#events, 'message', { signal: AbortSignal.timeout(10_000) });
    const message = this.#messages.shift();
    assert.ok(message !== undefined);
    return message;
  }

  async greet(hello: Partial<Hello> = {}): Promise<RelayMessage> {
    this.send({ ...HELLO, ...hello });
    return this.next();
  }

  /** The goodbye, and the code with which the link was closed after it. */
  async goodbye(): Promise<{ goodbye: Goodbye; code: number }> {
    const goodbye = await this.next();
    assert.ok(goodbye.type === 'goodbye', goodbye.type);
    return { goodbye, code: await this.closed };
  }
}

function report(number: number, name = 'front', body = '{}'): AgentMessage {
  return {
    type: 'report',
    report: {
      number,
      resource: 'pods',
      namespace: 'web',
      name,
      uid: undefined,
      subresource: '',
      operation: { type: 'update', body },
    },
  };
}

test('a hello is answered with welcome under the name in the certificate, then with what the session has', async (t) => {
  const { dial, sessions, hub } = await start(t);
  const agent = await dial();
  const welcome = await agent.greet();
  assert.ok(welcome.type === 'welcome');
  assert.equal(welcome.nodeName, 'edge-1');
  assert.equal(welcome.clusterUid, CLUSTER);
  assert.deepEqual(welcome.status, STATUS);
  const [session] = sessions;
  assert.ok(session !== undefined);
  session.outgoing.push([{ type: 'inventoryRequest' }]);
  session.wake();
  assert.equal((await agent.next()).type, 'inventoryRequest');
  agent.send({ type: 'inventory', entries: [], last: true });
  agent.send(report(7));
  assert.deepEqual(await agent.next(), {
    type: 'reportAnswer',
    number: 7,
    outcome: { type: 'applied', uid: 'u', resourceVersion: '1', name: 'edge-1' },
  });
  assert.deepEqual(
    session.received.map(({ type }) => type),
    ['hello', 'inventory'],
  );
  assert.deepEqual([...hub.sessions.byState()], [['syncing', 1]]);
  assert.equal(hub.handshakes(), 0);
});

test('TLS is 1.3 and resumes no session', async (t) => {
  const { hub } = await start(t);
  const first = await tls(hub.port, edge1);
  assert.equal(first.getProtocol(), 'TLSv1.3');
  const [session] = await once(first, 'session', { signal: AbortSignal.timeout(10_000) });
  first.destroy();
  const second = await tls(hub.port, edge1, { session });
  assert.equal(second.isSessionReused(), false);
  second.destroy();
  await assert.rejects(tls(hub.port, edge1, { maxVersion: 'TLSv1.2' }));
});

test('the key exchange is the post-quantum hybrid where both have it, and X25519 where that is set', async (t) => {
  for (const [keyExchange, offered, isTaken] of [
    ['hybrid', 'X25519MLKEM768', true],
    ['hybrid', 'X25519', true],
    ['x25519', 'X25519MLKEM768', false],
    ['x25519', 'X25519', true],
  ] as const) {
    const { hub } = await start(t, { keyExchange });
    const dialled = tls(hub.port, edge1, { ecdhCurve: offered });
    if (isTaken) (await dialled).destroy();
    else await assert.rejects(dialled);
  }
});

test('a hub that is about to stop refuses links and keeps those there are', async (t) => {
  const { hub, dial } = await start(t);
  const agent = await dial();
  await agent.greet();
  hub.refuseLinks();
  assert.equal((await upgrade(hub.port, edge2)).status, 503);
  agent.send(report(1));
  assert.equal((await agent.next()).type, 'reportAnswer');
});

test('without a certificate, or with one of another authority, TLS refuses', async (t) => {
  const { hub, counted } = await start(t);
  await assert.rejects(upgrade(hub.port, undefined));
  await assert.rejects(upgrade(hub.port, stranger));
  await counted('refused tls');
});

test('a certificate that names no node is refused with the reason', async (t) => {
  const { hub, seen } = await start(t);
  const { status, text } = await upgrade(hub.port, admin);
  assert.equal(status, 403);
  assert.match(text, /common name must be system:node:NAME and is "kubernetes-admin"/);
  assert.deepEqual(seen, ['refused certificate']);
});

test('another path is 404, with and without upgrade', async (t) => {
  const { hub } = await start(t);
  assert.equal((await upgrade(hub.port, edge1, '/v2/link')).status, 404);
  assert.equal((await upgrade(hub.port, edge1, '/', false)).status, 404);
  assert.equal((await upgrade(hub.port, edge1, '/v1/link', false)).status, 426);
});

test('before the cluster is known links are put off', async (t) => {
  const { hub } = await start(t, { isClusterKnown: false });
  const { status, retryAfter } = await upgrade(hub.port, edge1);
  assert.equal(status, 503);
  assert.equal(retryAfter, '5');
});

test('a store of another cluster is turned away before a session is opened', async (t) => {
  const { dial, sessions } = await start(t);
  const agent = await dial();
  agent.send({ ...HELLO, clusterUid: 'another' });
  const { goodbye, code } = await agent.goodbye();
  assert.equal(goodbye.reason, 'wrongCluster');
  assert.equal(code, 4002);
  assert.equal(sessions.length, 0);
});

test('bytes that are no message end that link alone', async (t) => {
  const { dial, sessions, counted } = await start(t);
  const [bad, good] = [await dial(edge1), await dial(edge2)];
  await good.greet();
  await bad.greet();
  bad.socket.send(Buffer.from('ffffffff', 'hex'));
  const { goodbye, code } = await bad.goodbye();
  assert.equal(goodbye.reason, 'protocolError');
  assert.equal(code, 1002);
  await counted('malformed');
  good.send(report(1));
  assert.equal((await good.next()).type, 'reportAnswer');
  assert.deepEqual(
    sessions.map(({ node, isClosed }) => [node, isClosed]),
    [
      ['edge-2', false],
      ['edge-1', true],
    ],
  );
});

const wrong: [string, (agent: Agent) => void, number][] = [
  ['a second hello', (agent) => agent.send(HELLO), 1002],
  [
    'a message that the session refuses',
    (agent) => agent.send({ type: 'ack', number: 99, digest: '0'.repeat(32), nacks: [] }),
    1002,
  ],
  ['a text message', (agent) => agent.socket.send('hello'), 1003],
  ['a fault of the relay', (agent) => agent.send({ type: 'ack', number: 98, digest: '0'.repeat(32), nacks: [] }), 1011],
];
for (const [what, act, expected] of wrong) {
  test(`${what} ends the link with ${expected} and a goodbye`, async (t) => {
    const { dial, sessions } = await start(t);
    const agent = await dial();
    await agent.greet();
    act(agent);
    const { goodbye, code } = await agent.goodbye();
    assert.equal(code, expected);
    assert.notEqual(goodbye.detail, '');
    assert.equal(sessions[0]?.isClosed, true);
  });
}

test('anything before the hello ends the link', async (t) => {
  const { dial, sessions } = await start(t);
  const agent = await dial();
  agent.send(report(1));
  const { goodbye, code } = await agent.goodbye();
  assert.match(goodbye.detail, /report before the hello/);
  assert.equal(code, 1002);
  assert.equal(sessions.length, 0);
});

test('a message over the bound is refused by the socket', async (t) => {
  const { dial, counted, sessions } = await start(t);
  const agent = await dial();
  await agent.greet();
  agent.socket.send(Buffer.alloc(64 * 1024 + 1));
  assert.equal(await agent.closed, 1009);
  await counted('ended tooBig');
  assert.equal(sessions[0]?.isClosed, true);
});

test('an agent that says nothing is told so and closed', async (t) => {
  const { dial } = await start(t, { limits: { handshakeSeconds: 1 } });
  const agent = await dial();
  const { goodbye, code } = await agent.goodbye();
  assert.match(goodbye.detail, /no hello within 1 s/);
  assert.equal(code, 4008);
});

test('a connection that never asks for anything is closed', async (t) => {
  const { hub, counted } = await start(t, { limits: { handshakeSeconds: 1 } });
  const socket = await tls(hub.port, edge1);
  await once(
    socket.on('error', () => undefined),
    'close',
  );
  await counted('refused timeout');
});

test('a connection over the bound on handshakes is closed, and there is room again after', async (t) => {
  const { hub, dial, counted } = await start(t, { limits: { handshakes: 1 } });
  const first = await dial();
  await assert.rejects(upgrade(hub.port, edge2));
  await counted('refused handshakes');
  await first.greet();
  const second = await dial(edge2);
  assert.equal((await second.greet()).type, 'welcome');
});

test('a link over the bound on sessions is put off', async (t) => {
  const { hub, dial } = await start(t, { limits: { sessions: 1 } });
  await (await dial()).greet();
  const { status, retryAfter } = await upgrade(hub.port, edge2);
  assert.equal(status, 503);
  assert.equal(retryAfter, '30');
  const again = await dial();
  assert.equal((await again.greet()).type, 'welcome', 'a node that has a session takes no further place');
});

test('the newest link of a node wins, and the older is told who came', async (t) => {
  const { dial, sessions, hub } = await start(t);
  const older = await dial();
  await older.greet();
  const newer = await dial();
  await newer.greet({ storeId: '2'.repeat(32) });
  const { goodbye, code } = await older.goodbye();
  assert.equal(goodbye.reason, 'replaced');
  assert.match(goodbye.detail, /another device/);
  assert.equal(code, 4001);
  assert.deepEqual(
    sessions.map(({ isClosed }) => isClosed),
    [true, false],
  );
  assert.equal(hub.sessions.count, 1);
  newer.send(report(1));
  assert.equal((await newer.next()).type, 'reportAnswer');
});

test('a link that answers no ping is cut within two intervals', async (t) => {
  const { hub, counted, sessions } = await start(t, { limits: { pingSeconds: 1 } });
  // ws would answer pings by itself; a raw TLS socket stays silent after its hello.
  const socket = await tls(hub.port, edge1);
  const closed = once(
    socket.on('error', () => undefined),
    'close',
  );
  socket.write(
    'GET /v1/link HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await once(socket, 'data');
  socket.write(maskedFrame(encodeAgentMessage(HELLO)));
  await counted('ended lost');
  await closed;
  assert.equal(sessions[0]?.isClosed, true);
});

test('reports beyond the bound are not read until there is room, and none is lost', async (t) => {
  let outstanding = 0;
  let most = 0;
  const queue = createReportQueue({
    concurrency: 1,
    reportsPerLane: 2,
    perform: async (node) => {
      // Slower than frames can be read, so that the bound is met all the time.
      for (let n = 0; n < 5; n += 1) await turn();
      outstanding -= 1;
      return { type: 'applied', uid: 'u', resourceVersion: '1', name: node };
    },
  });
  const { dial } = await start(t, {
    reports: {
      open(...parameters) {
        const lane = queue.open(...parameters);
        return {
          ...lane,
          push(report) {
            outstanding += 1;
            most = Math.max(most, outstanding);
            lane.push(report);
          },
        };
      },
    },
  });
  const agent = await dial();
  await agent.greet();
  const body = JSON.stringify({ data: 'x'.repeat(30_000) });
  for (let n = 1; n <= 200; n += 1) agent.send(report(n, `pod-${n}`, body));
  const numbers = new Set<number>();
  while (numbers.size < 200) {
    const message = await agent.next();
    assert.ok(message.type === 'reportAnswer');
    numbers.add(message.number);
  }
  // Two, and what one read of 64 KiB may have brought beside.
  assert.ok(most >= 2 && most <= 5, `${most} at a time`);
});

test('an agent that reads nothing is not fed without end, and is closed at the bound', async (t) => {
  const { dial, sessions, counted } = await start(t);
  const agent = await dial();
  await agent.greet();
  agent.socket.pause();
  const [session] = sessions;
  assert.ok(session !== undefined);
  // One pump that ignores every window.
  session.outgoing.push(Array.from({ length: 40 }, () => batchOf(1024 * 1024)));
  session.wake();
  await counted('ended overloaded');
  assert.equal(session.isClosed, true);
  agent.socket.terminate();
});

test('while the network is behind the session is not asked for more, and after it is', async (t) => {
  const { dial, sessions, seen } = await start(t);
  const agent = await dial();
  await agent.greet();
  const [session] = sessions;
  assert.ok(session !== undefined);
  agent.socket.pause();
  const batches = 160;
  for (let n = 0; n < batches; n += 1) session.outgoing.push([batchOf(256 * 1024)]);
  // Each pump but the last asks for another.
  session.wakesAgain = true;
  session.wake();
  let left = batches;
  for (let turns = 0; turns < 500; turns += 1) {
    await turn();
    left = session.outgoing.length;
  }
  assert.ok(left > 0, 'all 40 MB were taken at once');
  agent.socket.resume();
  for (let n = 0; n < batches; n += 1) assert.equal((await agent.next()).type, 'batch');
  assert.deepEqual(seen, ['opened']);
});

test('stopping says goodbye to each and closes', async (t) => {
  const { dial, hub } = await start(t);
  const agents = [await dial(edge1), await dial(edge2)];
  for (const agent of agents) await agent.greet();
  const ends = agents.map((agent) => agent.goodbye());
  await hub.stop();
  for (const { goodbye, code } of await Promise.all(ends)) {
    assert.equal(goodbye.reason, 'shuttingDown');
    assert.equal(code, 1001);
  }
});

test('whatever agents send in whatever order: one link ends at most, the hub lives, and counts are right', async (t) => {
  const { dial, hub, sessions } = await start(t);
  const witness = await dial(edge2);
  await witness.greet();
  const step = fc.oneof(
    fc.constant<Step>({ type: 'message', message: HELLO }),
    fc.nat(5).map((n): Step => ({ type: 'message', message: report(n + 1) })),
    fc.boolean().map((last): Step => ({ type: 'message', message: { type: 'inventory', entries: [], last } })),
    fc
      .constantFrom(1, 98, 99)
      .map((number): Step => ({ type: 'message', message: { type: 'ack', number, digest: '0'.repeat(32), nacks: [] } })),
    fc.uint8Array({ maxLength: 64 }).map((bytes): Step => ({ type: 'bytes', bytes })),
    fc.constant<Step>({ type: 'text' }),
  );
  let number = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const agent = await dial();
      for (const one of steps) {
        if (one.type === 'message') agent.send(one.message);
        else agent.socket.send(one.type === 'text' ? 'text' : one.bytes);
      }
      agent.socket.close();
      assert.ok([1002, 1003, 1005, 1011].includes(await agent.closed));
      number += 1;
      witness.send(report(number));
      const answer = await witness.next();
      assert.ok(answer.type === 'reportAnswer' && answer.number === number);
      // The relay's side of a close may come a turn after the agent's.
      while (hub.sessions.count > 1) await turn();
      assert.equal(hub.sessions.count, 1);
      assert.equal(sessions.filter(({ isClosed }) => !isClosed).length, 1);
    }),
    { numRuns: 60 },
  );
});

test('a port in use is named with its setting', async (t) => {
  const { hub } = await start(t);
  await assert.rejects(
    startHub({
      settings: {
        link: { address: '127.0.0.1', port: hub.port },
        keyExchange: 'x25519',
        limits: {
          frameBytes: 1,
          sessions: 1,
          handshakes: 1,
          handshakeSeconds: 1,
          pingSeconds: 1,
          bufferedBytes: 1,
          apiCalls: 1,
          reportsPerSession: 1,
        },
      },
      tls: TLS,
      relay: () => undefined,
      downstream: { open: (node, wake) => new ScriptedSession(node, wake) },
      reports: createReportQueue({ concurrency: 1, reportsPerLane: 1, perform: () => Promise.reject(new Error('unused')) }),
      metrics: {
        sessionOpened: () => undefined,
        sessionEnded: () => undefined,
        received: () => undefined,
        sent: () => undefined,
        malformedFrame: () => undefined,
        nack: () => undefined,
        linkRefused: () => undefined,
      },
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    }),
    (error) => error instanceof HawserError && error.code === 'address_in_use' && error.message.includes('link.port'),
  );
});

function batchOf(bytes: number): RelayMessage {
  const version = { uid: 'u', resourceVersion: '1', hash: '0'.repeat(16) };
  const body = { encoding: 'identity' as const, bytes: Buffer.alloc(bytes), size: bytes };
  return {
    type: 'batch',
    number: 1,
    complete: false,
    operations: [{ object: 1, key: undefined, change: { type: 'upsert', version, body } }],
  };
}

async function tls(port: number, pair: CertificatePair, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { certificatePem: cert, keyPem: key } = pair;
  const socket = connect({ port, host: '127.0.0.1', cert, key, ca: authority.certificatePem, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** One request for an upgrade that is expected to be refused. */
function upgrade(
  port: number,
  pair: CertificatePair | undefined,
  path = '/v1/link',
  isUpgrade = true,
): Promise<{ status: number; text: string; retryAfter: string | undefined }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        port,
        host: '127.0.0.1',
        path,
        ca: authority.certificatePem,
        agent: false,
        ...(pair === undefined ? {} : { cert: pair.certificatePem, key: pair.keyPem }),
        headers: isUpgrade
          ? {
              connection: 'Upgrade',
              upgrade: 'websocket',
              'sec-websocket-version': '13',
              'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
            }
          : {},
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text, retryAfter: response.headers['retry-after'] }),
        );
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

/** A binary WebSocket message of less than 126 bytes as a client sends it, masked with zeros (RFC 6455, 5.2). */
function maskedFrame(payload: Uint8Array): Buffer {
  assert.ok(payload.length < 126);
  return Buffer.concat([Buffer.from([0x82, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}
