import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { bodyHash, canonicalize, encodeDelta, type KubeObject } from '@hawser/protocol';
import Database from 'better-sqlite3';
import { leaksIn, planted } from '../../../test/support/planted.ts';
import { readStore } from './index.ts';
import { keySeal } from './key-seal.ts';
import { openStore } from './open.ts';
import { PLAIN, type Seal } from './seal.ts';
import {
  applied,
  CLUSTER,
  clock,
  create,
  keyText,
  onlyReport,
  removal,
  remove,
  served,
  silent,
  storageKey,
  temporaryFolder,
  testObject,
  update,
  upsert,
} from './testing.ts';
import type { EdgeStore, StoreOptions } from './types.ts';

const KEY = keySeal(Buffer.alloc(32, 1));
const OTHER = keySeal(Buffer.alloc(32, 2));
const SECRET = storageKey('secrets', 'login');
const POD = storageKey('pods', 'web');

function open(path: string, seal: Seal = KEY, options: Partial<StoreOptions> = {}): EdgeStore {
  const store = openStore({ path, logger: silent, clock, seal, ...options });
  store.bindCluster(CLUSTER);
  return store;
}

function storeFile(t: TestContext): string {
  return join(temporaryFolder(t), 'agent.db');
}

function secretOf(key: typeof SECRET, value: string, uid = 'uid-1'): KubeObject {
  const object = testObject(key, uid, { data: { password: Buffer.from(value).toString('base64') } });
  return { ...object, kind: 'Secret' };
}

function bodyOf(object: KubeObject, resourceVersion: string): string {
  return canonicalize(JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion } })).body;
}

function passwordOf(object: KubeObject | undefined): string {
  const { password } = Object(object?.data);
  return typeof password === 'string' ? Buffer.from(password, 'base64').toString() : 'none';
}

/** Everything in the folder of the store: database, log, shared memory, lock. */
function assertNothingPlanted(path: string): void {
  const folder = join(path, '..');
  const files = readdirSync(folder);
  assert.ok(files.includes('agent.db'));
  for (const file of files) assert.deepEqual(leaksIn(readFileSync(join(folder, file))), [], file);
}

/** Puts a planted value through every way that leads into the file. */
function fill(store: EdgeStore, check: () => void): void {
  const first = secretOf(SECRET, planted('upsert'));
  const second = secretOf(SECRET, planted('delta'));
  const refusal = upsert(SECRET, '3', secretOf(SECRET, planted('refused')));
  const [from, to] = [bodyOf(first, '1'), bodyOf(second, '2')];
  const delta = {
    key: keyText(SECRET),
    change: { type: 'upsertDelta', resourceVersion: '2', baseHash: bodyHash(from), hash: bodyHash(to), ...encodeDelta(from, to) },
  } as const;
  assert.deepEqual(
    store.applyBatch(CLUSTER, [upsert(POD, '1', testObject(POD, 'uid-web')), upsert(SECRET, '1', first)]).nacks,
    [],
  );
  assert.deepEqual(store.applyBatch(CLUSTER, [delta]).nacks, []);
  assert.equal(passwordOf(served(store, SECRET)), planted('delta'));
  check();
  assert.ok(refusal.change.type === 'upsert');
  const damaged = { ...refusal, change: { ...refusal.change, version: { ...refusal.change.version, hash: '0123456789abcdef' } } };
  assert.equal(store.applyBatch(CLUSTER, [damaged]).nacks.length, 1);
  check();
  // What the administrator of the device writes: to the cloud's object, a new one, one that is taken back, one that is refused.
  update(store, { ...served(store, SECRET), stringData: { more: planted('patch') } }, SECRET);
  update(store, { ...served(store, SECRET), stringData: { more: planted('merged patch') } }, SECRET);
  const born = storageKey('secrets', 'born');
  create(store, born, 'uid-born', { kind: 'Secret', data: { password: Buffer.from(planted('create')).toString('base64') } });
  update(store, { ...served(store, born), stringData: { more: planted('amended') } }, born);
  const gone = storageKey('secrets', 'gone');
  create(store, gone, 'uid-gone', { kind: 'Secret', stringData: { x: planted('taken back') } });
  remove(store, gone);
  check();
  const reports = store.outbox.pending(10).filter(({ resource }) => resource === 'secrets');
  const sent = reports.map(({ operation }) => ('body' in operation ? operation.body : '')).join('\n');
  for (const name of ['merged patch', 'create', 'amended']) assert.notDeepEqual(leaksIn(sent, [planted(name)]), []);
  const createNumber = reports.find(({ name }) => name === 'born')?.number ?? 0;
  const patchNumber = reports.find(({ name }) => name === 'login')?.number ?? 0;
  store.outbox.answer(createNumber, applied('uid-in-the-cloud', '7'));
  store.outbox.answer(patchNumber, {
    type: 'refused',
    code: 422,
    reason: 'Invalid',
    message: `Invalid value: "${planted('quoted by the API server')}"`,
  });
  check();
  // What is asked for.
  const asked = { readAt: 1, from: 'live' } as const;
  store.answers.put(storageKey('secrets', 'asked'), {
    type: 'found',
    body: bodyOf(secretOf(SECRET, planted('answer')), '4'),
    ...asked,
  });
  store.answers.put(storageKey('secrets', 'none'), { type: 'notFound', message: planted('answer of the server'), ...asked });
  const times = { issuedAt: 1, keptAt: 1, expiresAt: 2, validUntil: 3 };
  const tokenKey = {
    namespace: 'default',
    podName: 'web',
    podUid: 'uid-web',
    serviceAccount: 'default',
    audiences: [],
    expirationSeconds: 3607,
  };
  assert.equal(store.tokens.put(tokenKey, { body: JSON.stringify({ status: { token: planted('token') } }), ...times }), true);
  assert.equal(
    store.tokens.put(tokenKey, { body: JSON.stringify({ status: { token: planted('newer token') } }), ...times }),
    true,
  );
  check();
}

