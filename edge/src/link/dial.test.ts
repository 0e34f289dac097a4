import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, type TestContext, test } from 'node:test';
import { keyHash } from '@hawser/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { type HttpProxyOptions, startHttpProxy } from '../../../test/net/http-proxy.ts';
import { startEnrolmentEndpoint } from '../../../test/support/enrolment-endpoint.ts';
import { freePort } from '../../../test/support/free-port.ts';
import {
  type CertificateAuthority,
  type CertificatePair,
  createAuthority,
  issueNodeCertificate,
  writePem,
} from '../../../test/support/pki.ts';
import { runCommand } from '../../../test/support/processes.ts';
import { systemClock } from '../api/clock.ts';
import { createEnrolClient } from '../enroll/index.ts';
import { dialRelay } from './dial.ts';
import type { LinkFailure } from './failure.ts';
import { PROXY_TIMEOUT_MS, proxyFor } from './proxy.ts';
import { type LinkSocket, type LinkTls, openSocket } from './socket.ts';

const RELAY = 'relay.example:8443';
const URL_OF_RELAY = `wss://${RELAY}`;
const PASSWORD = 'p%ss:wörd@';
const VARIABLES = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy', 'NO_PROXY', 'no_proxy'];

let authority: CertificateAuthority;
let pair: CertificatePair;
let tls: LinkTls;

before(async () => {
  authority = await createAuthority('relays');
  pair = await authority.issueServer({ commonName: 'relay', hosts: ['relay.example'] });
  const device = await issueNodeCertificate(authority, 'edge-1');
  tls = { cert: device.certificatePem, key: device.keyPem, ca: authority.certificatePem };
  for (const name of VARIABLES) delete process.env[name];
});
afterEach(() => {
  for (const name of VARIABLES) delete process.env[name];
});

async function proxyOf(t: TestContext, options: HttpProxyOptions) {
  const proxy = await startHttpProxy(options);
  t.after(proxy.close);
  return proxy;
}

/** A relay under a name that no resolver knows: it is reached through a proxy or not at all. */
async function relayFor(t: TestContext) {
  const server = createServer({ cert: pair.certificatePem, key: pair.keyPem, ca: authority.certificatePem, requestCert: true });
  const links: WebSocket[] = [];
  new WebSocketServer({ server }).on('connection', (link) => links.push(link));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const link of links) link.terminate();
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, links };
}

function dialled(url = URL_OF_RELAY): Promise<LinkFailure | LinkSocket> {
  return new Promise((resolve) => {
    const socket: LinkSocket = openSocket(url, tls, {
      connected: () => resolve(socket),
      frame: () => {},
      failed: resolve,
    });
  });
}

async function failureOf(url?: string): Promise<LinkFailure> {
  const result = await dialled(url);
  return 'kind' in result ? result : assert.fail('it connected');
}

function enrolled(url = URL_OF_RELAY) {
  const hashes = [keyHash(new X509Certificate(authority.certificatePem).publicKey)];
  const client = createEnrolClient({ trust: { type: 'keyHashes', hashes }, at: new Date(), clock: systemClock });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return client.join(url, {
    token: { id: 'abcdef', secret: '0123456789abcdef' },
    nodeName: 'edge-1',
    key: privateKey,
    replace: false,
  });
}

