import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { before, type TestContext, test } from 'node:test';
import { ENROL_PATHS, encodeEnrolled, keyHash, MAX_ENROL_BODY_BYTES } from '@hawser/protocol';
import { type EnrolmentEndpointOptions, startEnrolmentEndpoint } from '../../../test/support/enrolment-endpoint.ts';
import { type CertificateAuthority, createAuthority, issueNodeCertificate } from '../../../test/support/pki.ts';
import { type Clock, systemClock } from '../api/clock.ts';
import { createEnrolClient, type EnrolClientOptions, type EnrolOutcome } from './enrol-client.ts';

let ours: CertificateAuthority;
let stranger: CertificateAuthority;
const token = { id: 'abcdef', secret: '0123456789abcdef' };

before(async () => {
  ours = await createAuthority('hawser');
  stranger = await createAuthority('hawser');
});

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rootOf = ({ certificatePem }: CertificateAuthority) => new X509Certificate(certificatePem);
const hashOf = (authority: CertificateAuthority) => keyHash(rootOf(authority).publicKey);

async function endpointFor(t: TestContext, options: Partial<EnrolmentEndpointOptions> = {}) {
  const endpoint = await startEnrolmentEndpoint({ authority: ours, ...options });
  t.after(endpoint.close);
  return endpoint;
}

function clientOf(options: Partial<EnrolClientOptions> = {}) {
  return createEnrolClient({
    trust: { type: 'keyHashes', hashes: [hashOf(ours)] },
    at: new Date(),
    clock: systemClock,
    ...options,
  });
}

function join(url: string, options: Partial<EnrolClientOptions> = {}, key: KeyObject = newKey()): Promise<EnrolOutcome> {
  return clientOf(options).join(url, { token, nodeName: 'truck-1', key, replace: false });
}

async function failureOf(outcome: Promise<EnrolOutcome>) {
  const result = await outcome;
  return result.type === 'failed' ? result.failure : assert.fail(`it was ${result.type}`);
}

test('a device that knows the hash of the authority’s key gets a certificate for its key and name', async (t) => {
  const endpoint = await endpointFor(t);
  const key = newKey();
  const outcome = await join(endpoint.url, { ecdhCurve: 'X25519' }, key);
  assert.ok(outcome.type === 'enrolled', JSON.stringify(outcome));
  const { nodeName, certificates, authorities } = outcome.device;
  assert.equal(nodeName, 'truck-1');
  assert.equal(certificates[0]?.checkPrivateKey(key), true);
  assert.deepEqual(authorities.map(keyHashOf), [endpoint.caHash]);
  assert.deepEqual([endpoint.joins[0]?.token, endpoint.joins[0]?.replace], [token, false]);
  assert.equal(endpoint.handshakes, 1);
});

test('any of several hashes, and any authority in the presented chain, will do', async (t) => {
  const endpoint = await endpointFor(t, { chain: [stranger.certificatePem, ours.certificatePem] });
  const hashes = [hashOf(await createAuthority('third')), hashOf(ours)];
  assert.equal((await join(endpoint.url, { trust: { type: 'keyHashes', hashes } })).type, 'enrolled');
});

test('a device whose certificate has ended gets one for its new key', async (t) => {
  const endpoint = await endpointFor(t);
  const oldKey = newKey();
  const spki = createPublicKey(oldKey).export({ type: 'spki', format: 'der' });
  const ended = new X509Certificate(await ours.certifyNode('truck-1', spki, -60));
  const key = newKey();
  const client = clientOf({ trust: { type: 'authorities', authorities: [rootOf(ours)] }, at: 'anyTime' });
  const outcome = await client.renew(endpoint.url, { credential: { key: oldKey, certificates: [ended] }, key });
  assert.ok(outcome.type === 'enrolled', JSON.stringify(outcome));
  assert.equal(outcome.device.certificates[0]?.checkPrivateKey(key), true);
  assert.equal(endpoint.renewals.length, 1);
});

