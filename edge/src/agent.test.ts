import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { zstdCompressSync } from 'node:zlib';
import {
  type AgentMessage,
  type Batch,
  decodeAgentMessage,
  encodeBody,
  encodeRelayMessage,
  type KubeObject,
  objectKey,
  type RelayMessage,
  type Report,
  type SessionState,
  type Welcome,
} from '@hawser/protocol';
import { pino } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../../test/support/pki.ts';
import { until } from '../../test/support/until.ts';
import { type Agent, startAgent } from './agent.ts';
import { systemClock } from './api/clock.ts';
import { createIdentityFolder } from './enroll/index.ts';
import { AGENT_FACTS } from './ops/facts.ts';
import { storePath } from './ops/paths.ts';
import type { Settings } from './ops/settings.ts';
import { openStore } from './store/index.ts';
import { removal, storageKey, testObject, upsert } from './store/testing.ts';

const CLUSTER = 'c0ffee00-0000-4000-8000-000000000001';

/** What one link of an agent said, and the way to answer. */
interface PlayedLink {
  readonly messages: AgentMessage[];
  /** Of the agent's certificate. */
  readonly serialNumber: string;
  readonly closed: Promise<{ code: number; reason: string }>;
  say(message: RelayMessage): void;
  raw(bytes: Uint8Array): void;
  cut(): void;
  reports(): Report[];
}

/** A relay that the test plays, message by message, and one device. */
async function scene(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-agent-'));
  const authority = await createAuthority('test');
  const ca = await writePem(dir, 'ca.crt', authority.certificatePem);
  const device = await writePair(dir, 'edge-1', await issueNodeCertificate(authority, 'edge-1'));
  const pair = await authority.issueServer({ commonName: 'relay' });
  const server = createServer({
    cert: pair.certificatePem,
    key: pair.keyPem,
    ca: authority.certificatePem,
    requestCert: true,
    minVersion: 'TLSv1.3',
  });
  const links: PlayedLink[] = [];
  const connections = new Set<WebSocket>();
  new WebSocketServer({ server }).on('connection', (connection, { socket }) => {
    const serialNumber = socket instanceof TLSSocket ? socket.getPeerCertificate().serialNumber : '';
    connections.add(connection);
    const messages: AgentMessage[] = [];
    connection.on('message', (data: Buffer) => messages.push(decodeAgentMessage(data)));
    links.push({
      messages,
      serialNumber,
      closed: once(connection, 'close').then(([code, reason]) => ({ code, reason: String(reason) })),
      say: (message) => connection.send(encodeRelayMessage(message)),
      raw: (bytes) => connection.send(bytes),
      cut: () => connection.terminate(),
      reports: () => messages.flatMap((message) => (message.type === 'report' ? [message.report] : [])),
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const settings: Settings = {
    dataDir: join(dir, 'data'),
    relay: { urls: [`wss://127.0.0.1:${port}`] },
    tls: { cert: device.certificateFile, key: device.keyFile, ca },
    store: {},
    keyExchange: 'hybrid',
    api: { address: '127.0.0.1', port: 0, pods: false },
    workload: 'none',
    hollow: { tokens: true },
    kubelet: {},
    ops: { address: '127.0.0.1' },
    logLevel: 'info',
    limits: { apiConnections: 4_096, apiStrangers: 256, apiRequests: 256, apiWatches: 3_072 },
    recheckSeconds: 50,
    backoff: { baseMs: 10, capMs: 50 },
  };
  const agents: Agent[] = [];
  const logs: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => logs.push(JSON.parse(line)) });
  const start = async (changes: Partial<Settings> = {}) => {
    const agent = await startAgent({ settings: { ...settings, ...changes }, clock: systemClock, random: Math.random, logger });
    agents.push(agent);
    return agent;
  };
  const closeServer = async () => {
    for (const connection of connections) connection.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  t.after(async () => {
    for (const agent of agents) await agent.stop();
    if (server.listening) await closeServer();
    rmSync(dir, { recursive: true, force: true });
  });

  /** The link of that number, once its first message is there; it is always a Hello. */
  const link = (index: number) =>
    until(`link ${index}`, 60_000, undefined, async () => {
      const found = links[index];
      return found !== undefined && found.messages.length > 0 ? found : undefined;
    });
  const call = (agent: Agent, method: string, path: string, token: string | undefined, body?: object) =>
    new Promise<{ status: number; retryAfter: string | undefined; body: KubeObject }>((resolve, reject) => {
      const outgoing = request(new URL(path, agent.localApi), {
        method,
        ca: readFileSync(join(settings.dataDir, 'api.crt')),
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined
            ? {}
            : { 'content-type': method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json' }),
        },
      });
      outgoing.on('error', reject).on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body: JSON.parse(text) }),
        );
      });
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const token = () => readFileSync(join(settings.dataDir, 'api.token'), 'utf8').trim();
  return { settings, authority, start, link, links, call, token, logs, closeServer };
}

