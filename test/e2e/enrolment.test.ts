import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import {
  checkChain,
  decodeEnrolled,
  ENROL_PATHS,
  encodeJoinRequest,
  keyHash,
  MAX_ENROL_BODY_BYTES,
  readCertificate,
} from '@hawser/protocol';
import { startEmbeddedApiServer } from '../apiserver/server.ts';
import { ScriptedAgent } from '../relay/scripted-agent.ts';
import {
  type DeviceKey,
  deviceKey,
  EnrolClient,
  joinOver,
  joinRequest,
  renewOver,
  tokenSecret,
} from '../support/enrol-client.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { type CertificateAuthority, createAuthority, writePem } from '../support/pki.ts';
import { runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

/** A device joins, and comes back after its end, at a real relay over real TLS; the device's side is played request by request. */

const DAY_SECONDS = 86_400;
const TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };
const TOKEN_TEXT = `${TOKEN.id}.${TOKEN.secret}`;

async function start(t: TestContext, flags: readonly string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-enrolment-'));
  t.after(() => rm(folder, { recursive: true }));
  const api = await startEmbeddedApiServer();
  t.after(() => api.close());
  const admin = await writePem(folder, 'admin.kubeconfig', api.kubeconfig('admin'));
  const kube = await kubeClient(admin);
  t.after(() => kube.close());
  const kubeconfig = await writePem(folder, 'relay.kubeconfig', api.kubeconfig('relay'));
  const relay = startProcess({
    name: 'relay',
    args: [
      ...['cloud/src/main.ts', 'run', '--kubeconfig', kubeconfig, '--enroll-relays', 'wss://127.0.0.1:8443'],
      ...['--link-address', '127.0.0.1', '--link-port', '0', '--ops-address', '127.0.0.1', '--ops-port', '0'],
      ...['--admin-address', '127.0.0.1', '--admin-port', '0', ...flags],
    ],
  });
  t.after(() => relay.stop());
  const { linkPort, opsPort } = await relay.line('its ports', ({ msg }) => msg === 'relay listening');
  assert.ok(typeof linkPort === 'number' && typeof opsPort === 'number');
  const ops = (path: string) => fetch(`http://127.0.0.1:${opsPort}${path}`);
  await until('the relay to be ready', 60_000, undefined, async () => (await ops('/readyz')).ok);
  return {
    kube,
    relay,
    port: linkPort,
    metrics: async () => (await ops('/metrics')).text(),
    command: (...args: string[]) =>
      runCommand({ name: 'hawser-relay', args: ['cloud/src/main.ts', ...args, '--kubeconfig', admin] }),
    /** Opens a link with a joined device's certificate and key. */
    async link(chain: readonly Uint8Array[], key: DeviceKey, authorities: readonly Uint8Array[]) {
      const pem = (certificates: readonly Uint8Array[]) => certificates.map((der) => readCertificate(der).toString()).join('');
      const keyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      return ScriptedAgent.dial(linkPort, { certificatePem: pem(chain), keyPem }, pem(authorities));
    },
  };
}

/** The relay's own authority, for certificates that a test wants to have ended. */
async function authorityOf(kube: KubeClient): Promise<CertificateAuthority> {
  const secret = await kube.get('secrets', 'hawser-system', 'hawser-ca');
  const data = (secret?.data ?? {}) as Record<string, string>;
  const [certificatePem = '', keyPem = ''] = ['ca.crt', 'ca.key'].map((name) =>
    Buffer.from(data[name] ?? '', 'base64').toString(),
  );
  return createAuthority(new X509Certificate(certificatePem).subject.replace('CN=', ''), { certificatePem, keyPem });
}

/** The device's certificate as it would be if it had ended so long ago. */
async function endedSince(days: number, by: CertificateAuthority, name: string, key: DeviceKey) {
  const pem = await by.certifyNode(name, key.spki, -days * DAY_SECONDS);
  return { certificate: new X509Certificate(pem), key: key.privateKey };
}