test('nothing is sent to who is not trusted, and the failure says why', async (t) => {
  const elsewhere = await ours.issueServer({ commonName: 'relay', hosts: ['relay.example'] });
  const ended = await ours.issueServer({ commonName: 'relay', lifetimeSeconds: -60 });
  const strangers = await stranger.issueServer({ commonName: 'relay' });
  const device = await issueNodeCertificate(ours, 'truck-2');
  const cases: readonly (readonly [what: string, Partial<EnrolmentEndpointOptions>, Partial<EnrolClientOptions>, RegExp])[] = [
    ['another hash', {}, { trust: { type: 'keyHashes', hashes: [hashOf(stranger)] } }, /has the key with the given hash/],
    ['another authority of the same name', { authority: stranger }, {}, /has the key with the given hash/],
    ['our root behind a stranger’s certificate', { pair: strangers }, {}, /not signed by a trusted authority/],
    ['the root is not presented', { chain: [] }, {}, /has the key with the given hash/],
    [
      'another authority than the known ones',
      { authority: stranger },
      { trust: { type: 'authorities', authorities: [rootOf(ours)] } },
      /not signed/,
    ],
    ['another host', { pair: elsewhere }, {}, /not for 127\.0\.0\.1: dial the relay by a name of its setting link\.names/],
    ['an ended certificate', { pair: ended }, {}, /not valid at this device's time, 2\d+-.*: is the clock right/],
    ['a device in place of the relay', { pair: device }, {}, /not one of a server/],
  ];
  for (const [what, options, client, why] of cases) {
    const endpoint = await endpointFor(t, options);
    const { kind, detail } = await failureOf(join(endpoint.url, client));
    assert.deepEqual([kind, endpoint.bytesReceived], ['relayCertificate', 0], what);
    assert.match(detail, why, what);
  }
});

test('an ended certificate of the relay is taken where time is left out', async (t) => {
  const endpoint = await endpointFor(t, { pair: await ours.issueServer({ commonName: 'relay', lifetimeSeconds: -60 }) });
  assert.equal((await join(endpoint.url, { at: 'anyTime' })).type, 'enrolled');
});

test('a server that knows nothing of enrolment gets no request', async (t) => {
  for (const alpn of [['http/1.1'], []]) {
    const endpoint = await endpointFor(t, { alpn });
    const { kind, detail } = await failureOf(join(endpoint.url));
    assert.equal(kind, 'notFound');
    assert.match(detail, /lets no devices join: is it the address of a relay/);
    assert.equal(endpoint.bytesReceived, 0);
  }
});

test('a refusal is a value with reason, message and the wait that the relay wishes', async (t) => {
  const refusal = { reason: 'tooMany', message: 'Wait\nuntil\u001b[31m then' };
  const endpoint = await endpointFor(t, {
    answer: (path) =>
      path === ENROL_PATHS.join ? { status: 429, body: JSON.stringify(refusal), headers: { 'retry-after': '7' } } : undefined,
  });
  assert.deepEqual(await join(endpoint.url), {
    type: 'refused',
    reason: 'tooMany',
    message: 'Wait until [31m then',
    retryAfterMs: 7000,
  });
});

test('what no relay answers is told as such', async (t) => {
  const foreign = async (nodeName: string, key: KeyObject) => {
    const leaf = new X509Certificate(
      await ours.certifyNode(nodeName, createPublicKey(key).export({ type: 'spki', format: 'der' })),
    );
    return encodeEnrolled({ nodeName: 'truck-1', certificates: [leaf.raw], authorities: [rootOf(ours).raw] });
  };
  const mine = newKey();
  const cases: readonly (readonly [path: string, status: number, body: string, kind: string, detail: RegExp])[] = [
    [ENROL_PATHS.nonce, 200, '{}', 'unexpected', /answered what no relay answers: nonce must be text/],
    [ENROL_PATHS.nonce, 404, 'no such page', 'notFound', /HTTP 404/],
    [ENROL_PATHS.nonce, 503, '', 'busy', /HTTP 503/],
    [ENROL_PATHS.join, 200, 'x'.repeat(MAX_ENROL_BODY_BYTES + 1), 'unexpected', /more than 65536 bytes/],
    [ENROL_PATHS.join, 200, await foreign('truck-1', newKey()), 'unexpected', /a certificate for another key/],
    [ENROL_PATHS.join, 200, await foreign('truck-2', mine), 'unexpected', /for another Node than truck-1/],
  ];
  for (const [path, status, body, kind, detail] of cases) {
    const endpoint = await endpointFor(t, { answer: (asked) => (asked === path ? { status, body } : undefined) });
    const found = await failureOf(join(endpoint.url, {}, mine));
    assert.equal(found.kind, kind, body.slice(0, 80));
    assert.match(found.detail, detail);
  }
});

test('a head without end is cut off', async (t) => {
  const endpoint = await endpointFor(t, {
    answer: () => ({ status: 200, body: '{}', headers: { 'x-long': 'x'.repeat(16 * 1024) } }),
  });
  const { kind, detail } = await failureOf(join(endpoint.url));
  assert.equal(kind, 'unexpected', detail);
});

test('a relay that accepts and says no more is given up after a minute, whatever it had said before', async (t) => {
  const silent = createServer((socket: Socket) => void sockets.push(socket));
  const sockets: Socket[] = [];
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const withoutEnd = await endpointFor(t, { answer: () => new Promise(() => {}) });
  for (const url of [`wss://127.0.0.1:${(silent.address() as AddressInfo).port}`, withoutEnd.url]) {
    let expire = () => {};
    const clock: Clock = {
      now: () => new Date(),
      after: (milliseconds, callback) => {
        assert.equal(milliseconds, 60_000);
        expire = callback;
        return () => {};
      },
    };
    const outcome = failureOf(join(url, { clock }));
    expire();
    assert.deepEqual(await outcome, {
      kind: 'timeout',
      detail: `${new URL(url).host} did not answer within 60 s`,
      retryAfterMs: 0,
    });
  }
});

test('a connection that breaks between nonce and request is told, and no second one is made', async (t) => {
  const endpoint = await endpointFor(t, {
    answer: (path) =>
      path === ENROL_PATHS.nonce
        ? { status: 200, body: JSON.stringify({ nonce: 'A'.repeat(43) }), headers: { connection: 'close' } }
        : undefined,
  });
  const { kind, detail } = await failureOf(join(endpoint.url));
  assert.equal(kind, 'unreachable');
  assert.match(detail, /broke the connection off before it had answered/);
  assert.equal(endpoint.handshakes, 1);
});

test('nobody there, and a name that does not resolve, are told as for a link', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  assert.equal((await failureOf(join(`wss://127.0.0.1:${port}`))).kind, 'refused');
  assert.equal((await failureOf(join('wss://no-such-relay.invalid:8443'))).kind, 'dns');
});

test('who interrupts it gets the reason', async (t) => {
  const interrupting = new AbortController();
  const endpoint = await endpointFor(t, {
    answer: () => {
      interrupting.abort(new Error('interrupted'));
      return new Promise(() => {});
    },
  });
  await assert.rejects(join(endpoint.url, { signal: interrupting.signal }), /interrupted/);
  await assert.rejects(join(endpoint.url, { signal: interrupting.signal }), /interrupted/);
  assert.equal(endpoint.handshakes, 1);
});

function keyHashOf({ publicKey }: X509Certificate) {
  return keyHash(publicKey);
}
