import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { decodeAgentMessage, encodeRelayMessage, type Welcome } from '@hawser/protocol';
import { pino } from 'pino';
import { WebSocketServer } from 'ws';
import { startEnrolmentEndpoint } from '../../../test/support/enrolment-endpoint.ts';
import { type CertificateAuthority, type CertificatePair, createAuthority, type Validity } from '../../../test/support/pki.ts';
import { until } from '../../../test/support/until.ts';
import { startAgent } from '../agent.ts';
import { systemClock } from '../api/clock.ts';
import { resolveConfig } from '../ops/settings.ts';
import { readStore } from '../store/index.ts';
import { CLOCK_FACTS } from './clock-watch.ts';
import { createIdentityFolder } from './identity-folder.ts';

const DAY_MS = 86_400_000;
const WELCOME: Welcome = {
  type: 'welcome',
  protocolVersion: 1,
  features: [],
  dictionaries: [],
  relayVersion: '0.1.0',
  clusterUid: 'c0ffee00-0000-4000-8000-000000000001',
  epoch: 1,
  nodeName: 'truck-1',
  status: { state: 'relaySyncing', detail: '' },
};

let authority: CertificateAuthority;
const daysFromNow = (days: number) => new Date(Date.now() + days * DAY_MS);

before(async () => {
  authority = await createAuthority('hawser');
});

test('in 1970 a device links with a relay whose certificate is not valid by any clock it has, and says so; with the right time such a relay is refused', async (t) => {
  const relay = await playRelay(t, await serverPair({ begins: daysFromNow(-30) }));
  const device = await joined(t, [relay.url]);
  device.setClock(new Date(0));
  await device.start();
  await device.logged('link open');
  const told = await device.logged('the clock of this device is wrong');
  assert.equal(told.verdict, 'behind');
  await until('the facts', 60_000, undefined, async () => device.fact(CLOCK_FACTS.verdict) === 'behind');

  device.setClock(new Date());
  relay.cut();
  await device.logged('the clock of this device is right again');
  const down = await until('the refusal', 60_000, undefined, async () =>
    device.logs.find(({ msg, kind }) => msg === 'link down' && kind === 'relayCertificate'),
  );
  assert.match(String(down.detail), /expired/);
  assert.equal(device.logs.filter(({ msg }) => msg === 'the clock of this device is wrong').length, 1);
});

test('with a clock that is wrong a relay of another authority is refused still, and hears nothing of the request', async (t) => {
  const stranger = await createAuthority('hawser');
  const relay = await playRelay(t, await stranger.issueServer({ commonName: 'relay' }));
  const device = await joined(t, [relay.url]);
  device.setClock(new Date(0));
  await device.start();
  const down = await device.logged('link down');
  assert.equal(down.kind, 'relayCertificate');
  assert.match(String(down.detail), /not signed by an authority that this device knows/);
  assert.equal(relay.upgrades(), 0);
});

test('a relay whose certificate begins later than now shows a device that its clock is behind, and is let in', async (t) => {
  const relay = await playRelay(t, await serverPair({ begins: daysFromNow(40), lifetimeSeconds: 86_400 }));
  const device = await joined(t, [relay.url]);
  await device.start();
  const down = await device.logged('link down');
  assert.equal(down.kind, 'relayNotBegun');
  const wrong = await device.logged('the clock of this device is wrong');
  assert.equal(wrong.verdict, 'behind');
  await device.logged('link open');
});

test('a board that wakes in 1970 after its certificate has ended is renewed late, by a relay that is checked without time', async (t) => {
  const endpoint = await startEnrolmentEndpoint({ authority, pair: await serverPair({ begins: daysFromNow(-30) }) });
  t.after(() => endpoint.close());
  const device = await joined(t, [endpoint.url], { begins: daysFromNow(-20) });
  device.setClock(new Date(0));
  await device.start();
  await device.logged('late renewal given');
  assert.equal(endpoint.renewals.length, 1);
  const { next } = device.identity();
  assert.ok(next !== undefined && next.certificates[0].validToDate > new Date());
});