test('a device joins by the line that a command prints, links with what it gets, and may repeat it', async (t) => {
  const { command, port, link, relay, metrics, kube } = await start(t);
  const made = await command('token', 'create', '--node-name', 'truck-1', '--single-use');
  assert.equal(made.code, 0, made.stderr);
  const [, token, hash] =
    /^hawser-agent join wss:\/\/127\.0\.0\.1:8443 --token (\S+) --ca-hash (\S+) --node-name truck-1\n$/.exec(made.stdout) ?? [];
  assert.ok(token !== undefined, made.stdout);

  const client = await EnrolClient.dial({ port });
  t.after(() => client.close());
  const shown = client.socket.getPeerX509Certificate();
  const root = shown?.issuerCertificate;
  assert.ok(shown !== undefined && root !== undefined);
  assert.equal(keyHash(root.publicKey), hash, 'the authority is shown, and is the one of the line');
  const relayIs = { leaf: shown, intermediates: [], roots: [root], usage: 'server' as const, at: new Date(), host: '127.0.0.1' };
  assert.equal(checkChain(relayIs).type, 'trusted');

  const key = deviceKey();
  const joined = await joinOver({ port }, token, key);
  assert.equal(joined.status, 200, joined.text);
  const { certificates, authorities } = decodeEnrolled(joined.text);
  const { welcome } = await link(certificates, key, authorities);
  assert.equal(welcome.nodeName, 'truck-1');
  const again = await joinOver({ port }, token, key);
  assert.equal(again.status, 200, 'the same key may repeat');

  assert.equal((await joinOver({ port }, token, deviceKey())).reason, 'tokenUsed');
  assert.equal((await joinOver({ port }, token, key, { nodeName: 'truck-2' })).reason, 'otherNode');
  const line = await relay.line('the join', ({ msg }) => msg === 'device joined');
  assert.deepEqual([line.node, line.tokenId], ['truck-1', token.split('.')[0]]);
  await relay.line('the refusal', ({ msg, reason }) => msg === 'enrolment refused' && reason === 'tokenUsed');
  assert.doesNotMatch(JSON.stringify(relay.lines) + relay.tail(), new RegExp(token.split('.')[1] ?? ''));
  const page = await metrics();
  assert.match(page, /^hawser_relay_enrolments_total\{outcome="joined"\} 2$/m);
  assert.match(page, /^hawser_relay_enrolments_total\{outcome="tokenUsed"\} 1$/m);
  assert.equal((await kube.get('configmaps', 'hawser-system', 'device-truck-1'))?.kind, 'ConfigMap');
});

test('a token that is wrong, ended, or for something else is refused in one and the same words', async (t) => {
  const { kube, port } = await start(t);
  const ended = tokenSecret({ id: 'ended0', secret: TOKEN.secret, expiration: new Date(Date.now() - 1_000) });
  const signing = tokenSecret({ id: 'sign00', secret: TOKEN.secret });
  const stringData = signing.stringData as Record<string, string>;
  await kube.create(tokenSecret(TOKEN));
  await kube.create(ended);
  await kube.create({ ...signing, stringData: { ...stringData, 'usage-bootstrap-authentication': 'false' } });
  const texts = new Set<string>();
  for (const token of [
    `${TOKEN.id}.ffffffffffffffff`,
    `zzzzzz.${TOKEN.secret}`,
    `ended0.${TOKEN.secret}`,
    `sign00.${TOKEN.secret}`,
  ]) {
    const { status, text } = await joinOver({ port }, token, deviceKey());
    assert.equal(status, 403);
    texts.add(text);
  }
  assert.equal(texts.size, 1);
  assert.equal((await joinOver({ port }, TOKEN_TEXT, deviceKey(), { replace: true })).reason, 'mayNotReplace');
  assert.equal((await joinOver({ port }, TOKEN_TEXT, deviceKey())).status, 200);
  assert.equal((await joinOver({ port }, TOKEN_TEXT, deviceKey())).reason, 'nameHeld');
});

test('of several that use a token for one device at once, one gets a certificate', async (t) => {
  const { kube, port, metrics } = await start(t);
  await kube.create(tokenSecret({ ...TOKEN, isSingleUse: true }));
  const answers = await Promise.all(
    ['a', 'b', 'c', 'd'].map((nodeName) => joinOver({ port }, TOKEN_TEXT, deviceKey(), { nodeName })),
  );
  assert.deepEqual(answers.map(({ status, reason }) => reason ?? status).toSorted(), [
    200,
    'tokenUsed',
    'tokenUsed',
    'tokenUsed',
  ]);
  assert.match(await metrics(), /^hawser_relay_enrolments_total\{outcome="joined"\} 1$/m);
});

test('who tries too often, or holds too many connections, is stopped, and another address joins meanwhile', async (t) => {
  const { kube, port, metrics } = await start(t, [
    ...['--limits-enrol-attempts', '5', '--limits-enrol-wrong-secrets', '3', '--limits-enrol-connections-per-address', '4'],
  ]);
  await kube.create(tokenSecret(TOKEN));
  await kube.create(tokenSecret({ ...TOKEN, id: 'other1' }));
  const stranger = { port, from: '127.0.0.9' };
  const reasons = [];
  for (let times = 0; times < 6; times += 1) {
    const { reason, status, headers } = await joinOver(stranger, `${TOKEN.id}.ffffffffffffffff`, deviceKey());
    reasons.push(reason);
    if (status === 429) assert.ok(Number(headers['retry-after']) > 0);
  }
  // Three wrong secrets close the token; five attempts close the address.
  assert.deepEqual(reasons, ['badToken', 'badToken', 'badToken', 'tooMany', 'tooMany', 'tooMany']);
  assert.equal((await joinOver({ port }, TOKEN_TEXT, deviceKey())).reason, 'tooMany', 'the token is closed to all');
  const held = await Promise.all([1, 2, 3, 4].map(() => EnrolClient.dial(stranger)));
  await assert.rejects(EnrolClient.dial(stranger));
  assert.equal((await joinOver({ port }, `other1.${TOKEN.secret}`, deviceKey())).status, 200);
  for (const client of held) client.close();
  const page = await metrics();
  assert.match(page, /^hawser_relay_enrolments_total\{outcome="tooMany"\} 4$/m);
  assert.match(page, /^hawser_relay_bounds_reached_total\{bound="limits.enrolConnectionsPerAddress"\} 1$/m);
});

