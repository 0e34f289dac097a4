import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import {
  decodeEnrolled,
  decodeNonce,
  decodeRefusal,
  ENROL_PATHS,
  encodeJoinRequest,
  encodeLateRenewalRequest,
  keyHash,
  MAX_ENROL_BODY_BYTES,
  readCertificate,
  readDeviceKey,
} from '@hawser/protocol';
import { pino } from 'pino';
import { EnrolClient, joinOver, joinRequest, renewalRequest, renewOver } from '../../../../test/support/enrol-client.ts';
import { createAuthority } from '../../../../test/support/pki.ts';
import { until } from '../../../../test/support/until.ts';
import { ANNOTATIONS, tokenSecretName } from '../tokens/index.ts';
import { Attempts } from './attempts.ts';
import { NONCE_MS } from './conversation.ts';
import { createDesk } from './desk.ts';
import { createEnrolmentServer } from './http.ts';
import { createWorld, deviceKey, LIFETIME_MS, TOKEN } from './testing/world.ts';

const TOKEN_TEXT = `${TOKEN.id}.${TOKEN.secret}`;
const ATTEMPTS = 5;
const WHOLE_SECONDS = 60;
const STEP_MS = 20_000;

const authority = await createAuthority('serving');
const pair = await authority.issueServer({ commonName: 'relay' });

/** The endpoint over loopback, with a clock that stands still. */
async function start(t: TestContext, limits: Partial<Record<'enrolConnections' | 'enrolConnectionsPerAddress', number>> = {}) {
  const world = await createWorld();
  world.token();
  const { clock, context } = world;
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
  const events = new EventEmitter();
  const seen: string[] = [];
  const say = (what: string) => {
    seen.push(what);
    events.emit(what);
  };
  let nonces = 0;
  const desk = createDesk({
    context,
    attempts: new Attempts({ most: ATTEMPTS, periodMs: 60_000, clock }),
    randomBytes: (count) => {
      nonces += 1;
      return Buffer.alloc(count, nonces);
    },
    onOutcome: say,
    onBound: (bound) => say(`bound ${bound}`),
    clock,
    logger,
  });
  const server = createEnrolmentServer({
    settings: {
      keyExchange: 'hybrid',
      limits: { enrolConnections: 10, enrolConnectionsPerAddress: 10, enrolSeconds: WHOLE_SECONDS, ...limits },
    },
    serving: {
      current: () => ({
        cert: pair.certificatePem,
        key: pair.keyPem,
        clientCa: authority.certificatePem,
        validTo: new Date(0),
      }),
      onChange: () => () => undefined,
    },
    desk,
    onBound: (bound) => say(`bound ${bound}`),
    onMisuse: (of) => say(`misuse ${of}`),
    clock,
    logger,
  });
  const listener = createServer((socket) => server.take(socket));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => {
    server.stop();
    listener.close();
  });
  const { port } = listener.address() as AddressInfo;
  return {
    ...world,
    server,
    port,
    lines,
    seen,
    counted: async (what: string) => {
      if (!seen.includes(what)) await once(events, what, { signal: AbortSignal.timeout(60_000) });
    },
    async dial(from?: string): Promise<EnrolClient> {
      const client = await EnrolClient.dial({ port, ...(from === undefined ? {} : { from }) });
      t.after(() => client.close());
      return client;
    },
  };
}

/** Until there are no more connections than that. */
async function atMost(server: { connections(): number }, count: number): Promise<void> {
  await until(`at most ${count} connections`, 60_000, undefined, async () => server.connections() <= count || undefined);
}

/** Until the connection has ended. */
async function ended(client: EnrolClient): Promise<void> {
  if (!client.socket.destroyed) await once(client.socket.resume(), 'close', { signal: AbortSignal.timeout(60_000) });
}