function welcome(state: SessionState, clusterUid = CLUSTER): Welcome {
  return {
    type: 'welcome',
    protocolVersion: 1,
    features: [],
    dictionaries: [],
    relayVersion: '0.1.0',
    clusterUid,
    epoch: 1,
    nodeName: 'edge-1',
    status: { state, detail: '' },
  };
}

const IN_SYNC: RelayMessage = { type: 'status', status: { state: 'inSync', detail: '' } };

function batch(number: number, ...operations: ReturnType<typeof upsert>[]): Batch {
  return {
    type: 'batch',
    number,
    complete: true,
    operations: operations.map((operation, index) => ({ object: number * 10 + index, ...operation })),
  };
}

const SETTINGS_KEY = storageKey('configmaps', 'settings');
const SETTINGS_MAP = testObject(SETTINGS_KEY, 'uid-settings', { data: { greeting: 'hello' } });
const PATH = '/api/v1/namespaces/default/configmaps/settings';

/** Until the next dial, as the link says when it is down: after the relay has seen its end. */
function lastWait(logs: readonly Record<string, unknown>[]): unknown {
  return logs.findLast(({ msg }) => msg === 'link down')?.retryInMs;
}

/** A session in which the device receives everything there is. */
async function firstSync(played: PlayedLink, ...more: ReturnType<typeof upsert>[]) {
  played.say(welcome('syncing'));
  played.say(batch(1, upsert(SETTINGS_KEY, '7', SETTINGS_MAP), ...more));
  await until('the ack', 60_000, undefined, async () => played.messages.some(({ type }) => type === 'ack'));
  played.say(IN_SYNC);
}

test('before the first sync the local API asks to come again, and never says that there is nothing', async (t) => {
  const { start, call, token, link } = await scene(t);
  const agent = await start();
  assert.equal((await call(agent, 'GET', PATH, undefined)).status, 401);
  assert.equal((await call(agent, 'GET', PATH, 'wrong')).status, 401);
  const early = await call(agent, 'GET', '/api/v1/pods', token());
  assert.deepEqual([early.status, early.body.reason, early.retryAfter], [503, 'ServiceUnavailable', '2']);
  await firstSync(await link(0));
  const served = await until('the object', 60_000, undefined, async () => {
    const answer = await call(agent, 'GET', PATH, token());
    return answer.status === 200 ? answer.body : undefined;
  });
  assert.deepEqual(served.data, { greeting: 'hello' });
  assert.equal((await call(agent, 'GET', '/api/v1/namespaces/default/pods/other', token())).status, 404);
});

test('an agent that starts with the link down serves what it holds', async (t) => {
  const { start, call, token, link, closeServer } = await scene(t);
  const first = await start();
  await firstSync(await link(0));
  await until('sync', 60_000, undefined, async () => (await call(first, 'GET', PATH, token())).status === 200);
  await first.stop();
  await closeServer();
  const second = await start();
  const answer = await call(second, 'GET', PATH, token());
  assert.deepEqual([answer.status, answer.body.data], [200, { greeting: 'hello' }]);
});

