import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { digestOf } from '../held-set.ts';
import { keySeal } from '../key-seal.ts';
import { type MemoryStore, openMemoryStore } from '../memory.ts';
import { openStore } from '../open.ts';
import { readStore } from '../read-store.ts';
import { SCHEMA_VERSION } from '../schema.ts';
import { PLAIN, type Seal } from '../seal.ts';
import * as helpers from '../testing.ts';
import type { EdgeStore } from '../types.ts';
import * as story from './story.ts';

/** `03.sql` is the story in schema 3; `06-sealed.sql` in schema 6, by an agent that sealed. */
const FIXTURES = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.sql'));
const OWN = keySeal(story.FIXTURE_KEY);
const OWN_SOURCE = () => OWN;
const TOKENS_SINCE = 2;
const ANSWERS_SINCE = 4;

const { silent, clock, storageKey, temporaryFolder, applied, upsert, testObject, CLUSTER } = helpers;
const key = ([resource, name, namespace]: readonly [string, string, string?]) => storageKey(resource, name, namespace);
const versionOf = (fixture: string) => Number.parseInt(fixture, 10);

function load(db: InstanceType<typeof Database>, fixture: string): void {
  db.exec(readFileSync(join(import.meta.dirname, fixture), 'utf8'));
}

/** In memory, as a schema is the same there and no disk has to be waited for. */
function imageOf(fixture: string): Buffer {
  const db = new Database(':memory:');
  load(db, fixture);
  const image = db.serialize();
  db.close();
  return image;
}

/** The fixture as the file of a device. */
function fileOf(t: TestContext, fixture: string): string {
  const path = join(temporaryFolder(t), 'agent.db');
  const db = new Database(path);
  load(db, fixture);
  db.close();
  chmodSync(path, 0o600);
  return path;
}

function open(t: TestContext, image: Buffer | undefined, seal: Seal): MemoryStore {
  const store = openMemoryStore({ ...(image && { image }), logger: silent, clock, seal });
  t.after(() => store.close());
  return store;
}

/** Opened once more, as the fixture is: what was refused in an earlier life is asked for again. */
function storyOfToday(t: TestContext, seal: Seal): MemoryStore {
  const first = open(t, undefined, seal);
  story.tellStory(first, helpers);
  return open(t, first.image(), seal);
}

/** What a device has of its past, without the numbers that each file has for itself. */
function told(store: EdgeStore) {
  const served = [
    story.NODE,
    story.WEB,
    story.ANSWERED,
    story.LEAVING,
    story.SETTINGS,
    story.LOGIN,
    story.ODD,
    story.MADE_SECRET,
    story.EVENT,
  ];
  return {
    identity: { ...store.identity(), storeId: '' },
    digest: store.digest(),
    held: [...store.inventory()],
    facts: store.facts(),
    served: served.map((named) => withoutRevision(store.storage.get(key(named)))),
    outbox: store.outbox.pending(100).map(({ number: _, ...report }) => report),
    size: store.outbox.size(),
    refusals: store.outbox.refusals().map(({ number: _, ...refusal }) => refusal),
  };
}

function withoutRevision(object: ReturnType<EdgeStore['storage']['get']>) {
  return object && { ...object, metadata: { ...object.metadata, resourceVersion: '' } };
}

/** A step that a store has been through is never changed: both ways lead to the same. */
function tablesOf({ database }: MemoryStore): unknown[] {
  return database.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all();
}

/** Reads every row again, as the agent does all the time. */
function damageIn(store: EdgeStore) {
  while (!store.recheck.step());
  return store.recheck.stats().damaged;
}

