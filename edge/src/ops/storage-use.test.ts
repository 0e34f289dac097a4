import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { storageUse } from './storage-use.ts';

test('the size of the store is that of its file and its log, and the room is that of its file system', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-storage-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const store = join(dir, 'agent.db');
  assert.equal(storageUse(store).storeBytes, 0);
  writeFileSync(store, Buffer.alloc(5_000));
  writeFileSync(`${store}-wal`, Buffer.alloc(700));
  const { storeBytes, freeBytes, sizeBytes } = storageUse(store);
  assert.equal(storeBytes, 5_700);
  assert.ok(freeBytes > 0 && freeBytes <= sizeBytes, `${freeBytes} of ${sizeBytes}`);
});
