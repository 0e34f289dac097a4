import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HawserError } from '@hawser/protocol';
import { pino } from 'pino';
import type { ApiRequest, ApiResponse } from '../apiserver/index.ts';
import { ManualClock } from '../downstream/testing/manual-clock.ts';
import { createClusterKeys } from './cluster-keys.ts';
import { audiencesOf, canonicalKeySet, readIssuer } from './documents.ts';

const ISSUER = 'https://issuer.example';
const KEY = { kty: 'EC', kid: 'a', use: 'sig', alg: 'ES256', crv: 'P-256', x: 'eA', y: 'eQ' };
const MINUTES_5 = 5 * 60_000;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const tokenOf = (claims: object) => `${part({ alg: 'ES256' })}.${part(claims)}.c2ln`;

/** An API server that answers what the test sets, by path. */
function scene(ownToken?: string) {
  const answers: Record<string, { status?: number; body?: object }> = {
    '/.well-known/openid-configuration': { body: { issuer: ISSUER } },
    '/openid/v1/jwks': { body: { keys: [KEY] } },
  };
  const clock = new ManualClock();
  const stopping = new AbortController();
  const asked: string[] = [];
  const lines: string[] = [];
  let changes = 0;
  const source = createClusterKeys({
    api: {
      async request({ method, path }: ApiRequest): Promise<ApiResponse> {
        asked.push(`${method} ${path}`);
        const { status = 200, body = {} } = answers[path] ?? assert.fail(path);
        return { status, headers: {}, text: JSON.stringify(body) };
      },
    },
    ownToken: async () => ownToken,
    clock,
    random: () => 0.5,
    signal: stopping.signal,
    logger: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
  });
  source.onChange(() => {
    changes += 1;
  });
  const settled = async () => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return {
    answers,
    asked,
    lines,
    source,
    stopping,
    settled,
    changes: () => changes,
    async pass(ms: number) {
      clock.advance(ms);
      await settled();
    },
  };
}

test('nothing is read before a device wants it; then the two documents, and again every five minutes', async () => {
  const { asked, source, settled, pass, changes } = scene();
  await pass(MINUTES_5);
  assert.deepEqual(asked, []);
  for (let device = 0; device < 3; device++) source.wanted();
  await settled();
  assert.deepEqual(asked, ['GET /.well-known/openid-configuration', 'GET /openid/v1/jwks']);
  const current = source.current();
  assert.deepEqual(current?.keys, {
    issuer: ISSUER,
    audiences: [ISSUER],
    keySet: JSON.stringify({ keys: [KEY] }),
  });
  await pass(MINUTES_5);
  assert.equal(asked.length, 4);
  assert.equal(changes(), 1, 'nothing has changed');
});

test('a key that is added changes what is told, and an order that differs does not', async () => {
  const { answers, source, settled, pass, changes } = scene();
  source.wanted();
  await settled();
  const first = source.current()?.digest;
  answers['/openid/v1/jwks'] = { body: { keys: [{ ...KEY, kid: 'b' }, KEY] } };
  await pass(MINUTES_5);
  const second = source.current()?.digest;
  assert.notEqual(second, first);
  answers['/openid/v1/jwks'] = { body: { keys: [KEY, Object.fromEntries(Object.entries({ ...KEY, kid: 'b' }).reverse())] } };
  await pass(MINUTES_5);
  assert.equal(source.current()?.digest, second);
  assert.equal(changes(), 2);
});

test('what cannot be read is told once and tried again, and takes nothing away that is known', async () => {
  const { answers, asked, lines, source, settled, pass } = scene();
  answers['/openid/v1/jwks'] = { status: 403 };
  source.wanted();
  await settled();
  await pass(30_000);
  await pass(30_000);
  assert.equal(asked.length, 6);
  assert.equal(source.current(), undefined);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /may not read \/openid\/v1\/jwks \(403\): grant its account/);
  answers['/openid/v1/jwks'] = { body: { keys: [KEY] } };
  await pass(30_000);
  const known = source.current();
  assert.ok(known !== undefined);
  for (const wrong of [{ status: 503 }, { body: { keys: 'none' } }, { body: [] }]) {
    answers['/openid/v1/jwks'] = wrong;
    await pass(MINUTES_5);
    assert.equal(source.current(), known);
  }
});

test('a relay that stops reads no more', async () => {
  const { asked, source, settled, stopping, pass } = scene();
  source.wanted();
  await settled();
  stopping.abort();
  await pass(MINUTES_5);
  assert.equal(asked.length, 2);
});

test("the API server's audiences are those of the relay's own token, where it has one from this issuer", async () => {
  for (const [token, audiences] of [
    [tokenOf({ iss: ISSUER, aud: ['https://kubernetes.default.svc', 'api'] }), ['api', 'https://kubernetes.default.svc']],
    [tokenOf({ iss: 'https://other.example', aud: ['api'] }), [ISSUER]],
    ['abcdef.0123456789abcdef', [ISSUER]],
    ['a-token-of-a-file', [ISSUER]],
  ] as const) {
    const { source, settled } = scene(token);
    source.wanted();
    await settled();
    assert.deepEqual(source.current()?.keys.audiences, audiences);
  }
  for (const aud of ['api', [], [7], ['a', ''], ['x'.repeat(1025)], new Array(17).fill('a')]) {
    assert.equal(audiencesOf(tokenOf({ iss: ISSUER, aud }), ISSUER), undefined);
  }
});

test('only what is public of a key is told, and documents that are wrong are refused', () => {
  const told = canonicalKeySet(JSON.stringify({ keys: [{ ...KEY, d: 'secret', p: 'secret', x5c: ['chain'] }, 'no key'] }));
  assert.equal(told, JSON.stringify({ keys: [KEY] }));
  const isRefused = (error: unknown) => error instanceof HawserError && error.code === 'malformed_object';
  for (const text of ['', 'null', '[]', '{}', '{"keys":{}}', JSON.stringify({ keys: [{ ...KEY, n: 'n'.repeat(65_536) }] })]) {
    assert.throws(() => canonicalKeySet(text), isRefused, text.slice(0, 20));
  }
  for (const text of ['', '[]', '{}', '{"issuer":""}', '{"issuer":7}', JSON.stringify({ issuer: 'i'.repeat(1_025) })]) {
    assert.throws(() => readIssuer(text), isRefused, text.slice(0, 20));
  }
});
