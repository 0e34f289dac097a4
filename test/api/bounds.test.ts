import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { API_TIMES, type ApiTimes } from '../../edge/src/api/http/times.ts';
import { until } from '../support/until.ts';
import { startTestServer } from './server.ts';

const MIB = 1024 * 1024;

/** The API's bounds over HTTPS: who goes over one is refused or closed with a reason, and a client beside it is served as ever. */

const ALL = { connections: 100, strangers: 50, requests: 50, watches: 50, unreadBytes: 64 * MIB };
const CONFIGS = '/api/v1/namespaces/default/configmaps';

async function start(t: TestContext, bounds: Partial<typeof ALL>, times: Partial<ApiTimes> = {}) {
  const held: (() => void)[] = [];
  const server = await startTestServer({
    server: { bounds: { ...ALL, ...bounds }, times: { ...API_TIMES, ...times } },
    policy: {
      // Who says nothing about itself is nobody.
      authenticate: ({ bearerToken }) =>
        bearerToken === undefined ? undefined : { name: bearerToken, groups: ['system:masters'] },
      // Answers when the test says so.
      handleSpecial: () => new Promise((resolve) => held.push(() => resolve({ status: 201, body: TOKEN }))),
    },
  });
  t.after(() => server.close());
  const { port } = server.server.address();
  const mine = { headers: { authorization: 'Bearer me' } };
  return {
    ...server,
    port,
    mine,
    held,
    async noticesNothing() {
      assert.equal((await server.call('GET', CONFIGS, mine)).status, 200);
    },
    reached: (bound: keyof ReturnType<typeof server.server.load>['reached']) => server.server.load().reached[bound],
    tls: async (): Promise<TLSSocket> => {
      const socket = connectTls({ host: '127.0.0.1', port, ca: server.authority.certificatePem });
      await once(socket, 'secureConnect');
      return socket;
    },
  };
}

const TOKEN = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {} };
const TOKEN_PATH = '/api/v1/namespaces/default/serviceaccounts/app/token';

test('one request more than may be answered at a time is told to come again, and health is not', async (t) => {
  const { call, mine, held, reached, server } = await start(t, { requests: 2 });
  const slow = [call('POST', TOKEN_PATH, { ...mine, body: TOKEN }), call('POST', TOKEN_PATH, { ...mine, body: TOKEN })];
  await until('both under way', 60_000, undefined, async () => held.length === 2);
  const refused = await call('GET', CONFIGS, mine);
  assert.deepEqual([refused.status, refused.json.reason, refused.headers['retry-after']], [429, 'TooManyRequests', '1']);
  assert.equal((await call('GET', '/healthz', mine)).status, 200);
  assert.equal(reached('requests'), 1);
  assert.equal(server.load().requests, 2);
  for (const answer of held) answer();
  assert.deepEqual(
    (await Promise.all(slow)).map(({ status }) => status),
    [201, 201],
  );
  await until('room', 60_000, undefined, async () => (await call('GET', CONFIGS, mine)).status === 200);
});

test('one watch more than may be open is told to come again, and the others go on', async (t) => {
  const { call, watch, mine, reached, server, noticesNothing } = await start(t, { watches: 2 });
  const watches = [watch(`${CONFIGS}?watch=1`, mine.headers), watch(`${CONFIGS}?watch=1`, mine.headers)];
  await Promise.all(watches.map(({ opened }) => opened));
  assert.equal(server.load().watches, 2);
  assert.equal((await call('GET', `${CONFIGS}?watch=1`, mine)).status, 429);
  assert.equal(reached('watches'), 1);
  await noticesNothing();
  const made = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
  assert.equal((await call('POST', CONFIGS, { ...mine, body: made })).status, 201);
  for (const open of watches) assert.equal((await open.take(1))[0]?.object.metadata.name, 'a');
  for (const open of watches) open.abort();
  await until('their end', 60_000, undefined, async () => server.load().watches === 0);
});

test('a connection more than the bound is closed, and those there are go on', async (t) => {
  const { port, call, mine, reached, noticesNothing } = await start(t, { connections: 3, strangers: 50 });
  // The client keeps its own.
  assert.equal((await call('GET', CONFIGS, mine)).status, 200);
  const held = [plain(port), plain(port)];
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  await once(plain(port).resume(), 'close');
  await until('the count', 60_000, undefined, async () => reached('connections') === 1);
  await noticesNothing();
  for (const socket of held) socket.destroy();
});

