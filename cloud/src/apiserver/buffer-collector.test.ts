import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBufferCollector } from './buffer-collector.ts';

test('a collection comes once for every 8 MiB that were read', () => {
  let collections = 0;
  const read = createBufferCollector(() => {
    collections += 1;
  });
  for (let chunk = 0; chunk < 1023; chunk++) read(16 * 1024);
  assert.equal(collections, 1);
  read(16 * 1024);
  assert.equal(collections, 2);
});

test('V8 takes the call', () => {
  createBufferCollector()(8 * 1024 * 1024);
});