describe('a store of an earlier schema', () => {
  it('is there as a fixture of each schema up to the present one', () => {
    const versions = [...new Set(FIXTURES.map(versionOf))].sort((a, b) => a - b);
    assert.deepEqual(
      versions,
      Array.from({ length: SCHEMA_VERSION }, (_, n) => n + 1),
      'a new schema needs its fixture: node edge/src/store/schemas/write-fixture.ts --seal edge/src/store/schemas/NN.sql',
    );
  });

  for (const fixture of FIXTURES) {
    const wasSealed = readFileSync(join(import.meta.dirname, fixture), 'utf8').includes(OWN.name);
    for (const seal of wasSealed ? [OWN] : [OWN, PLAIN]) {
      it(`${fixture} is opened with everything that it held, ${seal === PLAIN ? 'as it lies' : 'sealed'}`, (t) => {
        const store = open(t, imageOf(fixture), seal);
        const present = storyOfToday(t, seal);

        const now = told(store);
        assert.deepEqual(now, told(present), 'as the story told today');
        assert.deepEqual(tablesOf(store), tablesOf(present), 'tables');
        assert.equal(now.held.length, 7);
        assert.equal(now.digest, digestOf(now.held).toString(), 'digest');
        assert.deepEqual(
          now.outbox.map(({ resource, name, operation }) => `${operation.type} ${resource} ${name}`),
          ['patch pods web', 'create secrets made', 'remove pods leaving', 'create events web.started'],
        );
        assert.deepEqual(damageIn(store), { row: 0, lost: 0, body: 0, write: 0, served: 0 });
        if (versionOf(fixture) >= TOKENS_SINCE && wasSealed === (seal === OWN)) {
          assert.deepEqual(store.tokens.get(story.TOKEN_KEY), story.TOKEN);
        }
        if (versionOf(fixture) >= ANSWERS_SINCE && wasSealed === (seal === OWN)) {
          assert.deepEqual(store.answers.get(key(story.ASKED)), story.ANSWER);
        }
      });
    }

    it(`${fixture} goes on where it was: what was answered waits for the cloud's object, what was not is answered`, (t) => {
      const store = open(t, imageOf(fixture), OWN);
      const answered = () => store.storage.get(key(story.ANSWERED))?.status;
      const send = (version: string, phase: string) =>
        store.applyBatch(CLUSTER, [
          upsert(key(story.ANSWERED), version, testObject(key(story.ANSWERED), 'uid-answered', { status: { phase } })),
        ]);
      assert.deepEqual(answered(), { phase: 'Running' });
      send(String(Number(story.ANSWERED_VERSION) - 1), 'Pending');
      assert.deepEqual(answered(), { phase: 'Running' }, 'older than the answer');
      send(story.ANSWERED_VERSION, 'Succeeded');
      assert.deepEqual(answered(), { phase: 'Succeeded' });

      for (const { number, uid } of store.outbox.pending(100)) store.outbox.answer(number, applied(uid ?? 'uid-new', '50'));
      assert.equal(store.outbox.count(), 0);
      // A kubelet finds its Lease, or makes it: earlier schemas had it in a row.
      const lease = store.storage.get(key(story.LEASE));
      if (lease === undefined) helpers.create(store, key(story.LEASE), 'uid-lease', { spec: { holderIdentity: 'edge-1' } });
      else helpers.update(store, { ...lease, spec: { holderIdentity: 'edge-1', leaseTransitions: 1 } }, key(story.LEASE));
      assert.equal(store.outbox.count(), 0, 'Leases stay here');
      assert.deepEqual(damageIn(store), { row: 0, lost: 0, body: 0, write: 0, served: 0 });
    });

    it(`${fixture} is the same when it is opened once more`, (t) => {
      const first = open(t, imageOf(fixture), OWN);
      assert.deepEqual(told(open(t, first.image(), OWN)), told(first));
    });
  }

  it('is brought to the present schema in its file, and left as it is by what only reads', (t) => {
    const path = fileOf(t, '01.sql');
    const before = readFileSync(path);
    assert.throws(() => readStore(path), { code: 'unsupported', message: /schema 1, .* Start the agent of this version/ });
    assert.deepEqual(readFileSync(path), before);
    const opened = openStore({ path, logger: silent, clock, seal: OWN });
    const now = told(opened);
    opened.close();
    assert.equal(readStore(path, OWN_SOURCE).digest(), now.digest);
    const again = openStore({ path, logger: silent, clock, seal: OWN });
    t.after(() => again.close());
    assert.deepEqual(told(again), now);
    assert.deepEqual(now, told(open(t, imageOf('01.sql'), OWN)));
  });
});