test('a link goes through the proxy that HTTPS_PROXY names, which resolves the name, and its bytes are counted below TLS', {
  timeout: 30_000,
}, async (t) => {
  const relay = await relayFor(t);
  const proxy = await proxyOf(t, { names: { [RELAY]: relay.port } });
  process.env.HTTPS_PROXY = proxy.url;
  const link = await dialled();
  assert.ok(!('kind' in link), JSON.stringify(link));
  assert.deepEqual(proxy.tunnels, [RELAY]);
  const before = link.bytesRead();
  assert.ok(before > 1000, `${before}`);
  relay.links[0]?.send(new Uint8Array(5000));
  while (link.bytesRead() < before + 5000) await new Promise((resolve) => setImmediate(resolve));
  link.destroy();
  while (proxy.open() > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('so does enrolment', async (t) => {
  const endpoint = await startEnrolmentEndpoint({ authority, pair });
  t.after(endpoint.close);
  const proxy = await proxyOf(t, { names: { [RELAY]: endpoint.port }, credentials: `me:${PASSWORD}` });
  process.env.https_proxy = proxy.url.replace('//', `//me:${encodeURIComponent(PASSWORD)}@`);
  assert.equal((await enrolled()).type, 'enrolled');
  assert.deepEqual(proxy.tunnels, [RELAY]);
  assert.ok(!proxy.heads.some((head) => head.includes('abcdef')));
  process.env.https_proxy = proxy.url;
  const outcome = await enrolled();
  assert.ok(outcome.type === 'failed' && outcome.failure.kind === 'proxy', JSON.stringify(outcome));
  process.env.https_proxy = 'ftp://proxy';
  const wrong = await enrolled();
  assert.match(wrong.type === 'failed' ? wrong.failure.detail : '', /is not the address of an HTTP proxy/);
});

test('a proxy that wants to know who asks is told, and what it says without is told on', async (t) => {
  const relay = await relayFor(t);
  const proxy = await proxyOf(t, { names: { [RELAY]: relay.port }, credentials: `me:${PASSWORD}` });
  const withUser = (password: string) => proxy.url.replace('//', `//me:${encodeURIComponent(password)}@`);
  process.env.HTTPS_PROXY = withUser(PASSWORD);
  const link = await dialled();
  assert.ok(!('kind' in link), JSON.stringify(link));
  link.destroy();
  process.env.HTTPS_PROXY = proxy.url;
  const unasked = await failureOf();
  assert.equal(unasked.kind, 'proxy');
  assert.match(unasked.detail, /wants to know who we are \(HTTP 407\): put user and password into HTTPS_PROXY/);
  process.env.HTTPS_PROXY = withUser('planted-password');
  const wrong = await failureOf();
  assert.match(wrong.detail, /does not take user and password of HTTPS_PROXY \(HTTP 407\)/);
  assert.ok(!wrong.detail.includes('planted'));
});

test('what a proxy does in place of a tunnel is told as the proxy’s doing', async (t) => {
  const relay = await relayFor(t);
  const nobody = await freePort();
  const names = { [RELAY]: relay.port };
  const cases: readonly (readonly [options: HttpProxyOptions, detail: RegExp])[] = [
    [{ conduct: 'refuses' }, /lets nobody connect to relay\.example:8443 \(HTTP 403\): its operator must allow CONNECT/],
    [{ names: { [RELAY]: nobody } }, /cannot reach relay\.example:8443 \(HTTP 502\): is the address of the relay right/],
    [{ conduct: 'dies' }, /broke the connection off/],
    [{ conduct: 'babbles' }, /is no HTTP proxy: it does not answer in HTTP \(HPE_HEADER_OVERFLOW\)/],
    [{ conduct: 'stranger' }, /is no HTTP proxy: it does not answer in HTTP \(HPE_\w+\); HTTPS_PROXY/],
  ];
  for (const [options, words] of cases) {
    const proxy = await proxyOf(t, { names, ...options });
    process.env.HTTPS_PROXY = proxy.url.replace('//', '//me:planted-password@');
    const { kind, detail } = await failureOf();
    assert.equal(kind, 'proxy', detail);
    assert.match(detail, words);
    assert.ok(!detail.includes('planted'));
  }
  process.env.HTTPS_PROXY = `http://me:planted-password@127.0.0.1:${nobody}`;
  assert.match((await failureOf()).detail, /^the proxy 127\.0\.0\.1:\d+ refuses connections; HTTPS_PROXY/);
  process.env.HTTPS_PROXY = 'http://me:planted-password@no-such-proxy.invalid:3128';
  assert.match((await failureOf()).detail, /^the proxy no-such-proxy\.invalid:3128 does not resolve/);
});

test('a proxy that says nothing is given up before the relay would be', { timeout: 30_000 }, async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sockets: Socket[] = [];
  const silent = createTcpServer((socket) => void sockets.push(socket));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  assert.ok(PROXY_TIMEOUT_MS < 60_000);
  const { detail } = await new Promise<LinkFailure>((resolve) => {
    process.env.HTTPS_PROXY = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    openSocket(URL_OF_RELAY, tls, { connected: () => {}, frame: () => {}, failed: resolve });
    silent.once('connection', () => t.mock.timers.tick(PROXY_TIMEOUT_MS));
  });
  assert.match(detail, /did not answer within 30 s: is it the right one/);
});

test('who gives a dial up ends it at the proxy too', { timeout: 30_000 }, async (t) => {
  const proxy = await proxyOf(t, { conduct: 'silent' });
  process.env.HTTPS_PROXY = proxy.url;
  let isCalled = false;
  const socket = openSocket(URL_OF_RELAY, tls, {
    connected: () => {},
    frame: () => {},
    failed: () => {
      isCalled = true;
    },
  });
  while (proxy.heads.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(proxy.open(), 1);
  socket.destroy();
  while (proxy.open() > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isCalled, false);
});

test('a key that is none is told also behind a proxy', async (t) => {
  const proxy = await proxyOf(t, { names: { [RELAY]: (await relayFor(t)).port } });
  process.env.HTTPS_PROXY = proxy.url;
  const { kind, detail } = await new Promise<LinkFailure>((resolve) => {
    openSocket(URL_OF_RELAY, { ...tls, key: 'none' }, { connected: () => {}, frame: () => {}, failed: resolve });
  });
  assert.equal(kind, 'unreachable', detail);
});

test('what says which relays are dialled how: variables in both cases, exceptions, and never this device', () => {
  const at = (env: Record<string, string>, url = URL_OF_RELAY) => {
    for (const name of VARIABLES) delete process.env[name];
    Object.assign(process.env, env);
    const proxy = proxyFor(new URL(url));
    return proxy === undefined ? undefined : `${proxy.isTls ? 'https' : 'http'}://${proxy.host}:${proxy.port}`;
  };
  assert.equal(at({}), undefined);
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy']) {
    assert.equal(at({ [name]: 'http://proxy:3128' }), 'http://proxy:3128');
    assert.equal(at({ [name]: 'proxy:3128' }), 'http://proxy:3128', 'without a scheme it is an HTTP proxy');
    assert.equal(at({ [name]: 'proxy' }), 'http://proxy:80');
    assert.equal(at({ [name]: 'https://[::1]' }), 'https://::1:443');
  }
  assert.equal(at({ HTTP_PROXY: 'http://proxy:3128' }), undefined);
  const HTTPS_PROXY = 'http://proxy:3128';
  for (const exception of ['*', 'relay.example', '.example', '*.example', 'other,relay.example:8443']) {
    assert.equal(at({ HTTPS_PROXY, NO_PROXY: exception }), undefined, exception);
  }
  for (const exception of ['example', 'relay.example:443', 'lay.example']) {
    assert.equal(at({ HTTPS_PROXY, no_proxy: exception }), HTTPS_PROXY, exception);
  }
  for (const own of ['wss://localhost:1', 'wss://127.0.0.1:8443', 'wss://[::1]:8443'])
    assert.equal(at({ HTTPS_PROXY }, own), undefined);
  for (const wrong of ['socks5://me:planted-password@proxy:1080', 'http://me:planted-password@:99999', '::planted-password']) {
    assert.throws(
      () => at({ HTTPS_PROXY: wrong }),
      (error: Error) => /is not the address of an HTTP proxy/.test(error.message) && !error.message.includes('planted'),
      wrong,
    );
  }
});

test('a proxy may speak TLS itself, when the system trusts it', async (t) => {
  const relay = await relayFor(t);
  const ofProxy = await authority.issueServer({ commonName: 'proxy' });
  const proxy = await proxyOf(t, { names: { [RELAY]: relay.port }, pair: ofProxy });
  process.env.HTTPS_PROXY = proxy.url;
  const { kind, detail } = await failureOf();
  assert.equal(kind, 'proxy');
  assert.match(detail, /cannot be reached: .*certificate/);
  assert.equal(proxy.heads.length, 0);

  const endpoint = await startEnrolmentEndpoint({ authority, pair });
  t.after(endpoint.close);
  const second = await proxyOf(t, { names: { [RELAY]: endpoint.port }, pair: ofProxy });
  const dir = mkdtempSync(join(tmpdir(), 'hawser-proxy-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const { code, stderr } = await runCommand({
    name: 'hawser-agent join',
    args: [
      ...['edge/src/main.ts', 'join', URL_OF_RELAY, '--token', 'abcdef.0123456789abcdef', '--ca-hash', endpoint.caHash],
      ...['--node-name', 'edge-1', '--data-dir', join(dir, 'data')],
    ],
    env: { HTTPS_PROXY: second.url, NODE_EXTRA_CA_CERTS: await writePem(dir, 'ca.crt', authority.certificatePem) },
  });
  assert.equal(code, 0, stderr);
  assert.deepEqual(second.tunnels, [RELAY]);
});

test('a dial without a proxy hands out the connection at once', async (t) => {
  const relay = await relayFor(t);
  let carried: Socket | undefined;
  const tcp = dialRelay(new URL(`wss://127.0.0.1:${relay.port}`), {
    onCarrier: (carrier) => {
      carried = carrier;
    },
    onFailure: () => assert.fail('there is no proxy'),
  });
  assert.equal(carried, tcp);
  await once(tcp, 'connect');
  tcp.destroy();
});
