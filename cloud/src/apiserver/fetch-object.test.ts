import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HawserError, objectKey } from '@hawser/protocol';
import { pino } from 'pino';
import { createApiClient } from './client.ts';
import { fetchObject } from './fetch-object.ts';
import { createFakeClock } from './testing/fake-clock.ts';
import { connectionTo } from './testing/harness.ts';
import { secret, status } from './testing/objects.ts';
import { scriptedServer } from './testing/scripted-server.ts';

const key = objectKey('secrets', 'web', 'a');

async function setUp(t: TestContext) {
  const server = await scriptedServer(t);
  const clock = createFakeClock();
  const client = createApiClient(connectionTo(server), { logger: pino({ level: 'silent' }), clock });
  t.after(() => client.close());
  return { server, clock, fetch: () => fetchObject(client, key, { clock }), client };
}

const withCode = (code: string) => (error: unknown) => error instanceof HawserError && error.code === code;

test('an object is read live, with its text as it came', async (t) => {
  const { server, fetch } = await setUp(t);
  const got = fetch();
  const exchange = await server.next();
  assert.equal(exchange.path, '/api/v1/namespaces/web/secrets/a');
  assert.equal(exchange.query.toString(), '');
  exchange.answer(200, secret('a', 12));
  assert.deepEqual(await got, {
    key,
    uid: 'uid-a',
    resourceVersion: '12',
    text: JSON.stringify(secret('a', 12)),
    type: { apiVersion: 'v1', kind: 'Secret' },
  });
});

test('not found is said only when the API server says so of this object', async (t) => {
  const { server, fetch } = await setUp(t);
  const gone = fetch();
  (await server.next()).answer(
    404,
    status(404, 'NotFound', 'secrets "a" not found', { details: { name: 'a', kind: 'secrets' } }),
  );
  assert.equal(await gone, 'notFound');
  const others: [number, string | object][] = [
    [404, '404 page not found'],
    [404, status(404, 'NotFound', 'the server could not find the requested resource', { details: {} })],
    [404, status(404, 'NotFound', 'namespaces "b" not found', { details: { name: 'b', kind: 'namespaces' } })],
    [500, status(500, 'InternalError')],
    [200, ''],
    [200, '{}'],
    [200, '[]'],
    [200, secret('another', 3)],
    [200, { metadata: { name: 'a', namespace: 'web', resourceVersion: '3' } }],
  ];
  for (const [code, body] of others) {
    const got = fetch();
    (await server.next()).answer(code, body);
    await assert.rejects(got, withCode(code === 200 ? 'malformed_object' : 'unreachable'), JSON.stringify(body));
  }
  const refused = fetch();
  (await server.next()).answer(403, status(403, 'Forbidden'));
  await assert.rejects(refused, withCode('unauthorized'));
});

test('a server that asks for a wait is asked again after it, a few times', async (t) => {
  const { server, clock, fetch } = await setUp(t);
  const got = fetch();
  (await server.next()).answer(429, status(429, 'TooManyRequests'), { 'retry-after': '2' });
  await clock.pass(2_000);
  (await server.next()).answer(503, '', { 'retry-after': '1' });
  await clock.pass(1_000);
  (await server.next()).answer(200, secret('a', 1));
  assert.notEqual(await got, 'notFound');
  const never = fetch();
  for (const wait of [2_000, 2_000, undefined]) {
    (await server.next()).answer(429, status(429, 'TooManyRequests'), { 'retry-after': '2' });
    if (wait !== undefined) await clock.pass(wait);
  }
  await assert.rejects(never, withCode('unreachable'));
});

test('a resource that is not in the table is unsupported', async (t) => {
  const { client } = await setUp(t);
  await assert.rejects(fetchObject(client, objectKey('example.com/things', 'web', 'a')), withCode('unsupported'));
});
