import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { openStore } from './open.ts';
import { SCHEMA_VERSION } from './schema.ts';
import {
  CLUSTER,
  clock,
  create,
  openTestStore,
  served,
  silent,
  storageKey,
  temporaryFolder,
  testObject,
  upsert,
} from './testing.ts';

const POD = storageKey('pods', 'web');

function withObjects(path: string, objects = 50): void {
  const store = openTestStore(path);
  const keys = Array.from({ length: objects }, (_, n) => storageKey('configmaps', `map-${n}`));
  const operations = keys.map((key, n) =>
    upsert(key, String(n + 1), testObject(key, `uid-${n}`, { data: { marker: `needle-${n}`, fill: 'x'.repeat(2_000) } })),
  );
  store.applyBatch(CLUSTER, operations);
  store.close();
}

const mode = (path: string) => statSync(path).mode & 0o777;
const asides = (folder: string) => readdirSync(folder).filter((name) => name.includes('.damaged-'));

describe('a store file', () => {
  it('is private, with everything that SQLite puts beside it', (t) => {
    const folder = join(temporaryFolder(t), 'deep', 'data');
    const path = join(folder, 'agent.db');
    const store = openTestStore(path);
    create(store, POD, 'p1');
    assert.equal(mode(folder), 0o700);
    for (const name of readdirSync(folder)) assert.equal(mode(join(folder, name)), 0o600, name);
    assert.ok(existsSync(`${path}-wal`));
    store.close();
  });

  it('is refused when others may read it, with the command that mends it', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    openTestStore(path).close();
    chmodSync(path, 0o644);
    assert.throws(() => openTestStore(path), { code: 'bad_config', message: new RegExp(`0644.*chmod 600 ${path}$`) });
    chmodSync(path, 0o600);
    openTestStore(path).close();
  });

  it('is refused in a folder that others may enter', (t) => {
    const folder = join(temporaryFolder(t), 'open');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    assert.throws(() => openTestStore(join(folder, 'agent.db')), { code: 'bad_config', message: /chmod 700/ });
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is written through to the disk at each commit, at every open', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    for (let open = 0; open < 2; open++) {
      const store = openTestStore(path);
      assert.deepEqual(store.durability(), { journal: 'wal', synchronous: 'full' });
      store.close();
    }
  });

  it('keeps its identity and belongs to one cluster for good', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openStore({ path, logger: silent, clock });
    const { storeId, clusterUid } = store.identity();
    assert.match(storeId, /^[0-9a-f]{32}$/);
    assert.equal(clusterUid, undefined);
    assert.throws(() => store.applyBatch(CLUSTER, []), { code: 'wrong_cluster' });
    store.bindCluster(CLUSTER);
    store.setFact('a', 'b');
    store.close();
    const reopened = openStore({ path, logger: silent, clock });
    assert.deepEqual(reopened.identity(), { storeId, clusterUid: CLUSTER, epoch: undefined });
    assert.deepEqual(reopened.facts(), { a: 'b' });
    reopened.close();
  });

  it('says whose it is and which schema it has', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    openTestStore(path).close();
    const db = new Database(path, { readonly: true });
    assert.equal(db.pragma('application_id', { simple: true }), 0x48575352);
    assert.equal(db.pragma('user_version', { simple: true }), SCHEMA_VERSION);
    db.close();
  });

  it('is used by one agent at a time', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const store = openTestStore(path);
    assert.throws(() => openTestStore(path), { code: 'store_busy', message: /another agent/ });
    create(store, POD, 'p1');
    store.close();
    openTestStore(path).close();
  });

  it('of a newer agent is left alone', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    withObjects(path, 1);
    const db = new Database(path);
    db.pragma('user_version = 99');
    db.close();
    const before = readFileSync(path);
    assert.throws(() => openTestStore(path), { code: 'store_newer', message: /schema 99/ });
    assert.deepEqual(readFileSync(path), before);
    assert.deepEqual(asides(join(path, '..')), []);
  });

  it('of another program is left alone', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const db = new Database(path);
    db.exec('CREATE TABLE theirs (x)');
    db.close();
    chmodSync(path, 0o600);
    assert.throws(() => openTestStore(path), { code: 'bad_config', message: /another program/ });
    assert.deepEqual(asides(join(path, '..')), []);
  });

  it('says what cannot be made', (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'file'), '', { mode: 0o700 });
    assert.throws(() => openTestStore(join(folder, 'file', 'agent.db')), { code: 'bad_config', message: /file is not a folder/ });
    assert.throws(() => openTestStore(join(folder, 'file', 'sub', 'agent.db')), {
      code: 'bad_config',
      message: /cannot be made/,
    });
  });
});