test('TLS is 1.3, asks for no certificate, shows the root, and resumes no session', async (t) => {
  const { dial } = await start(t);
  const { socket } = await dial();
  assert.equal(socket.getProtocol(), 'TLSv1.3');
  const root = socket.getPeerX509Certificate()?.issuerCertificate;
  assert.equal(root?.fingerprint256, readCertificate(Buffer.from(authority.certificatePem)).fingerprint256);
});

test('a device joins with a nonce and a request that uses it, and the connection ends', async (t) => {
  const { dial, seen, lines, devices } = await start(t);
  const client = await dial();
  const key = deviceKey();
  const nonce = await client.nonce();
  const { status, text, headers } = await client.post(ENROL_PATHS.join, encodeJoinRequest(joinRequest(key, nonce, TOKEN_TEXT)));
  assert.equal(status, 200, text);
  assert.equal(headers.connection, 'close');
  const { nodeName, certificates } = decodeEnrolled(text);
  assert.equal(nodeName, 'truck-1');
  assert.ok(readCertificate(certificates[0] ?? Buffer.alloc(0)).publicKey.equals(readDeviceKey(key.spki)));
  assert.equal(devices.verdict('truck-1', keyHash(readDeviceKey(key.spki))).type, 'admitted');
  await ended(client);
  assert.deepEqual(seen, ['joined']);
  const [line] = lines;
  assert.deepEqual([line?.msg, line?.node, line?.tokenId], ['device joined', 'truck-1', TOKEN.id]);
  assert.match(String(line?.remote), /^127\.0\.0\.1:\d+$/);
});

test('a device is renewed after its end', async (t) => {
  const { port, clock, seen, server } = await start(t);
  const key = deviceKey();
  const joined = await joinOver({ port }, TOKEN_TEXT, key);
  const [der] = decodeEnrolled(joined.text).certificates;
  assert.ok(der !== undefined);
  await atMost(server, 0);
  clock.advance(LIFETIME_MS + 1_000);
  const old = { certificate: readCertificate(der), key: key.privateKey };
  assert.equal((await renewOver({ port }, old, deviceKey())).status, 200);
  assert.deepEqual(seen, ['joined', 'renewed']);
});

test('each refusal has its status, its reason, and a line of the log that has no secret', async (t) => {
  const { port, lines } = await start(t);
  const wrong = `${TOKEN.id}.ffffffffffffffff`;
  const answer = await joinOver({ port }, wrong, deviceKey());
  assert.deepEqual([answer.status, answer.reason], [403, 'badToken']);
  assert.equal(answer.headers['retry-after'], undefined);
  const [line] = lines;
  assert.deepEqual(
    [line?.msg, line?.reason, line?.tokenId, line?.detail],
    ['enrolment refused', 'badToken', TOKEN.id, 'the secret is another'],
  );
  assert.doesNotMatch(JSON.stringify(lines), new RegExp(`ffffffffffffffff|${TOKEN.secret}`));
});

const noRequests: [string, number, [path: string, body?: string, headers?: Record<string, string>, method?: string]][] = [
  ['another path', 404, ['/v1/other']],
  ['a path with a query', 404, [`${ENROL_PATHS.nonce}?x=1`]],
  ['another method', 405, [ENROL_PATHS.nonce, '', {}, 'GET']],
  ['a join before the nonce', 400, [ENROL_PATHS.join, '{}']],
  ['a body that says that it is too large', 413, [ENROL_PATHS.nonce, 'x', { 'content-length': `${MAX_ENROL_BODY_BYTES + 1}` }]],
];
for (const [what, expected, request] of noRequests) {
  test(`${what} is ${expected}, and the end of the connection`, async (t) => {
    const { dial } = await start(t);
    const client = await dial();
    const { status, reason } = await client.post(...request);
    assert.deepEqual([status, reason], [expected, 'badRequest']);
    await ended(client);
  });
}

