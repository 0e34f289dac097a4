import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { canonicalize, encodeBody, type JsonObject, type KubeObject, objectKey, type Question } from '@hawser/protocol';
import { pino } from 'pino';
import { nodeIdentity } from '../api/device/identities.ts';
import { createDevicePolicy } from '../api/device-policy.ts';
import { createRegistry } from '../api/registry/registry.ts';
import { ApiError } from '../api/status.ts';
import { simulatedClock } from '../link/simulated-clock.ts';
import { type MemoryStore, openMemoryStore } from '../store/index.ts';
import type { CloudAnswer } from '../upstream/index.ts';
import { CREATED, podWithToken, tokenAnswer } from './testing.ts';
import { createTokenService, type TokenStats } from './token-service.ts';

const CLUSTER = '00000000-0000-4000-8000-00000000c105';
const YEAR_SECONDS = 31_536_000;
const SERVICE_ACCOUNTS = {
  id: 'serviceaccounts',
  group: '',
  version: 'v1',
  resource: 'serviceaccounts',
  kind: 'ServiceAccount',
  singular: 'serviceaccount',
  namespaced: true,
  shortNames: [],
  subresources: ['token'],
};

/** A device with two pods, and a cloud that answers when it is told to. */
function device(t: { after: (end: () => void) => void }) {
  const clock = simulatedClock();
  clock.set(CREATED);
  const lines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) });
  const asked: { question: Question; answer: (answer: CloudAnswer) => void; signal: AbortSignal | undefined }[] = [];
  let isOffline = false;
  let store: MemoryStore = openMemoryStore({ logger, clock });
  store.bindCluster(CLUSTER);
  t.after(() => store.close());

  const start = () => {
    const service = createTokenService({
      nodeName: 'edge-1',
      tokens: store.tokens,
      queries: {
        ask: (question, { signal } = {}) => {
          if (isOffline) return Promise.resolve({ type: 'offline' });
          const { promise, resolve, reject } = Promise.withResolvers<CloudAnswer>();
          signal?.addEventListener('abort', () => reject(signal.reason));
          asked.push({ question, answer: resolve, signal });
          return promise;
        },
      },
      clock,
      logger,
    });
    const policy = createDevicePolicy({
      nodeName: 'edge-1',
      hasSynced: () => true,
      requestToken: service.request,
    });
    return { service, registry: createRegistry({ storage: store.storage, policy, clock }) };
  };
  let running = start();

  const bring = (name: string, uid: string, version = '1') => {
    const object = podWithToken(name, uid);
    const text = JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion: version } });
    const { body, version: known } = canonicalize(text);
    const change = { type: 'upsert', version: known, body: encodeBody(body) } as const;
    store.applyBatch(CLUSTER, [{ key: objectKey('pods', 'shop', name), change }]);
  };
  bring('web', 'uid-web');

  const request = (spec: JsonObject = {}, pod = 'web', uid = `uid-${pod}`) => {
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: pod, uid };
    const body: KubeObject = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: { expirationSeconds: 3607, boundObjectRef, ...spec },
    };
    const target = { resource: SERVICE_ACCOUNTS, namespace: 'shop', name: 'clerk', subresource: 'token' };
    return running.registry.submit(nodeIdentity('edge-1'), target, body);
  };
  /** The cloud's answer to the last question, with a token that begins now. */
  const token = (id: string, lifeSeconds = 3607): CloudAnswer => ({
    type: 'found',
    cached: false,
    body: tokenAnswer(clock.now().getTime(), lifeSeconds, lifeSeconds === 3607 ? YEAR_SECONDS : lifeSeconds, id),
  });
  const last = () => asked.at(-1) ?? assert.fail('the cloud was not asked');
  return {
    clock,
    lines,
    asked,
    bring,
    request,
    token,
    last,
    stats: () => running.service.stats(),
    store: () => store,
    cut: () => {
      isOffline = true;
    },
    mend: () => {
      isOffline = false;
    },
    /** The process dies and starts again on the same disk. */
    restart() {
      const image = store.image();
      store.close();
      store = openMemoryStore({ image, logger, clock });
      running = start();
    },
    remove: (name: string, uid: string) =>
      store.applyBatch(CLUSTER, [{ key: objectKey('pods', 'shop', name), change: { type: 'delete', uid } }]),
    /** Asks, and has the cloud answer. */
    async obtain(answer: CloudAnswer, ...of: Parameters<typeof request>) {
      const given = request(...of);
      await turn();
      last().answer(answer);
      return given;
    },
  };
}

const tokenIn = ({ body }: { body: KubeObject }): string => String((body.status as JsonObject).token);
const stats = (of: Partial<TokenStats>): TokenStats => ({
  ...{ fresh: 0, renewed: 0, kept: 0, expired: 0, refused: 0, unavailable: 0 },
  ...of,
});
const code = (expected: number) => (error: unknown) => error instanceof ApiError && error.code === expected;

