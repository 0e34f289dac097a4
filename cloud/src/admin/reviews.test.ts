import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import type { ApiRequest, ApiResponse } from '../apiserver/index.ts';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import { ADMIN_AUDIENCE, Reviews } from './reviews.ts';

const PATH = '/hawser/nodes';

/** A cluster that answers as it is told, and what it was asked. */
function scene() {
  const clock = new ManualClock();
  const asked: { path: string; spec: Record<string, unknown> }[] = [];
  const cluster = {
    token: { authenticated: true, user: { username: 'ann', groups: ['g'] } } as object,
    allowed: true,
    code: 201,
  };
  const api = {
    async request({ path, body }: ApiRequest): Promise<ApiResponse> {
      asked.push({ path, spec: JSON.parse(body ?? '{}').spec });
      const status = path.endsWith('/tokenreviews') ? cluster.token : { allowed: cluster.allowed };
      return { status: cluster.code, headers: {}, text: JSON.stringify({ status }) };
    },
  };
  const reviews = new Reviews({ api, clock, logger: pino({ level: 'silent' }), apiCall: () => undefined });
  return { clock, asked, cluster, reviews, judge: (token = 't') => reviews.judge(`Bearer ${token}`, 'get', PATH) };
}

const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;

test('a permission is asked for once in ten seconds, and taken back after them', async () => {
  const { clock, asked, cluster, judge } = scene();
  assert.deepEqual(await Promise.all([judge(), judge()]), [
    { type: 'allowed', user: 'ann' },
    { type: 'allowed', user: 'ann' },
  ]);
  assert.equal(asked.length, 2);
  assert.deepEqual(asked[1]?.spec, {
    user: 'ann',
    uid: '',
    groups: ['g'],
    extra: {},
    nonResourceAttributes: { path: PATH, verb: 'get' },
  });
  cluster.allowed = false;
  clock.advance(9_999);
  assert.equal((await judge()).type, 'allowed');
  clock.advance(1);
  assert.equal((await judge()).type, 'forbidden');
  cluster.allowed = true;
  clock.advance(2_000);
  assert.equal((await judge()).type, 'allowed', 'a refusal is kept for two seconds');
});

test('nothing but a plain yes to both questions is a permission', async () => {
  for (const [change, expected] of [
    [{ token: {} }, 'unauthenticated'],
    [{ token: { authenticated: 'true', user: { username: 'ann' } } }, 'unauthenticated'],
    [{ token: { authenticated: true, user: {} } }, 'unauthenticated'],
    [{ token: { authenticated: true, user: { username: 'ann', groups: 7 } } }, 'unavailable'],
    [{ token: { authenticated: true, user: { username: 'ann', extra: { a: [[]] } } } }, 'unavailable'],
    [{ allowed: 'true' as unknown as boolean }, 'forbidden'],
    [{ code: 403 }, 'unavailable'],
    [{ code: 500 }, 'unavailable'],
  ] as const) {
    const { cluster, judge } = scene();
    Object.assign(cluster, change);
    assert.equal((await judge()).type, expected, JSON.stringify(change));
  }
  const { reviews, asked } = scene();
  for (const header of [undefined, '', 'Basic abc', 'Bearer', `Bearer ${'x'.repeat(20_000)}`]) {
    assert.equal((await reviews.judge(header, 'get', PATH)).type, 'unauthenticated');
  }
  assert.deepEqual(asked, []);
});

test('what could not be asked is asked again at once', async () => {
  const { cluster, judge } = scene();
  cluster.code = 503;
  assert.equal((await judge()).type, 'unavailable');
  cluster.code = 201;
  assert.equal((await judge()).type, 'allowed');
});

test('a token that claims our audience must have it, another is judged for the API server', async () => {
  const { asked, cluster, judge } = scene();
  assert.equal((await judge(jwt({ aud: ['https://kubernetes.default.svc'] }))).type, 'allowed');
  assert.equal(asked[0]?.spec.audiences, undefined);
  assert.equal((await judge(jwt({ aud: ADMIN_AUDIENCE }))).type, 'unauthenticated', 'the cluster has not said that it is for us');
  assert.deepEqual(asked.at(-1)?.spec.audiences, [ADMIN_AUDIENCE]);
  cluster.token = { ...cluster.token, audiences: [ADMIN_AUDIENCE] };
  assert.equal((await judge(jwt({ aud: [ADMIN_AUDIENCE, 'more'] }))).type, 'allowed');
});

test('strangers with tokens at random do not make the relay ask without end', async () => {
  const { asked, cluster, judge, clock } = scene();
  cluster.token = {};
  const verdicts = await Promise.all(Array.from({ length: 100 }, (_, number) => judge(`t${number}`)));
  assert.equal(asked.length, 40);
  assert.equal(verdicts.filter(({ type }) => type === 'unavailable').length, 60);
  clock.advance(1_000);
  await Promise.all(Array.from({ length: 100 }, (_, number) => judge(`u${number}`)));
  assert.equal(asked.length, 60);
});

test('a user with rights does not use up the questions of others, whatever tokens it has', async () => {
  const { asked, cluster, reviews, judge, clock } = scene();
  const as = (username: string) => {
    cluster.token = { authenticated: true, user: { username, groups: [] } };
  };
  as('bob');
  assert.equal((await judge('bob')).type, 'allowed');
  as('ann');
  assert.equal((await judge('ann')).type, 'allowed');
  const before = asked.length;
  const paths = Array.from({ length: 100 }, (_, number) => reviews.judge('Bearer ann', 'get', `/hawser/nodes/n${number}`));
  const verdicts = await Promise.all(paths);
  assert.equal(asked.length - before, 7, 'one of eight at once was spent');
  const [refused] = verdicts.filter(({ type }) => type === 'unavailable');
  assert.match(refused?.type === 'unavailable' ? refused.message : '', /more than 4 questions a second for "ann"/);
  assert.equal((await reviews.judge('Bearer bob', 'get', '/hawser/nodes/other')).type, 'allowed');

  // Each of her tokens is known, and all of them have the calls of one user.
  clock.advance(60_000);
  await Promise.all(Array.from({ length: 8 }, (_, number) => judge(`ann-${number}`)));
  clock.advance(60_000);
  const known = asked.length;
  await Promise.all(Array.from({ length: 8 }, (_, number) => judge(`ann-${number}`)));
  assert.equal(asked.length - known, 8);
  as('bob');
  assert.equal((await judge('bob')).type, 'allowed');
  clock.advance(1_000);
  as('ann');
  const later = asked.length;
  await Promise.all(paths.map((_, number) => reviews.judge('Bearer ann', 'get', `/hawser/nodes/m${number}`)));
  assert.ok(asked.length - later <= 4);
});

test('strangers do not use up the calls of those whom the cluster knows', async () => {
  const { cluster, judge, clock } = scene();
  assert.equal((await judge('ann')).type, 'allowed');
  const { token } = cluster;
  clock.advance(11_000);
  cluster.token = {};
  await Promise.all(Array.from({ length: 100 }, (_, number) => judge(`t${number}`)));
  cluster.token = token;
  assert.equal((await judge('new')).type, 'unavailable');
  assert.equal((await judge('ann')).type, 'allowed');
});
