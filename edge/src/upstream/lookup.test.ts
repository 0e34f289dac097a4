import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUERY_TABLE, type Question, resourceById } from '@hawser/protocol';
import { pino } from 'pino';
import type { StorageKey } from '../api/storage.ts';
import { simulatedClock } from '../link/simulated-clock.ts';
import { openMemoryStore } from '../store/index.ts';
import { CLUSTER, storageKey, testObject, upsert } from '../store/testing.ts';
import { createLookup } from './lookup.ts';
import type { CloudAnswer } from './queries.ts';

const logger = pino({ level: 'silent' });
const DAY_MS = 24 * 3_600_000;
const PV = storageKey('persistentvolumes', 'disk', '');
const NODE = storageKey('nodes', 'edge-2', '');

function found(key: StorageKey, marker = 'first', cached = false): CloudAnswer {
  const { kind, group, version } = resourceById(key.resource) ?? assert.fail();
  const apiVersion = group === '' ? version : `${group}/${version}`;
  return { type: 'found', cached, body: JSON.stringify({ ...testObject(key, 'u1', { marker }), apiVersion, kind }) };
}

const NOT_FOUND: CloudAnswer = { type: 'notFound', code: 404, reason: 'NotFound', message: 'there is none' };
const FORBIDDEN: CloudAnswer = { type: 'forbidden', code: 403, reason: 'Forbidden', message: 'no relationship' };
const REFUSED: CloudAnswer = { type: 'refused', code: 400, reason: 'BadRequest', message: 'what?' };
const UNAVAILABLE: CloudAnswer = { type: 'unavailable', retryAfterMs: 2_000, message: 'later' };
const OFFLINE: CloudAnswer = { type: 'offline' };

function harness() {
  const clock = simulatedClock();
  const store = openMemoryStore({ logger, clock });
  store.bindCluster(CLUSTER);
  const asked: Question[] = [];
  let next: CloudAnswer = OFFLINE;
  let syncedAgeMs: number | undefined = 0;
  const lookup = createLookup({
    store,
    queries: {
      ask: (question) => {
        asked.push(question);
        return Promise.resolve(next);
      },
    },
    syncedAgeMs: () => syncedAgeMs,
    clock,
    logger,
  });
  return {
    clock,
    store,
    asked,
    look: lookup.look,
    /** What the cloud says from here on. */
    says: (answer: CloudAnswer) => {
      next = answer;
    },
    syncedAge: (age: number | undefined) => {
      syncedAgeMs = age;
    },
  };
}

/** Type, source and age; of an object its marker. */
function brief(result: Awaited<ReturnType<ReturnType<typeof harness>['look']>>): unknown[] {
  if (result.type === 'found') return [result.type, result.source, result.ageMs, result.object.marker];
  if (result.type === 'notFound') return [result.type, result.source, result.ageMs];
  return [result.type];
}

test('what the cloud sends here by itself is answered from that, and nobody is asked', async () => {
  const { store, look, asked, syncedAge } = harness();
  const map = storageKey('configmaps', 'settings');
  store.applyBatch(CLUSTER, [upsert(map, '1', testObject(map, 'u1', { marker: 'synced' }))]);
  assert.deepEqual(brief(await look(map)), ['found', 'synced', 0, 'synced']);
  syncedAge(7_000);
  assert.deepEqual(brief(await look(map)), ['found', 'synced', 7_000, 'synced']);
  assert.deepEqual(asked, []);
});

test("who wants the cloud's own word has it while there is a link, and what is synced without one", async () => {
  const { store, look, says, syncedAge } = harness();
  const map = storageKey('configmaps', 'settings');
  store.applyBatch(CLUSTER, [upsert(map, '1', testObject(map, 'u1', { marker: 'synced' }))]);
  says(found(map, 'live'));
  assert.deepEqual(brief(await look(map, { live: true })), ['found', 'cloud', 0, 'live']);
  says(NOT_FOUND);
  assert.deepEqual(brief(await look(map, { live: true })), ['notFound', 'cloud', 0]);
  says(OFFLINE);
  syncedAge(4_000);
  assert.deepEqual(brief(await look(map, { live: true })), ['found', 'synced', 4_000, 'synced']);
});