test('an agent whose last process was killed with its link open says that the link is down since this start', async (t) => {
  const { settings, start, closeServer } = await scene(t);
  await closeServer();
  const open = () => openStore({ path: storePath(settings.dataDir), logger: pino({ level: 'silent' }), clock: systemClock });
  const killed = open();
  killed.setFacts({ [AGENT_FACTS.link]: 'open', [AGENT_FACTS.linkSince]: '2026-03-01T12:00:00.000Z' });
  killed.close();
  const before = new Date().toISOString();
  const agent = await start();
  await agent.stop();
  const store = open();
  t.after(() => store.close());
  assert.equal(store.fact(AGENT_FACTS.link), 'down');
  const since = store.fact(AGENT_FACTS.linkSince) ?? '';
  assert.ok(since >= before, `since ${since}, started after ${before}`);
});

test('what is the cluster’s cannot be written on the device, what a kubelet writes can', async (t) => {
  const { start, call, token, link } = await scene(t);
  const agent = await start();
  const played = await link(0);
  const pod = testObject(storageKey('pods', 'web'), 'uid-web', {
    spec: { nodeName: 'edge-1', containers: [{ name: 'm', image: 'i' }] },
    status: { phase: 'Pending' },
  });
  await firstSync(played, upsert(storageKey('pods', 'web'), '8', pod));
  await until('sync', 60_000, undefined, async () => (await call(agent, 'GET', PATH, token())).status === 200);
  const refused = await call(agent, 'PATCH', PATH, token(), { data: { greeting: 'changed' } });
  assert.equal(refused.status, 403);
  assert.match(String(refused.body.message), /change this in the cluster/);
  const status = '/api/v1/namespaces/default/pods/web/status';
  const written = await call(agent, 'PATCH', status, token(), { metadata: { uid: 'uid-web' }, status: { phase: 'Running' } });
  assert.equal(written.status, 200);
  const [report] = await until('the report', 60_000, undefined, async () =>
    played.reports().length > 0 ? played.reports() : undefined,
  );
  assert.deepEqual(
    [report?.resource, report?.name, report?.uid, report?.subresource, report?.operation.type],
    ['pods', 'web', 'uid-web', 'status', 'patch'],
  );
});

test('what was not answered when the link broke is sent again on the next one', async (t) => {
  const { start, call, token, link } = await scene(t);
  const agent = await start();
  const pod = testObject(storageKey('pods', 'web'), 'uid-web', {
    spec: { nodeName: 'edge-1', containers: [] },
    status: { phase: 'Pending' },
  });
  const first = await link(0);
  await firstSync(first, upsert(storageKey('pods', 'web'), '8', pod));
  await until('sync', 60_000, undefined, async () => (await call(agent, 'GET', PATH, token())).status === 200);
  const path = '/api/v1/namespaces/default/pods/web/status';
  assert.equal((await call(agent, 'PATCH', path, token(), { status: { phase: 'Running' } })).status, 200);
  await until('the report', 60_000, undefined, async () => first.reports().length === 1);
  first.cut();
  const second = await link(1);
  assert.equal(second.messages[0]?.type, 'hello');
  second.say(welcome('inSync'));
  const again = await until('the report again', 60_000, undefined, async () => second.reports()[0]);
  assert.deepEqual(again, first.reports()[0]);
  second.say({
    type: 'reportAnswer',
    number: again.number,
    outcome: { type: 'unavailable', retryAfterMs: 20, message: 'later' },
  });
  await until('a third time', 60_000, undefined, async () => second.reports().length === 2);
  const applied = { type: 'applied', uid: 'uid-web', resourceVersion: '9', name: 'web' } as const;
  second.say({ type: 'reportAnswer', number: again.number, outcome: applied });
  second.cut();
  const third = await link(2);
  third.say(welcome('inSync'));
  await sleep(100);
  assert.deepEqual(third.reports(), []);
});