describe('an object that was refused in an earlier life', () => {
  const key = storageKey('configmaps', 'map');
  const good = upsert(key, '7', testObject(key, 'uid-1', { data: { n: '2' } }));
  const wrongHash = () => {
    assert.ok(good.change.type === 'upsert');
    return { ...good, change: { ...good.change, version: { ...good.change.version, hash: 'f'.repeat(16) } } };
  };

  it('is held under a version that the cloud cannot have, so that it is asked for again; what was taken is not', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const other = storageKey('configmaps', 'other');
    const first = openTestStore(path);
    first.applyBatch(CLUSTER, [upsert(key, '6', testObject(key, 'uid-1', { data: { n: '1' } }))]);
    first.applyBatch(CLUSTER, [upsert(other, '6', testObject(other, 'uid-2'))]);
    assert.equal(first.applyBatch(CLUSTER, [wrongHash()]).nacks.length, 1);
    const inventory = [...first.inventory()];
    const digest = first.digest();
    first.close();

    for (const life of ['second', 'third']) {
      const store = openTestStore(path);
      assert.notEqual(store.digest(), digest, `${life} life`);
      const [map, untouched] = [...store.inventory()];
      assert.deepEqual(map, { ...inventory[0], version: { ...inventory[0]?.version, hash: '0'.repeat(16) } });
      assert.deepEqual(untouched, inventory[1]);
      assert.deepEqual(served(store, key).data, { n: '1' }, 'the last good one is served');
      assert.deepEqual(store.recheck.stats().damaged, { row: 0, lost: 0, body: 0, write: 0, served: 0 }, 'it is no damage');
      store.close();
    }
    const store = openTestStore(path);
    t.after(() => store.close());
    assert.deepEqual(store.applyBatch(CLUSTER, [good]).nacks, []);
    assert.deepEqual(served(store, key).data, { n: '2' });
  });

  it('costs nothing where there is none', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    withObjects(path, 3);
    const store = openTestStore(path);
    const digest = store.digest();
    store.close();
    const again = openTestStore(path);
    t.after(() => again.close());
    assert.equal(again.digest(), digest);
  });
});

