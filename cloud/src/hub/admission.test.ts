import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { pino } from 'pino';
import { systemClock } from '../clock.ts';
import { createPlainQueue } from '../upstream/testing/plain-queue.ts';
import { startHub } from './hub.ts';
import {
  admin,
  edge1,
  edge2,
  NO_CLAIMS,
  NO_KEYS,
  NO_QUERIES,
  NO_TRUST,
  ScriptedSession,
  SERVING,
  start,
  stranger,
  tls,
  upgrade,
} from './testing/harness.ts';

test('TLS is 1.3 and resumes no session', async (t) => {
  const { hub } = await start(t);
  const first = await tls(hub.port, edge1);
  assert.equal(first.getProtocol(), 'TLSv1.3');
  const [session] = await once(first, 'session', { signal: AbortSignal.timeout(60_000) });
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
          answerSeconds: 1,
          bufferedBytes: 1,
          apiCalls: 1,
          apiCallsPerSecond: 1_000,
          queryCalls: 1,
          reportsPerSession: 1,
          reportBytesPerSession: 1,
          reportBytes: 1,
          queriesPerSession: 1,
          framesPerSecond: 1,
          receivingBytes: 1,
          connectionsPerAddress: 1,
          handshakesPerAddress: 1,
          supersededBytes: 1,
        },
      },
      serving: SERVING,
      relay: () => undefined,
      downstream: { open: (node, wake) => new ScriptedSession(node, wake) },
      reports: createPlainQueue({ concurrency: 1, reportsPerLane: 1, perform: () => Promise.reject(new Error('unused')) }),
      queries: NO_QUERIES,
      ...NO_CLAIMS,
      trust: NO_TRUST,
      clusterKeys: NO_KEYS,
      epochs: { current: 1, meet: () => ({ type: 'met' }) },
      random: () => 0,
      metrics: {
        sessionOpened: () => undefined,
        sessionEnded: () => undefined,
        sessionDrained: () => undefined,
        received: () => undefined,
        sent: () => undefined,
        malformedFrame: () => undefined,
        nack: () => undefined,
        linkRefused: () => undefined,
        boundReached: () => undefined,
      },
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    }),
    (error) => error instanceof HawserError && error.code === 'address_in_use' && error.message.includes('link.port'),
  );
});