test('answers to what was never asked change nothing, and the link goes on', async (t) => {
  const { start, call, token, link } = await scene(t);
  const agent = await start();
  const played = await link(0);
  await firstSync(played);
  const body = encodeBody('{}');
  for (let id = 1; id <= 100; id += 1) {
    played.say({ type: 'queryAnswer', id, answer: { type: 'found', cached: false, body } });
    played.say({ type: 'reportAnswer', number: id, outcome: { type: 'refused', code: 404, reason: 'NotFound', message: '' } });
  }
  played.say(batch(2, upsert(storageKey('configmaps', 'more'), '8', testObject(storageKey('configmaps', 'more'), 'uid-more'))));
  await until('the ack', 60_000, undefined, async () => played.messages.filter(({ type }) => type === 'ack').length === 2);
  assert.equal((await call(agent, 'GET', PATH, token())).status, 200);
  assert.deepEqual(played.reports(), []);
});

/** A batch of a thousand objects of 3 MB each, in 400 KB. */
function bomb(): RelayMessage {
  const size = 3 * 1024 * 1024;
  const body = { encoding: 'zstd' as const, bytes: zstdCompressSync(Buffer.alloc(size)), size };
  const change = { type: 'upsert' as const, version: { uid: 'uid-bomb', resourceVersion: '8', hash: '0'.repeat(16) }, body };
  const operations = Array.from({ length: 1_000 }, (_, index) => ({
    object: 100 + index,
    key: objectKey('configmaps', 'default', `bomb-${index}`),
    change,
  }));
  return { type: 'batch', number: 2, complete: true, operations };
}

for (const [what, send, reason] of [
  ['a batch whose bodies would unpack to gigabytes', (played: PlayedLink) => played.say(bomb()), /unpack to \d+ bytes/],
  [
    'a batch of two million operations without bytes',
    // Field 6 of a frame.
    (played: PlayedLink) =>
      played.raw(Buffer.concat([Buffer.from([0x32, 0x80, 0x92, 0xf4, 0x01]), Buffer.alloc(4_000_000, Buffer.from([0x12, 0]))])),
    /more than 10000 entries/,
  ],
] as const) {
  test(`${what} ends the link with the reason, and the device goes on serving`, async (t) => {
    const { start, call, token, link } = await scene(t);
    const agent = await start();
    const played = await link(0);
    await firstSync(played);
    send(played);
    const end = await played.closed;
    assert.equal(end.code, 1002);
    assert.match(end.reason, reason);
    assert.equal((await call(agent, 'GET', PATH, token())).status, 200);
    const { body } = await call(agent, 'GET', '/api/v1/configmaps', token());
    assert.equal((body.items as unknown[]).length, 1, 'nothing of it was taken');
  });
}

test('the bounds of the local API are settings', async (t) => {
  const { settings, start, call, token, link } = await scene(t);
  const agent = await start({ limits: { ...settings.limits, apiWatches: 4 } });
  await firstSync(await link(0));
  await until('sync', 60_000, undefined, async () => (await call(agent, 'GET', PATH, token())).status === 200);
  const watching = { ca: readFileSync(join(settings.dataDir, 'api.crt')), headers: { authorization: `Bearer ${token()}` } };
  const open = Array.from({ length: 4 }, () =>
    request(new URL('/api/v1/pods?watch=1', agent.localApi), { ...watching, agent: false }),
  );
  await Promise.all(open.map((watch) => once(watch.end(), 'response')));
  const refused = await call(agent, 'GET', '/api/v1/pods?watch=1', token());
  assert.deepEqual([refused.status, refused.retryAfter], [429, '1']);
  assert.equal((await call(agent, 'GET', PATH, token())).status, 200);
  for (const watch of open) watch.on('error', () => undefined).destroy();
});

const QUERY = '/hawser/v1/query?resource=persistentvolumes&name=disk';