describe('a token', () => {
  it('is asked of the cloud, and then comes from what is kept while more than a fifth of its life is left', async (t) => {
    const { obtain, request, token, asked, clock, stats: now } = device(t);
    const first = await obtain(token('first'));
    assert.equal(first.status, 201);
    clock.advance(0.79 * 3_607_000);
    assert.deepEqual(await request(), first);
    assert.equal(asked.length, 1);
    clock.advance(0.02 * 3_607_000);
    const second = await obtain(token('second'));
    assert.notEqual(tokenIn(second), tokenIn(first));
    assert.deepEqual(await request(), second);
    assert.equal(asked.length, 2);
    assert.deepEqual(now(), stats({ fresh: 2, renewed: 2 }));
  });

  it('is the same, byte for byte, after a restart without the cloud', async (t) => {
    const { obtain, request, token, cut, restart, clock, stats: now } = device(t);
    const first = await obtain(token('first'));
    cut();
    restart();
    assert.deepEqual(await request(), first);
    clock.advance(30 * 24 * 3_600_000);
    restart();
    assert.deepEqual(await request(), first, 'a month later too: the JWT lives a year');
    assert.deepEqual(now(), stats({ kept: 1 }));
  });

  it('past its exp is handed out marked, with a warning, while the cloud cannot be asked, and not after', async (t) => {
    const { obtain, request, token, cut, mend, clock, last, stats: now } = device(t);
    const first = await obtain(token('first', 600), { expirationSeconds: 600 });
    cut();
    clock.advance(601_000);
    const old = await request({ expirationSeconds: 600 });
    assert.equal(tokenIn(old), tokenIn(first));
    assert.deepEqual(old.body.metadata.annotations, { 'hawser.dev/token-expired': '2026-01-01T00:10:00.000Z' });
    assert.deepEqual(old.warnings, [
      'the token has expired at 2026-01-01T00:10:00.000Z, and the cloud cannot be asked for another',
    ]);
    mend();
    const renewed = request({ expirationSeconds: 600 });
    await turn();
    last().answer(token('second', 600));
    assert.equal((await renewed).body.metadata.annotations, undefined);
    assert.deepEqual(now(), stats({ renewed: 2, expired: 1 }));
  });

  it('is not lost to a clock that is wrong', async (t) => {
    const { obtain, request, token, cut, clock } = device(t);
    const first = await obtain(token('first'));
    cut();
    for (const [milliseconds, isMarked] of [
      [-CREATED, false],
      [CREATED + 100 * YEAR_SECONDS * 1000, true],
      [-100 * YEAR_SECONDS * 1000, false],
    ] as const) {
      clock.set(milliseconds);
      const given = await request();
      assert.equal(tokenIn(given), tokenIn(first));
      assert.equal(given.warnings !== undefined, isMarked);
    }
  });

  it('that nobody has is 503 with Retry-After while the cloud cannot be asked', async (t) => {
    const { request, obtain, cut, stats: now } = device(t);
    const unavailable = obtain({ type: 'unavailable', retryAfterMs: 3_200, message: 'the API server is away' });
    await assert.rejects(
      unavailable,
      (error: unknown) => code(503)(error) && (error as ApiError).details?.retryAfterSeconds === 4,
    );
    cut();
    await assert.rejects(
      request(),
      (error: unknown) => code(503)(error) && (error as ApiError).details?.retryAfterSeconds === 10,
    );
    assert.deepEqual(now(), stats({ unavailable: 2 }));
  });

  it('that is to be renewed and cannot be serves on', async (t) => {
    const { obtain, request, token, clock, last } = device(t);
    const first = await obtain(token('first'));
    clock.advance(3_600_000);
    const given = request();
    await turn();
    last().answer({ type: 'unavailable', retryAfterMs: 1_000, message: 'not now' });
    assert.deepEqual(await given, first);
  });

  it('is asked for once, however many ask at once', async (t) => {
    const { request, token, asked, last, store, bring } = device(t);
    bring('db', 'uid-db');
    const given = [request(), request(), request({}, 'db'), request({ audiences: ['vault'] })];
    await turn();
    assert.equal(asked.length, 3, 'another pod and another audience are other tokens');
    for (const { answer } of asked) answer(token('same'));
    const [one, two] = await Promise.all(given);
    assert.deepEqual(one, two);
    assert.equal(store().tokens.count(), 3);
    const again = request({}, 'db', 'uid-db');
    assert.equal((await again).status, 201);
    assert.equal(asked.length, 3);
    assert.ok(last());
  });

  it('is asked for in turn where many are: the link has room for others', async (t) => {
    const { request, token, asked, bring } = device(t);
    const names = Array.from({ length: 40 }, (_, n) => `pod-${n}`);
    for (const name of names) bring(name, `uid-${name}`);
    const given = Promise.all(names.map((name) => request({}, name)));
    await turn();
    assert.equal(asked.length, 16);
    for (let answered = 0; answered < names.length; answered++) {
      asked[answered]?.answer(token(`${answered}`));
      await turn();
    }
    assert.equal((await given).length, 40);
    assert.equal(asked.length, 40);
  });

  it('is waited for half a minute, and ten seconds where one is kept; who waits for a turn waits no longer', async (t) => {
    const { request, obtain, token, clock, asked, bring, last } = device(t);
    const names = Array.from({ length: 16 }, (_, n) => `pod-${n}`);
    const first = await obtain(token('first'));
    clock.advance(3_600_000);
    for (const name of names) bring(name, `uid-${name}`);
    const waiting = names.map((name) => assert.rejects(request({}, name), code(503)));
    const kept = request();
    await turn();
    assert.equal(asked.length, 17, 'the last has no turn yet');
    clock.advance(9_999);
    await turn();
    clock.advance(1);
    assert.deepEqual(await kept, first);
    clock.advance(20_000);
    await Promise.all(waiting);
    assert.ok(last().signal?.aborted, 'the relay is told that nobody waits');
  });

  it('goes with its pod, also where the pod goes while the cloud is asked', async (t) => {
    const { request, obtain, token, remove, last, store, clock } = device(t);
    await obtain(token('first'));
    clock.advance(3_600_000);
    const given = request();
    await turn();
    remove('web', 'uid-web');
    assert.equal(store().tokens.count(), 0);
    last().answer(token('late'));
    assert.equal((await given).status, 201);
    assert.equal(store().tokens.count(), 0, 'it is not kept any more');
    await assert.rejects(request(), code(404));
  });
});