test('a body that grows too large is refused as it comes', async (t) => {
  const { dial, server, counted } = await start(t);
  const { socket } = await dial();
  socket.write(`POST ${ENROL_PATHS.nonce} HTTP/1.1\r\nhost: relay\r\n\r\n`);
  await once(socket, 'data');
  socket.write(`POST ${ENROL_PATHS.join} HTTP/1.1\r\nhost: relay\r\ntransfer-encoding: chunked\r\n\r\n`);
  const piece = 'x'.repeat(16 * 1024);
  for (let sent = 0; sent <= MAX_ENROL_BODY_BYTES; sent += piece.length) socket.write(`4000\r\n${piece}\r\n`);
  assert.match(await textOf(socket), /^HTTP\/1\.1 413 [\s\S]*"badRequest"/);
  await counted('bound enrolBytes');
  await atMost(server, 0);
});

test('what is no JSON, and fields that are wrong, are bad requests that name the field', async (t) => {
  const { dial } = await start(t);
  const good = JSON.parse(encodeJoinRequest(joinRequest(deviceKey(), 'n'.repeat(43), TOKEN_TEXT)));
  for (const [body, said] of [
    ['{', /not JSON/],
    ['[]', /no JSON object/],
    [JSON.stringify({ ...good, token: 'abcdef' }), /token/],
    [JSON.stringify({ ...good, nodeName: '../x' }), /nodeName/],
    [JSON.stringify({ ...good, publicKey: 'A'.repeat(8_000) }), /publicKey/],
  ] as const) {
    const client = await dial();
    await client.nonce();
    const { status, text } = await client.post(ENROL_PATHS.join, body);
    assert.equal(status, 400);
    assert.match(decodeRefusal(text)?.message ?? '', said);
  }
});

