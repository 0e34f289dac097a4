import { writeSync } from 'node:fs';
import { type ObjectKey, objectKey, type Version } from '@hawser/protocol';
import { CLUSTER, create, openTestStore, removal, served, storageKey, testObject, upsert, writeStatus } from './testing.ts';
import type { ResolvedOperation } from './types.ts';

/** The process that `kill.test.ts` kills: applies batch after batch, writes a status and an event after each, and says when each is done. */

const OBJECTS = 7;

/** Batch n is the same in every process: two upserts, and every third time a delete. */
export function batchOf(n: number): ResolvedOperation[] {
  const map = (slot: number) => storageKey('configmaps', `map-${slot}`);
  const object = (slot: number) =>
    testObject(map(slot), `uid-${slot}`, { data: { n: String(n), fill: 'x'.repeat(500 + (n % 7) * 700) } });
  const first = n % OBJECTS;
  const second = (n * 3 + 1) % OBJECTS;
  const operations = [upsert(map(first), String(n), object(first)), upsert(map(second), String(n), object(second))];
  return n % 3 === 0 ? [...operations, removal(map((n + 2) % OBJECTS), `uid-${(n + 2) % OBJECTS}`)] : operations;
}

/** What the first n batches leave, by the plainest reading of them. */
export function heldAfter(n: number): Map<ObjectKey, Version> {
  const held = new Map<ObjectKey, Version>();
  for (let batch = 1; batch <= n; batch++) {
    for (const { key, change } of batchOf(batch)) {
      if (change.type === 'upsert') held.set(key, change.version);
      else held.delete(key);
    }
  }
  return held;
}

export const POD = storageKey('pods', 'web');
export const POD_KEY = objectKey('pods', 'default', 'web');

export function run(path: string): never {
  const store = openTestStore(path);
  if (store.storage.get(POD) === undefined) store.applyBatch(CLUSTER, [upsert(POD, '1', testObject(POD, 'uid-web'))]);
  for (let n = Number(store.fact('batch') ?? '0') + 1; ; n++) {
    store.applyBatch(CLUSTER, batchOf(n), { batch: String(n) });
    writeSync(1, `batch ${n}\n`);
    writeStatus(store, POD, { n });
    writeSync(1, `status ${n}\n`);
    create(store, storageKey('events', `event-${n}`), `event-${n}`, { count: Number(Object(served(store, POD).status).n) });
    writeSync(1, `event ${n}\n`);
  }
}

const [, script, path] = process.argv;
if (script === import.meta.filename && path !== undefined) run(path);
