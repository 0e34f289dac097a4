import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { pino } from 'pino';
import { type ApiClient, createApiClient } from './client.ts';
import { createFakeClock, type FakeClock } from './testing/fake-clock.ts';
import { connectionTo } from './testing/harness.ts';
import { type ScriptedServer, scriptedServer } from './testing/scripted-server.ts';

const logger = pino({ level: 'silent' });

async function setUp(
  t: import('node:test').TestContext,
): Promise<{ server: ScriptedServer; clock: FakeClock; client: ApiClient }> {
  const server = await scriptedServer(t);
  const clock = createFakeClock();
  const client = createApiClient(connectionTo(server), { logger, clock });
  t.after(() => {
    client.close();
    assert.deepEqual(clock.waits, [], 'no timer is left');
  });
  return { server, clock, client };
}

const withCode = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof HawserError && error.code === code && message.test(error.message);

test('any status is a value, with its headers and its text', async (t) => {
  const { server, client } = await setUp(t);
  for (const status of [200, 201, 404, 409, 503]) {
    const answer = client.request({ method: 'GET', path: '/x?y=1' });
    const exchange = await server.next();
    assert.equal(exchange.query.get('y'), '1');
    exchange.answer(status, 'text', { 'retry-after': '3' });
    const { status: got, headers, text } = await answer;
    assert.deepEqual([got, headers['retry-after'], text], [status, '3', 'text']);
  }
});

test('a burst of requests leaves its connections to the next one', async (t) => {
  const { server, client } = await setUp(t);
  // Reports and questions that may be under way at once.
  const burst = 64;
  for (const round of ['the first', 'the second', 'the third']) {
    const answers = Array.from({ length: burst }, () => client.request({ method: 'GET', path: '/' }));
    for (let answered = 0; answered < burst; answered += 1) (await server.next()).answer(200, {});
    await Promise.all(answers);
    assert.ok(server.connections <= burst, `${server.connections} connections after ${round}`);
  }
});

test('a write carries its body, type and the node as whom it is done', async (t) => {
  const { server, client } = await setUp(t);
  const body = '{"status":{"phase":"läuft"}}';
  const impersonate = { user: 'system:node:edge-1', groups: ['system:nodes', 'system:authenticated'] };
  const contentType = 'application/strategic-merge-patch+json';
  const answer = client.request({ method: 'PATCH', path: '/api/v1/x', body, contentType, impersonate });
  const exchange = await server.next();
  assert.equal(exchange.method, 'PATCH');
  assert.equal(exchange.headers['content-type'], contentType);
  assert.equal(exchange.headers['impersonate-user'], 'system:node:edge-1');
  assert.equal(exchange.headers['impersonate-group'], 'system:nodes, system:authenticated');
  assert.equal(await exchange.body, body);
  exchange.answer(200, '{}');
  await answer;
  const constrained = client.request({ method: 'GET', path: '/', impersonate: { user: 'system:node:a', groups: [] } });
  const second = await server.next();
  assert.equal('impersonate-group' in second.headers, false);
  second.answer(200, '{}');
  await constrained;
});

test('requests one after the other go over one connection', async (t) => {
  const { server, client } = await setUp(t);
  const connections = new Set<number>();
  for (let n = 0; n < 5; n += 1) {
    const answer = client.request({ method: 'GET', path: '/' });
    const exchange = await server.next();
    connections.add(exchange.connection);
    exchange.answer(200, 'ok');
    await answer;
  }
  assert.equal(connections.size, 1);
});

