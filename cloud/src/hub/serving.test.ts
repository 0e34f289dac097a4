import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { type KeyHash, keyHash } from '@hawser/protocol';
import { pino } from 'pino';
import type { CertificatePair } from '../../../test/support/pki.ts';
import { until } from '../apiserver/testing/until.ts';
import { systemClock } from '../clock.ts';
import { type Authority, retired } from '../enroll/authority/authority.ts';
import { makeAuthority, makeKeyPair } from '../enroll/authority/certificates.ts';
import { createIssuer } from '../enroll/authority/issuer.ts';
import { pemOf, pemOfKey } from '../enroll/authority/pem.ts';
import { rotate, TestSource } from '../enroll/authority/testing.ts';
import { createIssuedServing } from '../enroll/serving/issued-serving.ts';
import { keepServing } from '../enroll/serving/keep-serving.ts';
import { Agent, report, start, tls } from './testing/harness.ts';

/** A hub that serves with what an authority of the test signs. */
async function scene(t: TestContext) {
  const source = new TestSource();
  const serving = createIssuedServing({ source, names: ['127.0.0.1'], clock: systemClock, logger: pino({ level: 'silent' }) });
  t.after(() => serving.stop());
  serving.start();
  const { hub, counted } = await start(t, { serving });
  const issuer = createIssuer({ source, clock: systemClock, lifetimeMs: 3600_000 });
  let issued = 0;
  serving.onChange(() => {
    issued += 1;
  });
  return {
    hub,
    serving,
    counted,
    async serve(authority: Authority) {
      const before = issued;
      source.set(authority);
      await until('the next serving certificate', () => issued > before);
    },
    async device(name: string): Promise<CertificatePair> {
      const { publicKey, privateKey } = await makeKeyPair();
      return { certificatePem: pemOf(await issuer.issue(name, publicKey)), keyPem: pemOfKey(privateKey) };
    },
    /** Greets as a device that trusts just these authorities. */
    async link(pair: CertificatePair, ...trusted: Authority[]): Promise<Agent> {
      const agent = await Agent.dial(hub.port, pair, pemOf(trusted.map(({ certificate }) => certificate)));
      assert.equal((await agent.greet()).type, 'welcome');
      return agent;
    },
  };
}

async function answers(agent: Agent, number: number): Promise<void> {
  agent.send(report(number));
  assert.equal((await agent.next()).type, 'reportAnswer');
}

const untrusted = { code: /UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED|UNABLE_TO_VERIFY/ };

test('before there is a certificate connections are closed and counted, and links are taken once there is one', async (t) => {
  const { hub, counted, serve, device, link } = await scene(t);
  const early = connectPlain(hub.port, '127.0.0.1');
  // The beginning of a ClientHello, so that the hub has something to decide on.
  early.write(Buffer.from('160301000401000000', 'hex'));
  await once(early.on('error', () => undefined).resume(), 'close');
  await counted('refused noCertificate');
  const authority = await makeAuthority(new Date());
  await serve(authority);
  await answers(await link(await device('edge-1'), authority), 1);
});

test('a link stays open over new certificates and new authorities, and a new connection meets the new ones', async (t) => {
  const { hub, serve, device, link } = await scene(t);
  const first = await makeAuthority(new Date());
  await serve(first);
  const pair = await device('edge-1');
  const agent = await link(pair, first);
  await answers(agent, 1);
  const served = async (trusted: Authority) => {
    const socket: TLSSocket = await tls(hub.port, pair, { ca: pemOf([trusted.certificate]) });
    const { issuer, serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return { issuer: `CN=${issuer.CN}`, serialNumber };
  };
  const before = await served(first);
  await serve(first);
  const renewed = await served(first);
  assert.equal(renewed.issuer, first.certificate.subject);
  assert.notEqual(renewed.serialNumber, before.serialNumber);
  await answers(agent, 2);
  const second = await rotate(first, new Date());
  await serve(second);
  assert.equal((await served(second)).issuer, second.certificate.subject);
  await answers(agent, 3);
  await serve(retired(second));
  await answers(agent, 4);
});

test('over two rotations a device that knows the oldest authority alone links with its old certificate, as one does that is new', async (t) => {
  const { serve, device, link } = await scene(t);
  const first = await makeAuthority(new Date());
  await serve(first);
  const old = await device('edge-1');
  const second = await rotate(first, new Date());
  await serve(second);
  const middle = await device('edge-2');
  const third = await rotate(second, new Date());
  await serve(third);
  const fresh = await device('edge-3');
  await answers(await link(old, first), 1);
  await answers(await link(middle, second), 1);
  await answers(await link(middle, second, first), 1);
  await answers(await link(fresh, third), 1);
  await answers(await link(fresh, third, second, first), 1);
});

test('what was retired is trusted by neither side: the device does not know the relay, the relay not the device', async (t) => {
  const { serve, device, link, counted } = await scene(t);
  const first = await makeAuthority(new Date());
  await serve(first);
  const old = await device('edge-1');
  const second = await rotate(first, new Date());
  await serve(retired(second));
  await assert.rejects(link(old, first), untrusted);
  // It knows the new authority, and has not been renewed.
  await assert.rejects(link(old, second));
  await counted('refused tls');
  await answers(await link(await device('edge-1'), second), 1);
});

test('a stranger with an authority of ours by name is trusted by nobody', async (t) => {
  const { serve, device, link } = await scene(t);
  const ours = await makeAuthority(new Date());
  await serve(ours);
  const pair = await device('edge-1');
  await assert.rejects(link(pair, await makeAuthority(new Date())), untrusted);
});

test('where a device joins, it is shown all authorities, so that it finds the one whose hash it was given, over rotations', async (t) => {
  const { serving, serve } = await scene(t);
  const first = await makeAuthority(new Date());
  await serve(first);
  const server = createServer({ minVersion: 'TLSv1.3' });
  const forget = keepServing(server, serving, 'hybrid', 'withRoots');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    forget();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const shown = async () => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const hashes: KeyHash[] = [];
    for (let next = socket.getPeerX509Certificate(); next !== undefined; next = next.issuerCertificate) {
      if (next.ca) hashes.push(keyHash(next.publicKey));
    }
    socket.destroy();
    return new Set(hashes);
  };
  const hashOf = ({ certificate }: Authority) => keyHash(certificate.publicKey);
  assert.deepEqual(await shown(), new Set([hashOf(first)]));
  const second = await rotate(first, new Date());
  await serve(second);
  const third = await rotate(second, new Date());
  await serve(third);
  assert.deepEqual(await shown(), new Set([third, second, first].map(hashOf)));
});