test('with a link the cloud is asked each time, whatever is kept', async () => {
  const { look, says, clock, asked } = harness();
  says(found(PV));
  assert.deepEqual(brief(await look(PV)), ['found', 'cloud', 0, 'first']);
  clock.advance(5_000);
  says(found(PV, 'second'));
  assert.deepEqual(brief(await look(PV)), ['found', 'cloud', 0, 'second']);
  says(found(storageKey('endpoints', 'db'), 'cached', true));
  assert.deepEqual(brief(await look(storageKey('endpoints', 'db'))), ['found', 'relayCache', 0, 'cached']);
  assert.deepEqual(asked[0], { type: 'get', ...PV });
  assert.equal(asked.length, 3);
});

test('without a link the last answer serves with its age, and one about an object that was not asked for is no "not found"', async () => {
  const { look, says, clock } = harness();
  says(found(PV));
  await look(PV);
  says(OFFLINE);
  clock.advance(400 * DAY_MS);
  assert.deepEqual(brief(await look(PV)), ['found', 'kept', 400 * DAY_MS, 'first']);
  const other = await look(storageKey('persistentvolumes', 'other', ''));
  assert.equal(other.type, 'unknownOffline');
  clock.set(-500 * DAY_MS);
  assert.deepEqual(brief(await look(PV)), ['found', 'kept', 0, 'first']);
});

test('"not found" is kept as an answer of its own, in place of the object, and an object in its place', async () => {
  const { look, says, clock } = harness();
  says(found(PV));
  await look(PV);
  says(NOT_FOUND);
  assert.deepEqual(brief(await look(PV)), ['notFound', 'cloud', 0]);
  says(OFFLINE);
  clock.advance(9_000);
  assert.deepEqual(brief(await look(PV)), ['notFound', 'kept', 9_000]);
  says(found(PV, 'again'));
  await look(PV);
  says(OFFLINE);
  assert.deepEqual(brief(await look(PV)), ['found', 'kept', 0, 'again']);
});

test('forbidden, refused and unavailable are passed on as such, never kept, and take nothing away that is kept', async () => {
  const { look, says, store } = harness();
  for (const answer of [FORBIDDEN, REFUSED, UNAVAILABLE]) {
    says(answer);
    assert.deepEqual(await look(PV), answer);
  }
  assert.equal(store.answers.stats().answers, 0);
  says(found(PV));
  await look(PV);
  for (const answer of [FORBIDDEN, REFUSED, UNAVAILABLE]) {
    says(answer);
    assert.deepEqual(await look(PV), answer);
    says(OFFLINE);
    assert.deepEqual(brief(await look(PV)), ['found', 'kept', 0, 'first']);
  }
});

test('an answer whose time is over serves no longer, and is said to be known once', async () => {
  const { look, says, clock } = harness();
  says(found(NODE));
  await look(NODE);
  says(OFFLINE);
  clock.advance(DAY_MS);
  assert.deepEqual(brief(await look(NODE)), ['found', 'kept', DAY_MS, 'first']);
  clock.advance(1);
  const over = await look(NODE);
  assert.equal(over.type, 'unknownOffline');
  assert.match(over.type === 'unknownOffline' ? over.message : '', /86400 s old, and one about nodes serves for 86400 s/);
});

test('of each kind of object the query table says whether and for how long it serves offline', async () => {
  for (const { type, resource, kept, offlineSeconds } of QUERY_TABLE) {
    if (type !== 'get') continue;
    const { look, says, clock } = harness();
    const key = { resource, namespace: resourceById(resource)?.namespaced ? 'shop' : '', name: 'x' };
    says(found(key));
    await look(key);
    says(OFFLINE);
    const now = await look(key);
    assert.equal(now.type, kept ? 'found' : 'unknownOffline', resource);
    clock.advance((offlineSeconds ?? 1e9) * 1_000 + 1);
    assert.equal((await look(key)).type, kept && offlineSeconds === undefined ? 'found' : 'unknownOffline', resource);
  }
});

test('what nobody may ask for is refused here, whether there is a link or not', async () => {
  const { look, asked } = harness();
  const result = await look(storageKey('apps/deployments', 'web'));
  assert.deepEqual([result.type, result.type === 'refused' && result.code], ['refused', 405]);
  assert.deepEqual(asked, []);
});

test('an answer that cannot be kept is an answer all the same', async () => {
  const { look, says, store } = harness();
  says(found(PV));
  store.database.exec('PRAGMA query_only = ON');
  assert.deepEqual(brief(await look(PV)), ['found', 'cloud', 0, 'first']);
});

test('who does not wait any more hears his own reason', async () => {
  const { look } = harness();
  await assert.rejects(look(PV, { signal: AbortSignal.abort(new Error('enough')) }), /enough/);
});