test('who holds connections and shows no token makes room for whoever does', async (t) => {
  const { port, mine, call, tls, reached, noticesNothing } = await start(t, { strangers: 3 });
  await noticesNothing();
  const silent = [plain(port), plain(port)];
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  // Through with TLS, and 401 is no token either.
  const refused = await tls();
  refused.write('GET /api/v1/pods HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(refused, 'data');
  const [first, second] = silent;
  assert.ok(first !== undefined && second !== undefined);
  const gone = once(first.resume(), 'close');
  const another = plain(port);
  await gone;
  assert.equal(reached('strangers'), 1);
  assert.equal(second.destroyed, false, 'the one that has waited for longest goes first');
  await noticesNothing();
  assert.equal((await call('GET', CONFIGS, { ...mine, headers: { ...mine.headers, connection: 'close' } })).status, 200);
  for (const socket of [second, another, refused]) socket.destroy();
});

test('headers over the bound are answered 431, a body over it 413', async (t) => {
  const { call, mine, tls, reached, noticesNothing } = await start(t, {});
  const large = await tls();
  large.write(`GET ${CONFIGS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer me\r\nx: ${'x'.repeat(70_000)}\r\n\r\n`);
  assert.match(await text(large), /^HTTP\/1.1 431 /);
  assert.equal(reached('headerBytes'), 1);
  assert.equal((await call('POST', CONFIGS, { ...mine, body: 'x'.repeat(3 * 1024 * 1024 + 1) })).status, 413);
  assert.equal(reached('bodyBytes'), 1);
  const chunked = await tls();
  chunked.write(`POST ${CONFIGS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer me\r\ntransfer-encoding: chunked\r\n\r\n`);
  chunked.write(`300001\r\n${'x'.repeat(3 * 1024 * 1024 + 1)}`);
  assert.match(await text(chunked), /^HTTP\/1.1 413 /);
  assert.equal(reached('bodyBytes'), 2);
  await noticesNothing();
});

test('a body of a stranger is not read', async (t) => {
  const { tls, noticesNothing } = await start(t, {});
  const socket = await tls();
  socket.write(
    `POST ${CONFIGS} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 3000000\r\n\r\n{`,
  );
  const [answer] = await once(socket, 'data');
  assert.match(String(answer), /^HTTP\/1.1 401 /);
  await turn();
  await noticesNothing();
  socket.destroy();
});

function plain(port: number): Socket {
  return connect(port, '127.0.0.1').on('error', () => undefined);
}

/** 8 MB in all: more than the sockets of both ends hold. */
function fill({ storage }: Awaited<ReturnType<typeof start>>): void {
  for (let index = 0; index < 16; index++) {
    const [namespace, name] = ['default', `big-${index}`];
    const object = {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { text: 'x'.repeat(MIB / 2) } },
      metadata: { namespace, name, uid: `00000000-0000-4000-8000-0000000000${index + 10}` },
    };
    storage.commit({ type: 'create', key: { resource: 'configmaps', namespace, name }, object });
  }
}

const ASK = 'HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer me\r\n\r\n';

test('who asks and does not read is cut off when too much waits, and who reads is served', async (t) => {
  const server = await start(t, { unreadBytes: 16 * MIB });
  fill(server);
  const { tls, call, mine, reached } = server;
  const cut: string[] = [];
  // Paused: none of them reads.
  for (const [index, path] of [CONFIGS, `${CONFIGS}?watch=true`, CONFIGS, `${CONFIGS}?watch=true`, CONFIGS].entries()) {
    const socket = await tls();
    t.after(() => socket.destroy());
    socket.on('error', () => undefined).once('close', () => cut.push(`${index}`));
    socket.write(`GET ${path} ${ASK}`);
  }
  await until('too much waits no longer', 60_000, undefined, async () => {
    assert.equal((await call('GET', `${CONFIGS}/big-1`, mine)).status, 200);
    const { requests, watches } = server.server.load();
    return reached('unread') > 0 && requests + watches <= 2;
  });
  const whole = await call('GET', CONFIGS, mine);
  assert.equal(whole.status, 200);
  assert.equal(whole.bytes.length > 8 * MIB, true);
});

test('an answer that its client does not take in time is cut off, and makes room for others', async (t) => {
  const server = await start(t, { requests: 1 }, { answerMs: 2_000 });
  fill(server);
  const socket = await server.tls();
  t.after(() => socket.destroy());
  socket.on('error', () => undefined).write(`GET ${CONFIGS} ${ASK}`);
  await until('it is cut off', 60_000, undefined, async () => server.reached('time') === 1);
  await until('there is room', 60_000, undefined, async () => server.server.load().requests === 0);
  assert.equal((await server.call('GET', `${CONFIGS}/none`, server.mine)).status, 404);
});