describe('a sealed store', () => {
  it('shows nothing of a Secret, an answer or a token in any file, whatever way they came, while it is open and after', (t) => {
    const path = storeFile(t);
    const store = open(path);
    fill(store, () => assertNothingPlanted(path));
    store.close();
    assertNothingPlanted(path);
    const again = open(path);
    t.after(() => again.close());
    assert.equal(again.answers.get(storageKey('secrets', 'asked'))?.type, 'found');
    again.applyBatch(CLUSTER, [removal(SECRET, 'uid-1'), removal(POD, 'uid-web')]);
    remove(again, storageKey('secrets', 'born'));
    assertNothingPlanted(path);
  });

  it('would be found out: the same without a key shows every one of them', (t) => {
    const path = storeFile(t);
    const store = open(path, PLAIN);
    fill(store, () => undefined);
    store.close();
    const file = readFileSync(path);
    for (const name of ['delta', 'answer', 'newer token', 'amended'])
      assert.notDeepEqual(leaksIn(file, [planted(name)]), [], name);
  });

  it('serves, lists, watches and remembers Secrets as they are', (t) => {
    const path = storeFile(t);
    const store = open(path);
    const heard: string[] = [];
    store.storage.subscribe('secrets', ({ type, object, previous }) =>
      heard.push(`${type} ${passwordOf(object)} ${passwordOf(previous)}`),
    );
    const begin = store.storage.revision();
    store.applyBatch(CLUSTER, [upsert(SECRET, '1', secretOf(SECRET, 'one'))]);
    const between = store.storage.revision();
    store.applyBatch(CLUSTER, [upsert(SECRET, '2', secretOf(SECRET, 'two'))]);
    const digest = store.digest();
    store.close();
    const again = open(path);
    t.after(() => again.close());
    assert.equal(again.digest(), digest);
    assert.equal(passwordOf(again.storage.get(SECRET)), 'two');
    assert.deepEqual(again.storage.list('secrets').map(passwordOf), ['two']);
    assert.deepEqual(again.storage.listAt('secrets', between).map(passwordOf), ['one']);
    assert.deepEqual(
      again.storage.changesAfter('secrets', begin).map(({ object }) => passwordOf(object)),
      ['one', 'two'],
    );
    assert.equal(passwordOf(again.synced(SECRET)), 'two');
    assert.deepEqual(heard, ['ADDED one none', 'MODIFIED two one']);
    for (let isOver = false; !isOver; ) isOver = again.recheck.step();
    assert.deepEqual(again.recheck.stats().damaged, { row: 0, lost: 0, body: 0, write: 0, served: 0 });
  });

  it("names the cloud's uid in what was written to Secrets before it was known", (t) => {
    const store = open(storeFile(t));
    t.after(() => store.close());
    const owner = storageKey('pods', 'static');
    create(store, owner, 'provisional');
    create(store, SECRET, 'uid-secret', {
      kind: 'Secret',
      metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'static', uid: 'provisional' }] },
    });
    const report = onlyReport(store);
    assert.equal(report.resource, 'pods');
    store.outbox.answer(report.number, applied('uid-of-the-cloud', '5'));
    assert.equal(Object(served(store, SECRET).metadata.ownerReferences)[0].uid, 'uid-of-the-cloud');
    const { operation } = onlyReport(store);
    assert.ok(operation.type === 'create' && operation.body.includes('uid-of-the-cloud'));
  });

  it('is read by the commands with its key alone, and what is not sealed without', (t) => {
    const path = storeFile(t);
    const store = open(path);
    store.applyBatch(CLUSTER, [upsert(SECRET, '1', secretOf(SECRET, 'one')), upsert(POD, '1', testObject(POD, 'uid-web'))]);
    store.close();
    const reader = readStore(path, () => KEY);
    assert.equal(passwordOf(reader.get(SECRET)), 'one');
    assert.deepEqual(reader.list('secrets').map(passwordOf), ['one']);
    assert.equal(passwordOf(reader.synced(SECRET)), 'one');
    assert.equal(reader.seal(), KEY.name);
    reader.close();
    for (const seal of [OTHER, PLAIN]) {
      const without = readStore(path, () => seal);
      assert.equal(without.get(POD)?.metadata.name, 'web');
      assert.deepEqual(without.counts(), [
        { resource: 'pods', objects: 1 },
        { resource: 'secrets', objects: 1 },
      ]);
      assert.throws(() => without.get(SECRET), { code: 'bad_config', message: new RegExp(KEY.name.slice(-16)) });
      without.close();
    }
  });
});

