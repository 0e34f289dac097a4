import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { storePath } from '../ops/paths.ts';
import { openStore } from '../store/index.ts';
import { CLUSTER, silent, storageKey, temporaryFolder, testObject, upsert, writeStatus } from '../store/testing.ts';
import { runCli } from './program.ts';

const NOW = new Date('2026-03-01T12:00:00.000Z');

test('status lists the oldest of what waits in the words of the outbox, and says how much more there is', async (t) => {
  const folder = join(temporaryFolder(t), 'data');
  const store = openStore({ path: storePath(folder), logger: silent, clock: { now: () => NOW } });
  store.bindCluster(CLUSTER);
  const keys = [
    storageKey('nodes', 'edge-1', ''),
    ...Array.from({ length: 11 }, (_, index) => storageKey('pods', `web-${index}`, 'shop')),
  ];
  store.applyBatch(
    CLUSTER,
    keys.map((key) => upsert(key, '10', testObject(key, `uid-${key.name}`))),
  );
  for (const key of keys) writeStatus(store, key, { phase: 'Running' });
  store.close();

  let out = '';
  const code = await runCli(['status', '--data-dir', folder], {
    version: '0',
    run: () => Promise.reject(new Error('not asked for')),
    env: {},
    now: () => NOW,
    hostName: () => 'device',
    interrupted: () => new AbortController().signal,
    write: (text) => {
      out += text;
    },
    writeError: (text) => assert.fail(text),
  });
  assert.equal(code, 0);
  const lines = out.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' '));
  const first = lines.indexOf('Outbox: 12 waiting for the cloud');
  assert.equal(lines[first + 1], 'change of status nodes/edge-1 since 2026-03-01T12:00:00.000Z');
  assert.equal(lines[first + 2], 'change of status pods/shop/web-0 since 2026-03-01T12:00:00.000Z');
  assert.equal(lines[first + 11], 'and 2 more: see "hawser-agent outbox"');
});