test('a kept connection that the server closes under a read is replaced; a write is not made twice', async (t) => {
  const { server, client } = await setUp(t);
  const once = async (method: string) => {
    const answer = client.request({ method, path: '/' });
    (await server.next()).answer(200, 'ok');
    await answer;
  };
  await once('GET');
  const read = client.request({ method: 'GET', path: '/' });
  (await server.next()).cut();
  (await server.next()).answer(200, 'second try');
  assert.equal((await read).text, 'second try');
  const write = client.request({ method: 'POST', path: '/', body: '{}' });
  (await server.next()).cut();
  await assert.rejects(write, withCode('unreachable', /POST \//));
  assert.equal(server.untaken, 0);
});

test('no whole answer in time is unreachable, with the path and without the query', async (t) => {
  const { server, client, clock } = await setUp(t);
  const mute = client.request({ method: 'GET', path: '/api/v1/pods?continue=token', timeoutMs: 5_000 });
  const first = await server.next();
  clock.advance(5_000);
  await assert.rejects(mute, withCode('unreachable', /GET \/api\/v1\/pods: no answer within 5000 ms$/));
  await first.closed;
  const partial = client.request({ method: 'GET', path: '/' });
  const second = await server.next();
  clock.advance(1_000);
  await second.write('half');
  await clock.pass(29_000);
  await assert.rejects(partial, withCode('unreachable', /no whole answer within/));
});

test('a connection that breaks, or is refused, is unreachable', async (t) => {
  const { server, client } = await setUp(t);
  const broken = client.request({ method: 'GET', path: '/' });
  (await server.next()).cut();
  await assert.rejects(broken, withCode('unreachable', /GET/));
  const halfway = client.request({ method: 'GET', path: '/' });
  const exchange = await server.next();
  exchange.answer(200, 'half', { 'content-length': '100' });
  exchange.cut();
  await assert.rejects(halfway, withCode('unreachable', /GET/));
  await server.close();
  await assert.rejects(client.request({ method: 'GET', path: '/' }), withCode('unreachable', /ECONNREFUSED/));
});

test('a body over 16 MiB is refused and its connection ended', async (t) => {
  const { server, client } = await setUp(t);
  const answer = client.request({ method: 'GET', path: '/' });
  const refused = assert.rejects(answer, withCode('too_large', /16777216/));
  const exchange = await server.next();
  let isClosed = false;
  void exchange.closed.then(() => {
    isClosed = true;
  });
  const piece = 'x'.repeat(1024 * 1024);
  for (let n = 0; n < 40 && !isClosed; n += 1) await exchange.write(piece);
  await refused;
  await exchange.closed;
});

test('a signal ends a request before, during and after the headers', async (t) => {
  const { server, client } = await setUp(t);
  const stop = new AbortController();
  const waiting = client.request({ method: 'GET', path: '/', signal: stop.signal });
  const stream = client.stream({ method: 'GET', path: '/stream', signal: stop.signal });
  const [first, second] = [await server.next(), await server.next()];
  const streaming = second.path === '/stream' ? second : first;
  await streaming.write('begun');
  const { chunks } = await stream;
  stop.abort();
  await assert.rejects(waiting, withCode('unreachable', /given up/));
  await assert.rejects(async () => {
    for await (const chunk of chunks) assert.ok(chunk.length > 0);
  }, HawserError);
  await assert.rejects(client.request({ method: 'GET', path: '/', signal: stop.signal }), HawserError);
  await Promise.all([first.closed, second.closed]);
  assert.equal(server.untaken, 0);
});

test('leaving the loop over a stream ends its connection', async (t) => {
  const { server, client } = await setUp(t);
  const stream = client.stream({ method: 'GET', path: '/' });
  const exchange = await server.next();
  await exchange.write('begun');
  for await (const chunk of (await stream).chunks) {
    assert.equal(Buffer.from(chunk).toString(), 'begun');
    break;
  }
  await exchange.closed;
});

test('a server whose certificate is of another authority is unreachable', async (t) => {
  const server = await scriptedServer(t);
  const other = await scriptedServer(t);
  const client = createApiClient({ ...connectionTo(other), server: server.url }, { logger });
  await assert.rejects(client.request({ method: 'GET', path: '/' }), withCode('unreachable', /certificate|self-signed/));
  assert.equal(server.untaken, 0);
});

test('what HTTP cannot carry is refused', async (t) => {
  const { client } = await setUp(t);
  const impersonate = { user: 'a\r\nX: y', groups: [] };
  await assert.rejects(client.request({ method: 'GET', path: '/', impersonate }), withCode('unsupported', /cannot be sent/));
});