describe('a sealed row', () => {
  /** Two Secrets, and the rows of one changed behind the store's back. */
  function setUp(t: TestContext, change: (db: Database.Database) => void): EdgeStore {
    const path = storeFile(t);
    const other = storageKey('secrets', 'other');
    const store = open(path);
    store.applyBatch(CLUSTER, [
      upsert(SECRET, '1', secretOf(SECRET, 'one')),
      upsert(other, '1', secretOf(other, 'two', 'uid-2')),
    ]);
    store.close();
    const db = new Database(path);
    change(db);
    db.close();
    const again = open(path);
    t.after(() => again.close());
    return again;
  }
  const held = (store: EdgeStore) => [...store.inventory()].map(({ key, refused }) => `${key} ${refused}`);

  it('that is put into another row does not open there: it is asked for anew', (t) => {
    const store = setUp(t, (db) => {
      const [first, second] = db.prepare<[], { id: number; body: string }>('SELECT id, body FROM objects ORDER BY id').all();
      const write = db.prepare('UPDATE objects SET body = ? WHERE id = ?');
      write.run(second?.body, first?.id);
      write.run(first?.body, second?.id);
    });
    assert.deepEqual(held(store), ['secrets/default/login true', 'secrets/default/other true']);
    // What was served is a text of its own, and stays until the cloud has sent it again.
    assert.equal(passwordOf(store.storage.get(SECRET)), 'one');
    store.applyBatch(CLUSTER, [upsert(SECRET, '1', secretOf(SECRET, 'one'))]);
    assert.deepEqual(held(store), ['secrets/default/login false', 'secrets/default/other true']);
  });

  it("that is served and cannot be opened is served no more, and made anew from the cloud's body", (t) => {
    const store = setUp(t, (db) => db.exec("UPDATE changes SET object = substr(object, 1, length(object) - 8) || 'AAAAAAA='"));
    assert.deepEqual(held(store), ['secrets/default/login false', 'secrets/default/other false']);
    assert.equal(passwordOf(store.storage.get(SECRET)), 'one');
    assert.equal(store.recheck.stats().damaged.served, 2);
  });

  it('of which nothing can be opened is no object and no empty one, and comes back with the cloud', (t) => {
    const store = setUp(t, (db) => {
      db.exec("UPDATE objects SET body = substr(body, 1, 60) || 'AAAA' WHERE name = 'login'");
      db.exec("UPDATE changes SET object = substr(object, 1, 60) || 'AAAA' WHERE name = 'login'");
    });
    assert.equal(store.storage.get(SECRET), undefined);
    assert.deepEqual(store.storage.list('secrets').map(passwordOf), ['two']);
    store.applyBatch(CLUSTER, [upsert(SECRET, '1', secretOf(SECRET, 'one'))]);
    assert.equal(passwordOf(store.storage.get(SECRET)), 'one');
  });

  it('of which one alone lies under another key is damaged: the store opens', (t) => {
    const store = setUp(t, (db) => {
      const sealed = `${OTHER.name}:${Buffer.from(OTHER.seal('{}', 'object 1')).toString('base64')}`;
      db.prepare("UPDATE objects SET body = ? WHERE name = 'login'").run(sealed);
    });
    assert.deepEqual(held(store), ['secrets/default/login true', 'secrets/default/other false']);
  });

  it('that holds a local write and is damaged loses that write, and says so', (t) => {
    const path = storeFile(t);
    const store = open(path);
    store.applyBatch(CLUSTER, [upsert(SECRET, '1', secretOf(SECRET, 'one'))]);
    update(store, { ...served(store, SECRET), stringData: { more: 'x' } }, SECRET);
    store.close();
    const db = new Database(path);
    db.exec("UPDATE open_writes SET body = substr(body, 1, 60) || 'AAAA'");
    db.close();
    const again = open(path);
    t.after(() => again.close());
    assert.equal(again.outbox.count(), 0);
    assert.equal(again.recheck.stats().damaged.write, 1);
    assert.equal(served(again, SECRET).stringData, undefined);
  });
});