/** The questions of a link, once there are so many. */
function questions(played: PlayedLink, count: number) {
  return until(`${count} questions`, 60_000, undefined, async () => {
    const found = played.messages.flatMap((message) => (message.type === 'query' ? [message.query] : []));
    return found.length === count ? found : undefined;
  });
}

test('a question goes to the relay, and what it answered serves without a link and beside another cluster, which is not asked', async (t) => {
  const { start, call, token, link, links } = await scene(t);
  const agent = await start();
  const first = await link(0);
  await firstSync(first);
  const asking = call(agent, 'GET', QUERY, token());
  const [query] = await questions(first, 1);
  const disk = { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' }, spec: { storageClassName: 'fast' } };
  const body = encodeBody(JSON.stringify(disk));
  first.say({ type: 'queryAnswer', id: query?.id ?? 0, answer: { type: 'found', cached: false, body } });
  const answer = await asking;
  assert.deepEqual([answer.status, answer.body.type, answer.body.source, answer.body.object], [200, 'found', 'cloud', disk]);
  first.cut();
  const second = await link(1);
  second.say(welcome('inSync', 'another-cluster'));
  await second.closed;
  const kept = await call(agent, 'GET', QUERY, token());
  assert.deepEqual([kept.body.type, kept.body.source, kept.body.object], ['found', 'kept', disk]);
  assert.ok(links.slice(1).every(({ messages }) => messages.every(({ type }) => type !== 'query')));
  assert.equal((await call(agent, 'GET', QUERY, 'wrong')).status, 401);
});

test('an answer about another object ends the link, is nobody’s answer and is not kept', async (t) => {
  const { start, call, token, link } = await scene(t);
  const agent = await start();
  const played = await link(0);
  await firstSync(played);
  const asking = call(agent, 'GET', QUERY, token());
  const [query] = await questions(played, 1);
  const other = { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'other' } };
  const body = encodeBody(JSON.stringify(other));
  played.say({ type: 'queryAnswer', id: query?.id ?? 0, answer: { type: 'found', cached: false, body } });
  assert.equal((await asking).body.type, 'unavailable');
  assert.equal((await played.closed).code, 1002);
  assert.equal((await call(agent, 'GET', QUERY, token())).body.type, 'unknownOffline');
});

test('a relay that speaks for another cluster is refused, and what the device holds stays', async (t) => {
  const { start, call, token, link, links, logs } = await scene(t);
  const agent = await start();
  const first = await link(0);
  await firstSync(first);
  await until('sync', 60_000, undefined, async () => (await call(agent, 'GET', PATH, token())).status === 200);
  first.cut();
  const second = await link(1);
  second.say(welcome('syncing', 'another-cluster'));
  assert.equal((await second.closed).code, 4002);
  assert.ok(logs.some(({ msg }) => msg === 'relay speaks for another cluster'));
  assert.equal((await call(agent, 'GET', PATH, token())).status, 200);
  await until('the wait', 60_000, undefined, async () => lastWait(logs) === 300_000);
  await sleep(200);
  assert.equal(links.length, 2);
});

test('a relay that takes us for somebody else is refused', async (t) => {
  const { start, link } = await scene(t);
  await start();
  const played = await link(0);
  played.say({ ...welcome('syncing'), nodeName: 'edge-2' });
  assert.deepEqual(await played.closed, { code: 1002, reason: 'the relay takes us for edge-2, the certificate is for edge-1' });
});

test('bytes that are no message end the link and nothing else', async (t) => {
  const { start, call, token, link, logs } = await scene(t);
  const agent = await start();
  const played = await link(0);
  await firstSync(played);
  await until('sync', 60_000, undefined, async () => (await call(agent, 'GET', PATH, token())).status === 200);
  played.raw(Buffer.from('not a message'));
  assert.equal((await played.closed).code, 1002);
  assert.equal(logs.findLast(({ msg }) => msg === 'relay broke the protocol')?.code, 'malformed_frame');
  assert.equal((await call(agent, 'GET', PATH, token())).status, 200);
});