test('a device that is refused for good says why in its status, and its pods go on', async (t) => {
  const message = 'truck-1 was revoked: stolen';
  const endpoint = await startEnrolmentEndpoint({
    authority,
    answer: (path) => (path === '/v1/renew' ? { status: 403, body: JSON.stringify({ reason: 'revoked', message }) } : undefined),
  });
  t.after(() => endpoint.close());
  const device = await joined(t, [endpoint.url], { begins: daysFromNow(-20) });
  await device.start();
  const told = await device.logged('late renewal not given: pods go on, and the device has no link');
  assert.equal(told.why, `revoked: ${message}`);
  await until('the fact', 60_000, undefined, async () =>
    /certificate has ended: revoked: /.test(device.fact('identity.renewal') ?? ''),
  );
  assert.match(device.fact('link.detail') ?? '', /^ownCertificateEnded: this device's certificate ended 20/);
});

test('a certificate that has not ended and that no relay takes is not called ended', async (t) => {
  const message = 'join with a token';
  const endpoint = await startEnrolmentEndpoint({
    authority,
    answer: (path) => (path === '/v1/renew' ? { status: 403, body: JSON.stringify({ reason: 'notOurs', message }) } : undefined),
  });
  t.after(() => endpoint.close());
  const device = await joined(t, [endpoint.url]);
  await device.start();
  const told = await device.logged('late renewal not given: pods go on, and the device has no link');
  assert.equal(told.why, `notOurs: ${message}`);
  await until('the fact', 60_000, undefined, async () =>
    /^the certificate is taken by no relay: notOurs: /.test(device.fact('identity.renewal') ?? ''),
  );
  await until('the reason', 60_000, undefined, async () =>
    /^ownCertificate: no relay takes this device's certificate/.test(device.fact('link.detail') ?? ''),
  );
});

function serverPair(validity: Validity): Promise<CertificatePair> {
  return authority.issueServer({ commonName: 'relay', ...validity });
}

/** A relay as far as a welcome goes. */
async function playRelay(t: TestContext, pair: CertificatePair) {
  const server = createServer({
    cert: pair.certificatePem,
    key: pair.keyPem,
    ca: authority.certificatePem,
    requestCert: true,
    minVersion: 'TLSv1.3',
  });
  const sockets = new WebSocketServer({ server });
  let upgrades = 0;
  server.on('upgrade', () => {
    upgrades += 1;
  });
  sockets.on('connection', (connection) =>
    connection.on('message', (data: Buffer) => {
      if (decodeAgentMessage(data).type === 'hello') connection.send(encodeRelayMessage(WELCOME));
    }),
  );
  const cut = () => {
    for (const connection of sockets.clients) connection.terminate();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    cut();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `wss://127.0.0.1:${(server.address() as AddressInfo).port}`, upgrades: () => upgrades, cut };
}

/** A device that has joined, whose clock the test sets. */
async function joined(t: TestContext, relays: readonly string[], validity: Validity = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-clock-'));
  const dataDir = join(dir, 'data');
  const folder = createIdentityFolder({ dataDir, logger: pino({ level: 'silent' }) });
  const spki = createPublicKey(folder.requestKey()).export({ type: 'spki', format: 'der' });
  const leaf = await authority.certifyNode('truck-1', spki, validity.lifetimeSeconds, validity.begins);
  folder.writeJoined({
    nodeName: 'truck-1',
    relays,
    certificates: [new X509Certificate(leaf)],
    authorities: [new X509Certificate(authority.certificatePem)],
  });
  const flags = { dataDir, 'api.port': '0', workload: 'none', 'backoff.baseMs': '10', 'backoff.capMs': '50' };
  const { settings } = resolveConfig({ env: {}, flags: new Map(Object.entries(flags)) });
  const logs: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => logs.push(JSON.parse(line)) });
  let offMs = 0;
  const clock = { ...systemClock, now: () => new Date(Date.now() + offMs) };
  let stop = async () => {};
  t.after(async () => {
    await stop();
    rmSync(dir, { recursive: true });
  });
  return {
    logs,
    setClock: (time: Date) => {
      offMs = time.getTime() - Date.now();
    },
    start: async () => {
      const agent = await startAgent({ settings, clock, random: Math.random, logger });
      ({ stop } = agent);
    },
    logged: (msg: string) => until(msg, 20_000, undefined, async () => logs.find((line) => line.msg === msg)),
    identity: () => folder.read() ?? assert.fail('there is no identity'),
    fact: (name: string) => {
      const store = readStore(join(dataDir, 'agent.db'));
      try {
        return store.facts()[name];
      } finally {
        store.close();
      }
    },
  };
}