test('slow, oversized and pipelined requests end their own connection, and nobody else’s', async (t) => {
  const { kube, port, metrics } = await start(t, ['--limits-enrol-seconds', '5']);
  await kube.create(tokenSecret(TOKEN));
  const [slow, large, pipelined] = await Promise.all([1, 2, 3].map(() => EnrolClient.dial({ port })));
  assert.ok(slow !== undefined && large !== undefined && pipelined !== undefined);
  const ends = [slow, pipelined].map(({ socket }) => once(socket.resume(), 'close', { signal: AbortSignal.timeout(60_000) }));
  const head = (path: string, more: string) => `POST ${path} HTTP/1.1\r\nhost: relay\r\n${more}\r\n\r\n`;

  await slow.nonce();
  slow.socket.write(head(ENROL_PATHS.join, 'content-length: 100'));
  const body = encodeJoinRequest(joinRequest(deviceKey(), await pipelined.nonce(), TOKEN_TEXT));
  const request = head(ENROL_PATHS.join, `content-length: ${Buffer.byteLength(body)}`) + body;
  pipelined.socket.write(request + request);
  large.socket.write(head(ENROL_PATHS.nonce, `content-length: ${MAX_ENROL_BODY_BYTES + 1}`));
  assert.match(await textOf(large.socket), /^HTTP\/1\.1 413 /);

  assert.equal((await joinOver({ port }, TOKEN_TEXT, deviceKey(), { nodeName: 'meanwhile' })).status, 200);
  await Promise.all(ends);
  const page = await metrics();
  assert.match(page, /^hawser_relay_bounds_reached_total\{bound="limits.enrolSeconds"\} 1$/m);
  assert.match(page, /^hawser_relay_enrolment_misuses_total\{of="pipelined"\} 1$/m);
});

test('a device whose certificate has ended comes back with its key; strangers, late ones and revoked ones do not', async (t) => {
  const { kube, port, link, command, relay } = await start(t, ['--enroll-grace-days', '30']);
  await kube.create(tokenSecret(TOKEN));
  const key = deviceKey();
  assert.equal((await joinOver({ port }, TOKEN_TEXT, key)).status, 200);
  const ours = await authorityOf(kube);
  const stranger = await createAuthority(ours.commonName);
  const keyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const itself = await createAuthority(ours.commonName, { certificatePem: ours.certificatePem, keyPem });

  for (const by of [stranger, itself]) {
    assert.equal((await renewOver({ port }, await endedSince(10, by, 'truck-1', key), deviceKey())).reason, 'notOurs');
  }
  assert.equal((await renewOver({ port }, await endedSince(31, ours, 'truck-1', key), deviceKey())).reason, 'beyondGrace');
  const ended = await endedSince(29, ours, 'truck-1', key);
  const stolen = { ...ended, key: deviceKey().privateKey };
  assert.equal((await renewOver({ port }, stolen, deviceKey())).reason, 'badProof');
  assert.equal((await renewOver({ port }, await endedSince(10, ours, 'truck-1', deviceKey()), deviceKey())).reason, 'otherKey');

  const next = deviceKey();
  const renewed = await renewOver({ port }, ended, next);
  assert.equal(renewed.status, 200, renewed.text);
  const { certificates, authorities, nodeName } = decodeEnrolled(renewed.text);
  assert.equal(nodeName, 'truck-1');
  const { welcome, agent } = await link(certificates, next, authorities);
  assert.equal(welcome.nodeName, 'truck-1');
  await relay.line('the renewal', ({ msg, node }) => msg === 'device renewed after its end' && node === 'truck-1');

  assert.equal((await command('revoke', 'truck-1')).code, 0);
  await agent.closed;
  const again = await endedSince(1, ours, 'truck-1', next);
  assert.equal((await renewOver({ port }, again, deviceKey())).reason, 'revoked');
  assert.equal((await joinOver({ port }, TOKEN_TEXT, next)).reason, 'revoked');
});

test('a relay that is not to enrol says so in TLS, and one that stops waits for nobody who is joining', async (t) => {
  const closed = await start(t, ['--enroll-enabled', 'false']);
  await assert.rejects(EnrolClient.dial({ port: closed.port }), /no application protocol/);
  const { relay, port } = await start(t);
  const client = await EnrolClient.dial({ port });
  await client.nonce();
  process.kill(relay.pid, 'SIGTERM');
  await once(client.socket.resume(), 'close', { signal: AbortSignal.timeout(60_000) });
  assert.deepEqual(await relay.exited, { code: 0, signal: null });
});
