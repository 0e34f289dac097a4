import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { NODE, ROOT } from '../../../test/support/processes.ts';
import { NOTHING_MOUNTED, smallDisk } from '../../../test/support/small-disk.ts';
import { CompactedError } from '../api/storage.ts';
import { openStore, readStore } from './index.ts';
import { CLUSTER, silent, storageKey, testObject, upsert } from './testing.ts';
import type { EdgeStore } from './types.ts';

const clock = { now: () => new Date() };
const open = (path: string, fullDisk: 'fail' | 'serve' = 'serve'): EdgeStore =>
  openStore({ path, logger: silent, clock, fullDisk });
const settings = storageKey('configmaps', 'settings-7');

function write(store: EdgeStore, resourceVersion: string): void {
  store.bindCluster(CLUSTER);
  const keys = Array.from({ length: 50 }, (_, index) => storageKey('configmaps', `settings-${index}`));
  const data = { text: 'x'.repeat(2_000), resourceVersion };
  store.applyBatch(
    CLUSTER,
    keys.map((key) => upsert(key, resourceVersion, testObject(key, `uid-${key.name}`, { data }))),
  );
}

/** Another process that writes to the store and is killed while it has it open, as by a cut of the power. */
function killedWriter(path: string): void {
  const script = `import { openStore } from './edge/src/store/index.ts';
    import { CLUSTER, silent, storageKey, testObject, upsert } from './edge/src/store/testing.ts';
    const store = openStore({ path: ${JSON.stringify(path)}, logger: silent, clock: { now: () => new Date() } });
    const keys = Array.from({ length: 100 }, (_, index) => storageKey('configmaps', 'last-' + index));
    const data = { text: 'x'.repeat(2_000) };
    store.applyBatch(CLUSTER, keys.map((key) => upsert(key, '7', testObject(key, 'uid-' + key.name, { data }))));
    store.setFact('writer', 'was here');
    process.kill(process.pid, 'SIGKILL');`;
  const { signal, stderr } = spawnSync(NODE, ['--input-type=module-typescript', '-e', script], { cwd: ROOT, encoding: 'utf8' });
  assert.equal(signal, 'SIGKILL', stderr);
}

function scene(t: TestContext) {
  const disk = smallDisk(t, 8 * 1024 * 1024);
  if (disk === undefined) return undefined;
  return { ...disk, path: join(disk.folder, 'data', 'agent.db') };
}

for (const ending of ['closed', 'killed'] as const) {
  test(`a store that was ${ending} is served when the disk is full at the next open, takes nothing, and is whole when there is room again`, (t) => {
    const disk = scene(t);
    if (disk === undefined) return t.skip(NOTHING_MOUNTED);
    const { path } = disk;
    const first = open(path);
    write(first, '7');
    const { storeId } = first.identity();
    const served = first.storage.revision();
    first.close();
    if (ending === 'killed') killedWriter(path);
    disk.fill();
    assert.throws(() => openStore({ path, logger: silent, clock }).close(), 'without room');

    const full = open(path);
    assert.ok(full.isWithoutRoom);
    assert.equal(full.identity().storeId, storeId);
    const held = ending === 'killed' ? 150 : 50;
    assert.equal(full.objectCount(), held);
    assert.ok(full.storage.get(settings) !== undefined);
    assert.throws(() => write(full, '8'), { code: 'too_large', message: /there was no room on the disk.*nothing is taken/ });

    const lease = storageKey('coordination.k8s.io/leases', 'edge-1', 'kube-node-lease');
    const { resourceVersion } = full.storage.commit({
      type: 'create',
      key: lease,
      object: testObject(lease, 'uid-lease'),
    }).metadata;
    assert.ok(Number(resourceVersion) > served + 1e9, 'a number that the file will not give out');
    assert.throws(() => full.storage.changesAfter('configmaps', served), CompactedError, 'who watched before lists again');
    full.enterEpoch(1);
    full.setFacts({ 'link.state': 'down' });
    assert.equal(full.fact('link.state'), 'down');
    const read = readStore(path);
    assert.ok(read.running, 'commands read beside it');
    read.close();
    assert.throws(() => open(path), { code: 'store_busy' }, 'it is in use all the same');
    const digest = full.digest();
    full.close();

    disk.free();
    const again = open(path);
    t.after(() => again.close());
    assert.ok(!again.isWithoutRoom);
    assert.equal(again.objectCount(), held);
    assert.equal(again.fact('link.state'), undefined);
    assert.ok(again.storage.revision() < Number(resourceVersion), 'who watched the one in memory lists again too');
    if (ending === 'killed') assert.equal(again.fact('writer'), 'was here');
    write(again, '8');
    assert.notEqual(again.digest(), digest);
  });
}

test('where there is no store yet, a full disk is told and nothing is served', (t) => {
  const disk = scene(t);
  if (disk === undefined) return t.skip(NOTHING_MOUNTED);
  disk.fill();
  assert.throws(() => open(disk.path), /no room|ENOSPC|full/i);
  disk.free();
  const store = open(disk.path);
  assert.ok(!store.isWithoutRoom);
  store.close();
  assert.ok(statSync(disk.path).size > 0);
});