test('another device under the same name is told, and the session is not fought over', async (t) => {
  const { start, link, links, logs } = await scene(t);
  await start();
  const played = await link(0);
  played.say(welcome('inSync'));
  played.say({ type: 'goodbye', reason: 'replaced', detail: 'store 1234', retryAfterMs: 1 });
  await played.closed;
  assert.ok(logs.some(({ msg }) => msg === 'another device uses the name of this one'));
  await until('the wait', 60_000, undefined, async () => lastWait(logs) === 60_000);
  await sleep(150);
  assert.equal(links.length, 1);
});

test('a device that went over a bound of the relay is told so, and waits as asked', async (t) => {
  const { start, link, links, logs } = await scene(t);
  await start();
  const played = await link(0);
  played.say(welcome('inSync'));
  played.say({ type: 'goodbye', reason: 'overBound', detail: 'frames a second', retryAfterMs: 30_000 });
  await played.closed;
  const told = logs.findLast(({ msg }) => msg === 'link ended: this device went over a bound of the relay');
  assert.deepEqual([told?.level, told?.detail], [50, 'frames a second']);
  await until('the wait', 60_000, undefined, async () => lastWait(logs) === 30_000);
  assert.equal(links.length, 1);
});

test('a link that was ended for a newer one of this very device is made again, without a word of another', async (t) => {
  const { start, link, logs } = await scene(t);
  await start();
  const played = await link(0);
  played.say(welcome('inSync'));
  played.say({ type: 'goodbye', reason: 'replaced', detail: 'this node has opened a newer link', retryAfterMs: 0 });
  await played.closed;
  const again = await link(1);
  again.say(welcome('inSync'));
  assert.ok(!logs.some(({ msg }) => msg === 'another device uses the name of this one'));
});

test('the hollow node registers, and registers anew when the cloud has lost its Node', async (t) => {
  const { start, link } = await scene(t);
  await start({ workload: 'hollow' });
  const played = await link(0);
  played.say(welcome('nodeMissing'));
  const registration = await until('the registration', 60_000, undefined, async () => played.reports()[0]);
  assert.deepEqual([registration.resource, registration.operation.type], ['nodes', 'create']);
  const uid = '5ca1ab1e-0000-4000-8000-000000000001';
  played.say({
    type: 'reportAnswer',
    number: registration.number,
    outcome: { type: 'applied', uid, resourceVersion: '11', name: 'edge-1' },
  });
  played.say({ type: 'status', status: { state: 'syncing', detail: '' } });
  const key = storageKey('nodes', 'edge-1', '');
  const node = testObject(key, uid, { status: JSON.parse(bodyOf(registration)).status });
  played.say(batch(1, upsert(key, '11', node)));
  played.say(IN_SYNC);
  await until('the ack', 60_000, undefined, async () => played.messages.some(({ type }) => type === 'ack'));

  played.say({ type: 'status', status: { state: 'nodeMissing', detail: '' } });
  const again = await until('the second registration', 60_000, undefined, async () =>
    played.reports().find(({ operation, number }) => operation.type === 'create' && number > registration.number),
  );
  assert.equal(again.name, 'edge-1');
  const removals = played.reports().filter(({ operation }) => operation.type === 'remove');
  assert.deepEqual(removals, [], 'a node may not delete its Node, and need not');
  played.say({ type: 'status', status: { state: 'syncing', detail: '' } });
  played.say(batch(2, removal(key, uid)));
});