describe('what the cloud refuses', () => {
  const refusals: [string, boolean, CloudAnswer][] = [
    ['pod gone', true, { type: 'notFound', code: 404, reason: 'NotFound', message: 'pod "web" not found' }],
    ['account gone', true, { type: 'notFound', code: 404, reason: 'NotFound', message: 'serviceaccounts "clerk" not found' }],
    ['no relationship', false, { type: 'forbidden', code: 403, reason: 'Forbidden', message: 'no relationship found' }],
    ['not valid', false, { type: 'refused', code: 422, reason: 'Invalid', message: 'too short' }],
  ];
  for (const [what, ends, answer] of refusals) {
    it(`is passed on as it is (${what}), and what is kept ${ends ? 'ends' : 'stays for the time without the cloud'}`, async (t) => {
      const { request, obtain, token, cut, clock, last } = device(t);
      const first = await obtain(token('first'));
      clock.advance(3_600_000);
      const given = request();
      await turn();
      last().answer(answer);
      await assert.rejects(given, (error: unknown) => {
        assert.ok(error instanceof ApiError && 'code' in answer);
        assert.deepEqual([error.code, error.reason, error.message], [answer.code, answer.reason, answer.message]);
        return true;
      });
      cut();
      if (ends) await assert.rejects(request(), code(503));
      else assert.deepEqual(await request(), first);
    });
  }

  it('is refused here already where the device knows better, without asking', async (t) => {
    const { request, asked, stats: now } = device(t);
    await assert.rejects(request({}, 'web', 'uid-other'), code(403));
    await assert.rejects(request({}, 'none'), code(404));
    assert.equal(asked.length, 0);
    assert.deepEqual(now(), stats({ refused: 2 }));
  });

  it('an answer that is no token is none', async (t) => {
    const { obtain, store } = device(t);
    const body = '{"kind":"TokenRequest","status":{"token":"planted","expirationTimestamp":"soon"}}';
    await assert.rejects(obtain({ type: 'found', cached: false, body }), code(503));
    assert.equal(store().tokens.count(), 0);
  });
});

it('a full disk keeps no token from the pod that asks', async (t) => {
  const { obtain, token, store, lines, request, asked } = device(t);
  const { database } = store();
  database.exec("CREATE TEMP TRIGGER full BEFORE INSERT ON tokens BEGIN SELECT raise(ABORT, 'full'); END");
  const given = await obtain(token('first'));
  assert.equal(given.status, 201);
  assert.ok(lines.some((line) => line.includes('token not kept')));
  const again = request();
  await turn();
  assert.equal(asked.length, 2, 'and so the cloud is asked again');
  asked[1]?.answer(token('second'));
  await again;
});

it('no log line has a token, whatever happens', async (t) => {
  const { obtain, request, token, cut, clock, lines, remove, store } = device(t);
  const given = tokenIn(await obtain(token('first')));
  clock.advance(3_600_000);
  const body = `{"kind":"TokenRequest","status":{"token":"${given}","expirationTimestamp":"soon"}}`;
  await obtain({ type: 'found', cached: false, body });
  cut();
  await request();
  store().database.exec("UPDATE tokens SET hash = 'damaged'");
  await assert.rejects(request(), code(503));
  remove('web', 'uid-web');
  assert.ok(lines.length > 1);
  assert.ok(!lines.join('').includes(given.slice(0, 40)));
});
