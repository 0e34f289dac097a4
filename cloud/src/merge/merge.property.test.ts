import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ObjectKey, objectKey } from '@hawser/protocol';
import fc from 'fast-check';
import type { Change, Observed } from './change.ts';
import { createMerge } from './merge.ts';

const KEYS = ['a', 'b', 'c'].map((name) => objectKey('secrets', 'web', name));

type Event = { readonly type: 'upsert'; readonly object: Observed } | { readonly type: 'delete'; readonly object: Observed };

/** The true objects, and every event of them in order, as the API server would have it. */
class Cluster {
  readonly state = new Map<ObjectKey, Observed>();
  readonly log: Event[] = [];
  #version = 100;

  get version(): string {
    return `${this.#version}`;
  }

  /** Makes, changes or removes an object. */
  act(key: ObjectKey, isDelete: boolean): void {
    const before = this.state.get(key);
    if (before === undefined && isDelete) return;
    this.#version += 1;
    const resourceVersion = this.version;
    const uid = before?.uid ?? `uid-${resourceVersion}`;
    const object = { key, uid, resourceVersion, text: `${uid} ${resourceVersion}`, type: { apiVersion: 'v1', kind: 'Secret' } };
    if (isDelete) this.state.delete(key);
    else this.state.set(key, object);
    this.log.push({ type: isDelete ? 'delete' : 'upsert', object });
  }
}

/** A reader that checks each change against what it holds. */
class Reader {
  readonly state = new Map<ObjectKey, Observed>();
  changes = 0;

  take(change: Change): void {
    this.changes += 1;
    if (change.type === 'delete') {
      assert.equal(this.state.get(change.key)?.uid, change.uid, 'a delete is of the object that the reader holds');
      this.state.delete(change.key);
      return;
    }
    const { object } = change;
    const before = this.state.get(object.key);
    if (before !== undefined) {
      assert.equal(object.uid, before.uid, 'an update is never across uids');
      assert.ok(Number(object.resourceVersion) > Number(before.resourceVersion), 'an update is newer');
    }
    this.state.set(object.key, object);
  }
}

const keyArbitrary = fc.constantFrom(...KEYS);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('act' as const), key: keyArbitrary, isDelete: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('repeat' as const), back: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('bookmark' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('relist' as const), breaksAfter: fc.option(fc.nat(2)), isReversed: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deleteUnknown' as const), key: keyArbitrary }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 3 }) }) },
);

test('any schedule of events, repetitions, lists and reads ends in the true state', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const cluster = new Cluster();
      const reader = new Reader();
      const merge = createMerge();
      let delivered = 0;

      function deliver(event: Event): void {
        const { object } = event;
        if (event.type === 'upsert') merge.upsert(object);
        else merge.delete(object.key, object.uid, object.resourceVersion);
      }
      function relist(isReversed: boolean, breaksAfter: number | null): void {
        const items = [...cluster.state.values()];
        if (isReversed) items.reverse();
        merge.beginList();
        if (breaksAfter !== null) {
          for (const item of items.slice(0, breaksAfter)) merge.listed(item);
          merge.abandonList();
          relist(isReversed, null);
          return;
        }
        for (const item of items) merge.listed(item);
        merge.endList(cluster.version);
        delivered = cluster.log.length;
      }
      function read(count: number): void {
        for (let n = 0; n < count; n += 1) for (const change of merge.take()) reader.take(change);
      }

      relist(false, null);
      for (const next of steps) {
        switch (next.do) {
          case 'act':
            cluster.act(next.key, next.isDelete);
            break;
          case 'deliver':
            for (const event of cluster.log.slice(delivered, delivered + next.count)) {
              deliver(event);
              delivered += 1;
            }
            break;
          case 'repeat':
            for (const event of cluster.log.slice(Math.max(0, delivered - 1 - next.back), delivered)) deliver(event);
            break;
          case 'bookmark':
            merge.advance(cluster.log[delivered - 1]?.object.resourceVersion ?? '100');
            break;
          case 'relist':
            relist(next.isReversed, next.breaksAfter);
            break;
          case 'deleteUnknown':
            merge.delete(next.key, 'uid-nobody', cluster.log[delivered - 1]?.object.resourceVersion ?? '100');
            break;
          case 'read':
            read(next.count);
            break;
        }
        assert.ok(merge.waiting <= KEYS.length, 'one place per key at most');
      }
      for (const event of cluster.log.slice(delivered)) deliver(event);
      read(merge.waiting);

      assert.deepEqual(reader.state, cluster.state);
      assert.equal(merge.size, cluster.state.size);
      assert.equal(merge.waiting, 0);
      assert.equal(merge.waitingCharacters, 0);
      assert.equal(merge.taken?.resourceVersion, cluster.version);
    }),
    { numRuns: 5000 },
  );
});

test('a reader that keeps up gets exactly one change per real change, whatever is repeated in between', () => {
  const action = fc.record({ key: keyArbitrary, isDelete: fc.boolean(), repeat: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60, size: 'max' }), (actions) => {
      const cluster = new Cluster();
      const reader = new Reader();
      const merge = createMerge();
      merge.beginList();
      merge.endList(cluster.version);
      for (const { key, isDelete, repeat } of actions) {
        cluster.act(key, isDelete);
        for (const { type, object } of cluster.log.slice(-1 - repeat).concat(cluster.log.slice(-1))) {
          if (type === 'upsert') merge.upsert(object);
          else merge.delete(object.key, object.uid, object.resourceVersion);
          while (merge.waiting > 0) for (const change of merge.take()) reader.take(change);
        }
        assert.equal(reader.changes, cluster.log.length);
        assert.deepEqual(reader.state, cluster.state);
      }
    }),
    { numRuns: 1000 },
  );
});