describe('a store of another key', () => {
  function setUp(t: TestContext): string {
    const path = storeFile(t);
    const store = open(path);
    fill(store, () => undefined);
    store.close();
    return path;
  }

  for (const [name, seal] of [
    ['another key', OTHER],
    ['no key', PLAIN],
  ] as const) {
    it(`is not opened with ${name}, says which key it needs and what to do, and stays as it is`, (t) => {
      const path = setUp(t);
      const before = readFileSync(path);
      assert.throws(() => open(path, seal), {
        code: 'bad_config',
        message: new RegExp(`sealed with the key ${KEY.name.slice(-16)}, and .*Nothing was changed.*drop-secrets`),
      });
      assert.deepEqual(readFileSync(path), before);
      const store = open(path);
      assert.equal(passwordOf(store.storage.get(storageKey('secrets', 'born'))), planted('create'));
      store.close();
    });
  }

  it('goes on without its Secrets where they are given up, and keeps all else', (t) => {
    const path = setUp(t);
    const store = open(path, OTHER, { foreignSeal: 'drop' });
    assert.deepEqual(store.storage.list('secrets'), []);
    assert.equal(store.storage.get(POD)?.metadata.name, 'web');
    assert.equal(store.answers.stats().answers, 0);
    assert.equal(store.tokens.count(), 0);
    assert.deepEqual(
      [...store.inventory()].map(({ key, refused }) => `${key} ${refused}`),
      ['pods/default/web false', 'secrets/default/login true'],
    );
    store.applyBatch(CLUSTER, [upsert(SECRET, '9', secretOf(SECRET, 'again'))]);
    store.close();
    const again = open(path, OTHER);
    t.after(() => again.close());
    assert.equal(passwordOf(again.storage.get(SECRET)), 'again');
  });
});