test('what is no HTTP, and headers without end, get an answer that says so', async (t) => {
  const { dial, counted } = await start(t);
  for (const [bytes, said] of [
    ['this is no request\r\n\r\n', /^HTTP\/1\.1 400 [\s\S]*"badRequest"/],
    [`POST / HTTP/1.1\r\nhost: x\r\nlong: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 [\s\S]*"badRequest"/],
  ] as const) {
    const { socket } = await dial();
    socket.write(bytes);
    assert.match(await textOf(socket), said);
  }
  await counted('misuse http');
  await counted('bound headerBytes');
});

test('a nonce is for its own connection and for one request', async (t) => {
  const { dial, tokenApi } = await start(t);
  const [one, other, twice] = [await dial(), await dial(), await dial()];
  const foreign = await one.nonce();
  await other.nonce();
  const body = encodeJoinRequest(joinRequest(deviceKey(), foreign, TOKEN_TEXT));
  assert.equal((await other.post(ENROL_PATHS.join, body)).reason, 'badProof');
  assert.equal((await one.post(ENROL_PATHS.join, body)).status, 200);
  await twice.nonce();
  assert.equal((await twice.post(ENROL_PATHS.nonce)).reason, 'badRequest');
  assert.equal(tokenApi.requests.length, 1);
});

test('a nonce is good until its time is over, however slowly its request comes', async (t) => {
  const { dial, clock, tokenApi } = await start(t);
  for (const [afterNonceMs, afterHeadMs, expected] of [
    [NONCE_MS / 2, NONCE_MS / 2, '200'],
    [NONCE_MS / 2, NONCE_MS / 2 + 1, '403'],
  ] as const) {
    const { socket } = await dial();
    socket.write(`POST ${ENROL_PATHS.nonce} HTTP/1.1\r\nhost: relay\r\n\r\n`);
    const [first]: Buffer[] = await once(socket, 'data');
    const { nonce } = decodeNonce(`${first}`.split('\r\n\r\n')[1] ?? '');
    const body = encodeJoinRequest(joinRequest(deviceKey(), nonce, TOKEN_TEXT, { nodeName: `truck-${expected}` }));
    clock.advance(afterNonceMs);
    const head = `POST ${ENROL_PATHS.join} HTTP/1.1\r\nhost: relay\r\ncontent-length: ${Buffer.byteLength(body)}`;
    socket.write(`${head}\r\nexpect: 100-continue\r\n\r\n`);
    const [goOn]: Buffer[] = await once(socket, 'data');
    assert.match(`${goOn}`, /^HTTP\/1\.1 100 /);
    clock.advance(afterHeadMs);
    socket.write(body);
    assert.ok((await textOf(socket)).startsWith(`HTTP/1.1 ${expected} `));
  }
  assert.equal(tokenApi.requests.length, 1);
});

test('a renewal with a nonce of another connection is refused', async (t) => {
  const { dial, authority: own } = await start(t);
  const client = await dial();
  await client.nonce();
  const old = { certificate: own.certificate, key: own.key };
  const body = encodeLateRenewalRequest(renewalRequest(old, deviceKey(), 'm'.repeat(43)));
  assert.equal((await client.post(ENROL_PATHS.renew, body)).reason, 'badProof');
});

test('attempts of one address are limited, and told when to come again; another address joins meanwhile', async (t) => {
  const { port, clock, counted } = await start(t);
  for (let made = 0; made < ATTEMPTS; made += 1) {
    assert.equal((await joinOver({ port }, 'zzzzzz.zzzzzzzzzzzzzzzz', deviceKey())).status, made < 3 ? 403 : 429);
  }
  const { status, reason, headers } = await joinOver({ port }, TOKEN_TEXT, deviceKey());
  assert.deepEqual([status, reason, headers['retry-after']], [429, 'tooMany', '12']);
  await counted('bound limits.enrolAttempts');
  await counted('bound limits.enrolWrongSecrets');
  assert.equal((await joinOver({ port, from: '127.0.0.2' }, TOKEN_TEXT, deviceKey())).status, 200);
  clock.advance(12_000);
  assert.equal((await joinOver({ port }, TOKEN_TEXT, deviceKey(), { nodeName: 'truck-2' })).status, 200);
});

test('connections over the bounds are closed: of one address, and in all the oldest of the address that has the most', async (t) => {
  const { dial, port, counted, server } = await start(t, { enrolConnections: 3, enrolConnectionsPerAddress: 2 });
  const open = [await dial(), await dial()];
  await assert.rejects(EnrolClient.dial({ port }));
  await counted('bound limits.enrolConnectionsPerAddress');
  open.push(await dial('127.0.0.2'));
  const [first, ...others] = open;
  assert.ok(first !== undefined);
  const ended = once(first.socket, 'close');
  const third = await dial('127.0.0.3');
  await ended;
  await counted('bound limits.enrolConnections');
  await assert.rejects(EnrolClient.dial({ port, from: '127.0.0.4' }), 'addresses that have one each give none up');
  for (const client of [third, ...others]) assert.equal(client.socket.destroyed, false);
  third.close();
  await atMost(server, 2);
  assert.equal((await joinOver({ port }, TOKEN_TEXT, deviceKey())).status, 200);
});

test('who says nothing, half a head or half a body is closed after a while, and others are served meanwhile', async (t) => {
  const { dial, port, clock, counted, server } = await start(t);
  const [, head, body] = [await dial(), await dial(), await dial()];
  head.socket.write('POST /v1/nonce HTTP/1.1\r\nhost: relay\r\n');
  await body.nonce();
  body.socket.write(`POST ${ENROL_PATHS.join} HTTP/1.1\r\nhost: relay\r\ncontent-length: 1000\r\n\r\n{`);
  assert.equal((await joinOver({ port }, TOKEN_TEXT, deviceKey())).status, 200);
  await atMost(server, 3);
  clock.advance(STEP_MS);
  await atMost(server, 0);
  await counted('bound enrolStep');
});

test('a connection ends at its time, whatever it is doing', async (t) => {
  const { dial, clock, tokenApi, counted } = await start(t);
  const client = await dial();
  const nonce = await client.nonce();
  let asked = () => {};
  const arrived = new Promise<void>((resolve) => {
    asked = resolve;
  });
  tokenApi.request = () => {
    asked();
    return new Promise(() => undefined);
  };
  client.post(ENROL_PATHS.join, encodeJoinRequest(joinRequest(deviceKey(), nonce, TOKEN_TEXT))).catch(() => undefined);
  await arrived;
  clock.advance(STEP_MS);
  assert.equal(client.socket.destroyed, false, 'we are the ones who take so long');
  clock.advance(WHOLE_SECONDS * 1000);
  await ended(client);
  await counted('bound limits.enrolSeconds');
});

test('a request that comes before the answer to the one before it ends the connection', async (t) => {
  const { dial, counted, tokenApi } = await start(t);
  const client = await dial();
  const nonce = await client.nonce();
  const body = encodeJoinRequest(joinRequest(deviceKey(), nonce, TOKEN_TEXT));
  const request = `POST ${ENROL_PATHS.join} HTTP/1.1\r\nhost: relay\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  client.socket.write(request + request);
  await ended(client);
  await counted('misuse pipelined');
  assert.ok(tokenApi.requests.length <= 1);
});

test('a nonce and a join in one piece are two requests, of which the second cannot know the nonce', async (t) => {
  const { dial, tokenApi } = await start(t);
  const { socket } = await dial();
  const body = encodeJoinRequest(joinRequest(deviceKey(), 'n'.repeat(43), TOKEN_TEXT));
  const head = (path: string, length: number) => `POST ${path} HTTP/1.1\r\nhost: relay\r\ncontent-length: ${length}\r\n\r\n`;
  socket.write(head(ENROL_PATHS.nonce, 0) + head(ENROL_PATHS.join, Buffer.byteLength(body)) + body);
  const text = await textOf(socket);
  assert.match(text, /^HTTP\/1\.1 200 [\s\S]*"nonce"[\s\S]*HTTP\/1\.1 403 [\s\S]*"badProof"/);
  assert.equal(tokenApi.requests.length, 0);
});

test('a device that is gone before its answer leaves a token that the same key may use again', async (t) => {
  const { dial, token, tokenApi, port, counted } = await start(t);
  token({ id: 'single', isSingleUse: true });
  const key = deviceKey();
  const client = await dial();
  const nonce = await client.nonce();
  tokenApi.before = ({ method }) => {
    if (method === 'PATCH') client.close();
    return undefined;
  };
  const single = `single.${TOKEN.secret}`;
  await assert.rejects(client.post(ENROL_PATHS.join, encodeJoinRequest(joinRequest(key, nonce, single))));
  await counted('joined');
  assert.ok(tokenApi.annotations(tokenSecretName('single'))[ANNOTATIONS.usedBy] !== undefined);
  assert.equal((await joinOver({ port }, single, deviceKey(), { nodeName: 'b' })).reason, 'tokenUsed');
  assert.equal((await joinOver({ port }, single, key)).status, 200);
});

test('a fault of ours is a 503, an error in the log, and no end of anything', async (t) => {
  const { port, context, lines } = await start(t);
  const { issue } = context.issuer;
  Object.assign(context.issuer, { issue: () => Promise.reject(new Error('a fault')) });
  const { status, reason, headers } = await joinOver({ port }, TOKEN_TEXT, deviceKey());
  assert.deepEqual([status, reason, headers['retry-after']], [503, 'notNow', '10']);
  assert.deepEqual([lines[0]?.level, lines[0]?.msg], [50, 'enrolment failed']);
  Object.assign(context.issuer, { issue });
  assert.equal((await joinOver({ port }, TOKEN_TEXT, deviceKey())).status, 200);
});

test('an answer is one that a nonce decoder and a refusal decoder agree on', async (t) => {
  const { dial } = await start(t);
  const client = await dial();
  const { text } = await client.post(ENROL_PATHS.nonce);
  assert.equal(decodeRefusal(text), undefined);
  assert.equal(decodeNonce(text).nonce.length, 43);
});