test('the relay is told after each welcome whether the kubelet is alive, and when that changes, and nothing in between', async (t) => {
  const { start, link, call, token } = await scene(t);
  const agent = await start();
  const first = await link(0);
  const told = (played: PlayedLink) => played.messages.flatMap((message) => (message.type === 'kubelet' ? [message.alive] : []));
  const says = (played: PlayedLink, ...wanted: boolean[]) =>
    until(`a kubelet ${wanted}`, 60_000, undefined, async () => told(played).join() === wanted.join());
  first.say(welcome('inSync'));
  await says(first, false);
  const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  const lease = (renewTime: string) => ({ metadata: { name: 'edge-1' }, spec: { leaseDurationSeconds: 1, renewTime } });
  assert.equal((await call(agent, 'POST', path, token(), lease('2026-01-01T00:00:00.000000Z'))).status, 201);
  await says(first, false, true);
  await says(first, false, true, false);
  await call(agent, 'PATCH', `${path}/edge-1`, token(), {
    spec: { leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:05.000000Z' },
  });
  await says(first, false, true, false, true);
  await call(agent, 'PATCH', `${path}/edge-1`, token(), { spec: { renewTime: '2026-01-01T00:00:06.000000Z' } });
  first.cut();
  const second = await link(1);
  second.say(welcome('inSync'));
  await says(second, true);
  assert.deepEqual(told(first), [false, true, false, true]);
});

function bodyOf({ operation }: Report): string {
  return operation.type === 'remove' ? '' : operation.body;
}

test('health and metrics are told on loopback where they are asked for', async (t) => {
  const { start, link } = await scene(t);
  const agent = await start({ ops: { address: '127.0.0.1', port: 0 } });
  const base = `http://127.0.0.1:${agent.opsPort}`;
  assert.equal((await fetch(`${base}/healthz`)).status, 200);
  await firstSync(await link(0));
  const text = await until('the metrics of the sync', 60_000, undefined, async () => {
    const metrics = await (await fetch(`${base}/metrics`)).text();
    return metrics.includes('hawser_agent_session_state{state="inSync"} 1') ? metrics : undefined;
  });
  for (const line of ['hawser_agent_link_state{state="open"} 1', 'hawser_agent_objects 1', 'hawser_agent_batches_total 1']) {
    assert.ok(text.includes(line), line);
  }
  assert.equal((await fetch(`${base}/other`)).status, 404);
  assert.equal((await fetch(`${base}/healthz`, { method: 'POST' })).status, 405);
});

test('a device that has joined links as what it has joined, and takes a new certificate of the same node at the next dial', async (t) => {
  const { start, settings, authority, link, logs } = await scene(t);
  const withoutFiles = { tls: {}, relay: {} };
  await assert.rejects(start(withoutFiles), /this device has not joined: there is no identity in .*\n {2}hawser-agent join wss:/);
  const folder = createIdentityFolder({ dataDir: settings.dataDir, logger: pino({ level: 'silent' }) });
  const join = async (nodeName: string) => {
    const spki = createPublicKey(folder.requestKey()).export({ type: 'spki', format: 'der' });
    folder.writeJoined({
      nodeName,
      relays: settings.relay.urls ?? [],
      certificates: [new X509Certificate(await authority.certifyNode(nodeName, spki))],
      authorities: [new X509Certificate(authority.certificatePem)],
    });
    return folder.read()?.current.certificates[0].serialNumber;
  };
  const first = await join('edge-2');
  const agent = await start(withoutFiles);
  assert.equal(agent.nodeName, 'edge-2');
  assert.equal((await link(0)).serialNumber, first);
  const second = await join('edge-2');
  (await link(0)).cut();
  assert.equal((await link(1)).serialNumber, second);

  await join('edge-3');
  (await link(1)).cut();
  await until('the agent sees another node’s identity', 60_000, undefined, async () =>
    logs.some(({ detail }) => /is of edge-3 now, and this agent runs as edge-2: restart it/.test(String(detail)))
      ? true
      : undefined,
  );
});

test('a start that fails leaves nothing running', async (t) => {
  const { start, settings } = await scene(t);
  const agent = await start();
  const port = Number(new URL(agent.localApi).port);
  await assert.rejects(start(), /another agent uses the store/);
  const other = { ...settings, dataDir: `${settings.dataDir}-2` };
  await assert.rejects(start({ ...other, api: { ...other.api, port } }), new RegExp(`port ${port} on 127.0.0.1 is in use`));
  const second = await start(other);
  assert.notEqual(second.localApi, agent.localApi);
});
