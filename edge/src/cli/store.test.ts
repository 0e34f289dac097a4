import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { storePath } from '../ops/paths.ts';
import { keySourceOf, sealOf } from '../ops/store-key.ts';
import { openStore, readStore } from '../store/index.ts';
import { CLUSTER, clock, create, silent, storageKey, testObject, upsert } from '../store/testing.ts';
import { runCli } from './program.ts';

const SECRET = storageKey('secrets', 'login');
const VALUE = 'b25seS1mb3ItdGhlLWtleQ==';

function openAgentStore(dataDir: string) {
  return openStore({ path: storePath(dataDir), seal: sealOf(keySourceOf(undefined, dataDir, undefined)), logger: silent, clock });
}

/** A data folder as an agent leaves it that has one Secret and one ConfigMap. */
function dataFolder(t: TestContext): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'hawser-store-cli-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const store = openAgentStore(dataDir);
  store.bindCluster(CLUSTER);
  const map = storageKey('configmaps', 'settings');
  const secret = { ...testObject(SECRET, 'uid-1', { data: { a: VALUE } }), kind: 'Secret' };
  store.applyBatch(CLUSTER, [upsert(SECRET, '1', secret), upsert(map, '1', testObject(map, 'uid-2', { data: { b: '2' } }))], {
    'sync.lastSync': '2026-01-01T00:00:00.000Z',
  });
  store.close();
  return dataDir;
}

async function run(dataDir: string, ...args: string[]) {
  let [stdout, stderr] = ['', ''];
  const code = await runCli([...args, '--data-dir', dataDir], {
    version: '0',
    env: {},
    write: (text) => {
      stdout += text;
    },
    writeError: (text) => {
      stderr += text;
    },
    now: () => new Date(),
    hostName: () => 'device',
    interrupted: () => new AbortController().signal,
    run: async () => assert.fail('nothing runs the agent'),
  });
  return { code, stdout, stderr };
}

const show = (dataDir: string, ...flags: string[]) =>
  run(dataDir, 'get', 'secrets', 'login', '-o', 'json', '--show-secrets', ...flags);

describe('store rekey', () => {
  it('puts a new key in the place of the generated one', async (t) => {
    const dataDir = dataFolder(t);
    const before = readFileSync(join(dataDir, 'store.key'));
    const { code, stdout, stderr } = await run(dataDir, 'store', 'rekey');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^2 texts are sealed with the key xaes256gcm:[0-9a-f]{16}\.\n$/);
    assert.notDeepEqual(readFileSync(join(dataDir, 'store.key')), before);
    assert.ok(!readdirSync(dataDir).includes('store.key.next'));
    assert.ok((await show(dataDir)).stdout.includes(VALUE));
    assert.match((await run(dataDir, 'status')).stdout, new RegExp(`Sealed: +${/xaes\S+[0-9a-f]/.exec(stdout)?.[0]}`));
  });

  it('puts it under a key of a file, under none and back, and says which setting follows', async (t) => {
    const dataDir = dataFolder(t);
    const file = join(dataDir, 'my.key');
    writeFileSync(file, 'ab'.repeat(32), { mode: 0o600 });
    writeFileSync(file, 'ab01'.repeat(16));
    const toFile = await run(dataDir, 'store', 'rekey', '--new-key', file);
    assert.match(toFile.stdout, new RegExp(`set store.key to ${file}`));
    assert.equal((await show(dataDir)).code, 2);
    assert.ok((await show(dataDir, '--store-key', file)).stdout.includes(VALUE));
    const toNone = await run(dataDir, 'store', 'rekey', '--store-key', file, '--new-key', 'none');
    assert.match(toNone.stdout, /not sealed any more.*\n.*set store.key to none/);
    assert.ok((await show(dataDir, '--store-key', 'none')).stdout.includes(VALUE));
    const back = await run(dataDir, 'store', 'rekey', '--store-key', 'none', '--new-key', 'generated');
    assert.match(back.stdout, /take store.key out of its settings/);
    assert.ok((await show(dataDir)).stdout.includes(VALUE));
  });

  it('is refused while an agent has the store, without a store, and without a new key where it takes one', async (t) => {
    const dataDir = dataFolder(t);
    assert.equal((await run(dataDir, 'store', 'rekey', '--store-key', '/some/key')).code, 2);
    assert.equal((await run(join(dataDir, 'nowhere'), 'store', 'rekey')).code, 2);
    const store = openAgentStore(dataDir);
    t.after(() => store.close());
    const busy = await run(dataDir, 'store', 'rekey');
    assert.equal(busy.code, 1);
    assert.match(busy.stderr, /another agent uses the store/);
    assert.ok(!readdirSync(dataDir).includes('store.key.next'));
  });
});

