import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { createLogLevelControl } from '@hawser/settings';
import { pino } from 'pino';
import { createAuthority } from '../../../test/support/pki.ts';
import { until } from '../../../test/support/until.ts';
import { systemClock } from '../clock.ts';
import type { SeenLink } from './desk.ts';
import { Reviews } from './reviews.ts';
import { startAdmin } from './server.ts';

/** More than kernels buffer for a reader that takes nothing. */
const DETAIL = 'x'.repeat(16 * 1024 * 1024);

/** An endpoint of one session whose cluster allows everything, once it is let answer, and a connection to it. */
async function scene(t: TestContext, stalledMs?: number) {
  const authority = await createAuthority('hawser-relays');
  const { certificatePem: cert, keyPem: key } = await authority.issueServer({ commonName: 'relay', hosts: ['127.0.0.1'] });
  const logger = pino({ level: 'silent' });
  const cluster = Promise.withResolvers<void>();
  const outcomes: string[] = [];
  const api = {
    async request({ path }: { readonly path: string }) {
      await cluster.promise;
      const status = path.endsWith('/tokenreviews') ? { authenticated: true, user: { username: 'ann' } } : { allowed: true };
      return { status: 201, headers: {}, text: JSON.stringify({ status }) };
    },
  };
  const status = { state: 'inSync', detail: DETAIL } as const;
  const since = new Date(0);
  const facts = {
    node: 'n',
    status,
    since,
    sentBytes: 1,
    receivedBytes: 2,
    lagMs: 0,
    agentVersion: '1',
    storeId: 's',
    remote: 'r',
  };
  const link: SeenLink = { node: 'n', facts: () => facts, report: () => undefined, askDevice: async () => ({ untold: '' }) };
  const server = await startAdmin({
    settings: { admin: { enabled: true, address: '127.0.0.1', port: 0 }, keyExchange: 'x25519' },
    serving: {
      current: () => ({ cert, key, clientCa: authority.certificatePem, validTo: new Date() }),
      onChange: () => () => undefined,
    },
    reviews: new Reviews({ api, clock: systemClock, logger, apiCall: () => undefined }),
    replica: 'relay-1',
    version: '1',
    links: { all: () => [link], find: () => link },
    epoch: () => 1,
    logLevel: createLogLevelControl({ level: 'info', warn: () => undefined }, 'info'),
    metrics: { adminRequest: (to, outcome) => void outcomes.push(`${to} ${outcome}`) },
    clock: systemClock,
    logger,
    ...(stalledMs === undefined ? {} : { stalledMs }),
  });
  t.after(() => server.stop());
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: authority.certificatePem });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return { socket, server, outcomes, answers: () => cluster.resolve() };
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer t\r\n\r\n`;

async function closed(socket: TLSSocket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
}

test('requests that are sent ahead of answers end the connection; those that wait for them are answered', async (t) => {
  const { socket, outcomes, answers } = await scene(t);
  answers();
  for (let turn = 0; turn < 3; turn += 1) {
    socket.write(get('/hawser/version'));
    const [piece] = await once(socket, 'data');
    assert.match(String(piece), /^HTTP\/1\.1 200 /);
  }
  socket.write(get('/hawser/version').repeat(500));
  await closed(socket);
  const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length;
  assert.ok(count('version answered') <= 4);
  assert.equal(count('unknown overBound'), 1);
});

test('who takes nothing of an answer or a watch is not waited for without end', async (t) => {
  for (const path of ['/hawser/nodes', '/hawser/nodes?watch=true']) {
    const { socket, server, outcomes, answers } = await scene(t, 300);
    answers();
    socket.pause();
    socket.write(get(path));
    await until('the end of it', 60_000, t.signal, async () => outcomes.includes('unknown overBound'));
    await until('the end of the watch', 60_000, t.signal, async () => server.watches() === 0);
    assert.ok(outcomes.some((outcome) => outcome.endsWith(' answered')));
  }
});
