import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { readStore } from './read-store.ts';
import {
  CLUSTER,
  create,
  onlyReport,
  openTestStore,
  refused,
  storageKey,
  temporaryFolder,
  testObject,
  upsert,
  writeStatus,
} from './testing.ts';
import type { EdgeStore } from './types.ts';

const POD = storageKey('pods', 'web');
const NODE = storageKey('nodes', 'edge-1', '');

function fill(store: EdgeStore): void {
  const bad = upsert(storageKey('configmaps', 'bad'), '7', testObject(storageKey('configmaps', 'other'), 'uid-bad'));
  store.applyBatch(CLUSTER, [upsert(POD, '5', testObject(POD, 'uid-web')), bad]);
  create(store, NODE, 'n1');
  store.outbox.answer(onlyReport(store).number, refused(403, 'Forbidden'));
  writeStatus(store, POD, { phase: 'Running' });
  store.setFact('link.state', 'open');
}

/** Every file of the folder with its content. */
function snapshot(folder: string): string[] {
  return readdirSync(folder)
    .sort()
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}`,
    );
}

function check(path: string, running: boolean): void {
  const store = readStore(path);
  assert.equal(store.running, running);
  assert.equal(store.identity().clusterUid, CLUSTER);
  assert.deepEqual(Object(store.get(POD)?.status), { phase: 'Running' });
  assert.deepEqual(
    store.list('pods').map(({ metadata }) => metadata.resourceVersion),
    [String(store.revision())],
  );
  assert.deepEqual(store.list('pods', 'elsewhere'), []);
  assert.deepEqual(store.counts(), [{ resource: 'pods', objects: 1 }]);
  assert.deepEqual(store.facts(), { 'link.state': 'open' });
  assert.equal(store.outboxCount(), 1);
  assert.deepEqual(
    store.outboxEntries(10).map(({ key, verb, subresource }) => ({ key, verb, subresource })),
    [{ key: POD, verb: 'patch', subresource: 'status' }],
  );
  assert.deepEqual(
    store.refusals().map(({ key }) => key),
    [NODE],
  );
  assert.match(store.refusedObjects()[0]?.reason ?? '', /^malformed/);
  assert.equal(store.objectCount(), 2);
  assert.match(store.digest(), /^[0-9a-f]{32}$/);
  assert.ok(store.sizes().database > 0);
  store.close();
}

describe('reading a store', () => {
  it('works beside a running agent, and sees what it writes', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    const agent = openTestStore(path);
    t.after(() => agent.close());
    fill(agent);
    check(path, true);
    const reader = readStore(path);
    assert.equal(reader.digest(), agent.digest());
    agent.setFact('link.state', 'closed');
    assert.equal(reader.facts()['link.state'], 'closed');
    reader.close();
  });

  it('works without an agent, and makes and changes nothing', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'agent.db');
    const agent = openTestStore(path);
    fill(agent);
    agent.close();
    const before = snapshot(folder);
    check(path, false);
    assert.deepEqual(snapshot(folder), before);
  });

  it('works after a kill, when the last writes are in the log only', (t) => {
    const folder = temporaryFolder(t);
    const killed = temporaryFolder(t);
    const agent = openTestStore(join(folder, 'agent.db'));
    fill(agent);
    for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(killed, name));
    agent.close();
    const logBefore = readFileSync(join(killed, 'agent.db-wal'));
    const before = readdirSync(killed).sort();
    check(join(killed, 'agent.db'), false);
    assert.deepEqual(readdirSync(killed).sort(), before);
    assert.deepEqual(readFileSync(join(killed, 'agent.db-wal')), logBefore);
  });

  it('does not keep an agent from starting', (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    openTestStore(path).close();
    const reader = readStore(path);
    const agent = openTestStore(path);
    fill(agent);
    agent.close();
    reader.close();
  });

  it('does not call a store missing that this user may not look at', { skip: process.geteuid?.() !== 0 }, (t) => {
    const path = join(temporaryFolder(t), 'agent.db');
    openTestStore(path).close();
    process.seteuid?.(65_534);
    try {
      assert.throws(() => readStore(path), { code: 'bad_config', message: /\(EACCES\): run it as the user of the agent$/ });
    } finally {
      process.seteuid?.(0);
    }
  });

  it('says what is wrong with the file', (t) => {
    const folder = temporaryFolder(t);
    const file = (name: string) => join(folder, name);
    assert.throws(() => readStore(file('none.db')), { code: 'bad_config', message: /there is no store at/ });
    writeFileSync(file('text.db'), 'hello, this is no database');
    assert.throws(() => readStore(file('text.db')), { code: 'store_damaged', message: /is no SQLite database/ });
    writeFileSync(file('empty.db'), '');
    assert.throws(() => readStore(file('empty.db')), { code: 'bad_config', message: /is not a store of the agent/ });
    assert.throws(() => readStore(folder), { code: 'bad_config', message: /cannot be read/ });
    const other = new Database(file('other.db'));
    other.exec('CREATE TABLE t (x)');
    other.close();
    assert.throws(() => readStore(file('other.db')), { code: 'bad_config', message: /is not a store of the agent/ });
    openTestStore(file('newer.db')).close();
    const newer = new Database(file('newer.db'));
    newer.pragma('user_version = 99');
    newer.close();
    assert.throws(() => readStore(file('newer.db')), { code: 'store_newer', message: /schema 99/ });
  });
});