describe('store drop-secrets', () => {
  it('goes on with a new key where the old one is lost; what is no Secret stays', async (t) => {
    const dataDir = dataFolder(t);
    renameSync(join(dataDir, 'store.key'), join(dataDir, 'elsewhere'));
    const lost = await show(dataDir);
    assert.equal(lost.code, 2);
    assert.match(lost.stderr, /store\.key .*is not there/);
    assert.throws(() => openAgentStore(dataDir), { code: 'bad_config', message: /drop-secrets/ });
    const { code, stdout } = await run(dataDir, 'store', 'drop-secrets');
    assert.deepEqual([code, stdout], [0, 'What the key does not open is gone; the cloud sends its Secrets again.\n']);
    openAgentStore(dataDir).close();
    assert.equal((await show(dataDir)).code, 1);
    assert.equal((await run(dataDir, 'get', 'configmaps', 'settings')).code, 0);
  });

  it('drops nothing that the key opens', async (t) => {
    const dataDir = dataFolder(t);
    assert.match((await run(dataDir, 'store', 'drop-secrets')).stdout, /nothing was dropped/);
    assert.ok((await show(dataDir)).stdout.includes(VALUE));
  });
});

describe('store set-aside', () => {
  it('moves the store away, whole, so that a device can go to another cluster', async (t) => {
    const dataDir = dataFolder(t);
    const { code, stdout, stderr } = await run(dataDir, 'store', 'set-aside');
    assert.equal(code, 0, stderr);
    const [, to = ''] = /^The store is now (\S+\.aside-\S+); the next start begins a new one\.\n$/.exec(stdout) ?? [];
    const old = readStore(to);
    assert.deepEqual(
      old.counts().map(({ resource }) => resource),
      ['configmaps', 'secrets'],
    );
    old.close();
    assert.match((await run(dataDir, 'status')).stderr, /there is no store at/);
    const next = openAgentStore(dataDir);
    t.after(() => next.close());
    assert.equal(next.identity().clusterUid, undefined);
    next.bindCluster('another');
  });

  it('renames one file, also where commits were in the log alone: no kill leaves a database without its log', async (t) => {
    const dataDir = dataFolder(t);
    const store = openAgentStore(dataDir);
    create(store, storageKey('events', 'e'), 'uid-3');
    // As a process leaves it that was killed.
    const killed = mkdtempSync(join(tmpdir(), 'hawser-store-cli-'));
    t.after(() => rmSync(killed, { recursive: true, force: true }));
    for (const suffix of ['', '-wal']) copyFileSync(storePath(dataDir) + suffix, storePath(killed) + suffix);
    store.close();
    const { code, stdout, stderr } = await run(killed, 'store', 'set-aside', '--yes');
    assert.equal(code, 0, stderr);
    const [, to = ''] = /^The store is now (\S+);/.exec(stdout) ?? [];
    assert.deepEqual(
      readdirSync(killed).filter((name) => name.includes('aside')),
      [basename(to)],
    );
    const old = readStore(to);
    assert.equal(old.outboxCount(), 1);
    old.close();
  });

  it('takes what the cloud has not been told of along only with --yes', async (t) => {
    const dataDir = dataFolder(t);
    const store = openAgentStore(dataDir);
    create(store, storageKey('events', 'e'), 'uid-3');
    store.close();
    const refused = await run(dataDir, 'store', 'set-aside');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^hawser-agent: 1 reports are in the store that the cloud has not been told of: with --yes/);
    assert.equal((await run(dataDir, 'outbox')).code, 0);
    assert.equal((await run(dataDir, 'store', 'set-aside', '--yes')).code, 0);
  });

  it('moves what cannot be read, too, and nothing under a running agent', async (t) => {
    const dataDir = dataFolder(t);
    const running = openAgentStore(dataDir);
    assert.match((await run(dataDir, 'store', 'set-aside')).stderr, /another agent uses the store/);
    running.close();
    writeFileSync(storePath(dataDir), 'no database\n'.repeat(100));
    assert.match((await run(dataDir, 'store', 'set-aside')).stderr, /this version cannot read the store/);
    const { code, stdout } = await run(dataDir, 'store', 'set-aside', '--yes');
    assert.equal(code, 0);
    assert.ok(readdirSync(dataDir).some((name) => stdout.includes(name)));
    assert.match((await run(dataDir, 'store', 'set-aside')).stderr, /there is no store at/);
  });
});