describe('a damaged file', () => {
  const damages: Readonly<Record<string, (path: string) => void>> = {
    'is no database': (path) => writeFileSync(path, 'this is a text file, longer than a header\n'.repeat(10)),
    'has lost its header': (path) => overwrite(path, 0, Buffer.alloc(100, 0x5a)),
    'is cut short': (path) => truncateSync(path, statSync(path).size - 3 * 4096),
    'has a page of noise': (path) => overwrite(path, 4 * 4096, Buffer.alloc(4096, 0xa5)),
  };
  for (const [name, damage] of Object.entries(damages)) {
    it(`that ${name} is kept aside, and a new store begins with later revisions`, (t) => {
      const folder = temporaryFolder(t);
      const path = join(folder, 'agent.db');
      withObjects(path);
      damage(path);
      const bytes = readFileSync(path);
      const store = openTestStore(path);
      t.after(() => store.close());
      const [aside, ...others] = asides(folder);
      assert.deepEqual(others, []);
      assert.deepEqual(readFileSync(join(folder, aside ?? '')), bytes, 'as it was found');
      assert.equal(store.objectCount(), 0);
      create(store, POD, 'p1');
      assert.ok(served(store, POD));
    });
  }

  it('is never put over another one', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    for (const attempt of ['first', 'second']) {
      writeFileSync(path, `no database, ${attempt} attempt`, { mode: 0o600 });
      if (attempt === 'first') openTestStore(path).close();
      else assert.throws(() => openTestStore(path), { code: 'store_damaged', message: /exists already/ });
    }
    assert.equal(readFileSync(path, 'utf8'), 'no database, second attempt');
  });

  describe('with flipped bits in one object', () => {
    const key = storageKey('configmaps', 'map-0');
    /** The database with the same change made to one of the places that hold the text: the served state and the cloud's body. */
    function flipped(t: Parameters<typeof temporaryFolder>[0], from: string, to: string) {
      const path = join(temporaryFolder(t), 'agent.db');
      withObjects(path, 1);
      const file = readFileSync(path);
      const places = [file.indexOf(from), file.lastIndexOf(from)];
      assert.notEqual(places[0], places[1]);
      return places.map((place) => {
        const copy = join(temporaryFolder(t), 'agent.db');
        const bytes = Buffer.from(file);
        bytes.write(to, place);
        writeFileSync(copy, bytes, { mode: 0o600 });
        return openTestStore(copy);
      });
    }
    for (const [name, from, to] of [
      ['another text', 'needle-0', 'Needle-0'],
      ['no JSON', '"needle-0"', 'needle"-0"'],
    ] as const) {
      it(`that leave ${name}: serves what was stored, and the cloud sends a damaged body again`, (t) => {
        const stores = flipped(t, from, to);
        const refusals = stores.map((store) => {
          assert.equal(Object(served(store, key).data).marker, 'needle-0');
          assert.equal(store.objectCount(), 1);
          return [...store.inventory()].map(({ refused }) => refused)[0];
        });
        assert.deepEqual(refusals.toSorted(), [false, true], 'one of the two is the body');
        const [a, b] = stores.map((store) => store.digest());
        assert.notEqual(a, b, 'the relay sees which one lacks it');
        for (const store of stores) {
          store.applyBatch(CLUSTER, [upsert(key, '2', testObject(key, 'uid-0', { data: { marker: 'new' } }))]);
          assert.deepEqual(served(store, key).data, { marker: 'new' });
          assert.equal([...store.inventory()][0]?.refused, false);
          store.close();
        }
      });
    }
  });
});

it('a status write on the disk', (t) => {
  const path = join(temporaryFolder(t), 'agent.db');
  const store = openTestStore(path);
  const status = { phase: 'Running', containerStatuses: [{ name: 'web', ready: true, image: 'i'.repeat(200) }] };
  store.applyBatch(CLUSTER, [upsert(POD, '1', testObject(POD, 'uid-1', { spec: { fill: 'x'.repeat(3_000) }, status }))]);
  const writes = 50;
  const before = statSync(`${path}-wal`).size;
  for (let n = 0; n < writes; n++) {
    const current = served(store, POD);
    const expectedRevision = Number(current.metadata.resourceVersion);
    const intent = { verb: 'patch', patchType: 'strategic', patch: { status: { observed: n } } } as const;
    const object = { ...current, status: { ...status, observed: n } };
    store.storage.commit({ type: 'update', key: POD, expectedRevision, object, subresource: 'status', intent });
  }
  const bytes = (statSync(`${path}-wal`).size - before) / writes;
  t.diagnostic(`${Math.round(bytes)} bytes of log per status write of a 4 KB pod`);
  assert.ok(bytes > 0);
  store.close();
});

function overwrite(path: string, position: number, bytes: Buffer): void {
  const file = readFileSync(path);
  bytes.copy(file, position);
  writeFileSync(path, file);
}
