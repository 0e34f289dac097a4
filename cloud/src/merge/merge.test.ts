import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ObjectKey, objectKey } from '@hawser/protocol';
import type { Change, Observed } from './change.ts';
import { createMerge, type Merge } from './merge.ts';

const key = (name: string) => objectKey('configmaps', 'web', name);

function object(name: string, uid: string, resourceVersion: number, text = `{"v":${resourceVersion}}`): Observed {
  return { key: key(name), uid, resourceVersion: `${resourceVersion}`, text, type: { apiVersion: 'v1', kind: 'ConfigMap' } };
}

/** All that waits, as short words. */
function read(merge: Merge): string[] {
  const words: string[] = [];
  while (merge.waiting > 0) words.push(...merge.take().map(word));
  return words;
}

function word(change: Change): string {
  if (change.type === 'delete') return `-${name(change.key)} ${change.uid}@${change.resourceVersion}`;
  const { uid, resourceVersion } = change.object;
  return `+${name(change.object.key)} ${uid}@${resourceVersion}`;
}

const takenOf = (merge: Merge) => merge.taken?.resourceVersion;
const name = (of: ObjectKey) => of.slice(of.lastIndexOf('/') + 1);

function list(merge: Merge, resourceVersion: number, ...items: Observed[]): void {
  merge.beginList();
  for (const item of items) merge.listed(item);
  merge.endList(`${resourceVersion}`);
}

describe('with a reader that keeps up', () => {
  test('add, update and delete are one change each', () => {
    const merge = createMerge();
    list(merge, 1);
    merge.upsert(object('a', 'A', 2));
    assert.deepEqual(read(merge), ['+a A@2']);
    merge.upsert(object('a', 'A', 3));
    assert.deepEqual(read(merge), ['+a A@3']);
    merge.delete(key('a'), 'A', '4');
    assert.deepEqual(read(merge), ['-a A@4']);
    assert.equal(merge.size, 0);
  });

  test('a repeated event is dropped, and so is one from before', () => {
    const merge = createMerge();
    list(merge, 1, object('a', 'A', 1));
    merge.upsert(object('a', 'A', 5));
    read(merge);
    merge.upsert(object('a', 'A', 5));
    merge.upsert(object('a', 'A', 1));
    merge.delete(key('a'), 'A', '4');
    assert.deepEqual(read(merge), []);
    assert.equal(merge.size, 1);
  });

  test('a repeated add after the delete does not bring the object back', () => {
    const merge = createMerge();
    list(merge, 1, object('a', 'A', 1));
    merge.delete(key('a'), 'A', '2');
    read(merge);
    merge.upsert(object('a', 'A', 1));
    merge.delete(key('a'), 'A', '2');
    assert.deepEqual(read(merge), []);
  });

  test('numbers are compared as numbers: 10 is after 9', () => {
    const merge = createMerge();
    list(merge, 9, object('a', 'A', 9));
    read(merge);
    merge.upsert(object('a', 'A', 10));
    assert.deepEqual(read(merge), ['+a A@10']);
  });

  test('another uid under the key is a delete and then an add', () => {
    const merge = createMerge();
    list(merge, 1, object('a', 'A', 1));
    read(merge);
    merge.upsert(object('a', 'B', 3));
    assert.deepEqual(read(merge), ['-a A@3', '+a B@3']);
  });

  test("an older object's delete does not remove its successor, and a delete of the unknown is dropped", () => {
    const merge = createMerge();
    list(merge, 1, object('a', 'B', 1));
    read(merge);
    merge.delete(key('a'), 'A', '2');
    merge.delete(key('other'), 'X', '3');
    assert.deepEqual(read(merge), []);
    assert.equal(merge.size, 1);
  });
});

describe('with a reader that is busy', () => {
  test('a burst on one key leaves the last version, and its place in the order', () => {
    const merge = createMerge();
    list(merge, 1);
    merge.upsert(object('a', 'A', 2));
    merge.upsert(object('b', 'B', 3));
    for (let version = 4; version < 100; version += 1) merge.upsert(object('a', 'A', version));
    assert.equal(merge.waiting, 2);
    assert.deepEqual(read(merge), ['+a A@99', '+b B@3']);
  });

  test('delete and re-create are both told, the delete with its own resourceVersion', () => {
    const merge = createMerge();
    list(merge, 1, object('a', 'A', 1));
    read(merge);
    merge.delete(key('a'), 'A', '5');
    merge.upsert(object('a', 'B', 7));
    merge.upsert(object('a', 'B', 8));
    assert.deepEqual(read(merge), ['-a A@5', '+a B@8']);
  });

  test('what came and went unseen is nothing', () => {
    const merge = createMerge();
    list(merge, 1);
    merge.upsert(object('a', 'A', 2));
    merge.delete(key('a'), 'A', '3');
    assert.deepEqual(read(merge), []);
    merge.upsert(object('b', 'B', 4));
    merge.delete(key('b'), 'B', '5');
    merge.upsert(object('b', 'C', 6));
    assert.deepEqual(read(merge), ['+b C@6']);
  });

  test('what waits is counted in characters, and a newer version takes the place of the older', () => {
    const merge = createMerge();
    list(merge, 1);
    merge.upsert(object('a', 'A', 2, 'x'.repeat(1000)));
    merge.upsert(object('a', 'A', 3, 'x'.repeat(10)));
    merge.upsert(object('b', 'B', 4, 'x'.repeat(5)));
    assert.equal(merge.waitingCharacters, 15);
    merge.delete(key('b'), 'B', '5');
    assert.equal(merge.waitingCharacters, 10);
    read(merge);
    assert.equal(merge.waitingCharacters, 0);
  });

  test('what has been taken is told as soon as it has, however fast more comes', () => {
    const merge = createMerge();
    list(merge, 1, object('a', 'A', 1));
    assert.equal(takenOf(merge), undefined);
    let version = 1;
    const told = new Set<string>();
    for (let n = 0; n < 50; n += 1) {
      for (let i = 0; i < 3; i += 1) {
        version += 1;
        merge.upsert(object(`k${version % 4}`, 'U', version));
      }
      merge.take();
      told.add(takenOf(merge) ?? '');
    }
    assert.ok(told.size > 10, `only ${told.size} times`);
    read(merge);
    assert.equal(takenOf(merge), `${version}`);
  });
});

describe('lists', () => {
  test('a second list gives the difference only', () => {
    const merge = createMerge();
    list(merge, 10, object('same', 'S', 1), object('changed', 'C', 2), object('gone', 'G', 3), object('renewed', 'R', 4));
    read(merge);
    list(merge, 20, object('renewed', 'R2', 15), object('same', 'S', 1), object('changed', 'C', 12), object('new', 'N', 13));
    assert.deepEqual(read(merge).sort(), ['+changed C@12', '+new N@13', '+renewed R2@15', '-gone G@20', '-renewed R@15']);
  });

  test('a list that breaks off deletes nothing', () => {
    const merge = createMerge();
    list(merge, 10, object('a', 'A', 1), object('b', 'B', 2));
    read(merge);
    merge.beginList();
    merge.listed(object('a', 'A', 5));
    merge.abandonList();
    merge.endList('20');
    assert.deepEqual(read(merge), ['+a A@5']);
    assert.equal(takenOf(merge), '10');
    list(merge, 30, object('a', 'A', 5));
    assert.deepEqual(read(merge), ['-b B@30']);
  });

  test('an item that cannot be read keeps what is known of it', () => {
    const merge = createMerge();
    list(merge, 10, object('a', 'A', 1));
    read(merge);
    merge.beginList();
    merge.listedUnreadable(key('a'));
    merge.listedUnreadable(key('never seen'.replace(' ', '-')));
    merge.endList('20');
    assert.deepEqual(read(merge), []);
    assert.equal(merge.size, 1);
  });

  test('a server that was restored to an older state is believed', () => {
    const merge = createMerge();
    list(merge, 100, object('a', 'A', 90), object('b', 'B', 95));
    read(merge);
    list(merge, 50, object('a', 'A', 40));
    assert.deepEqual(read(merge).sort(), ['+a A@40', '-b B@50']);
    assert.equal(takenOf(merge), '50');
    merge.upsert(object('a', 'A', 51));
    assert.deepEqual(read(merge), ['+a A@51']);
  });

  test('nothing is taken before the first list has ended', () => {
    const merge = createMerge();
    merge.beginList();
    merge.listed(object('a', 'A', 1));
    read(merge);
    assert.equal(takenOf(merge), undefined);
    merge.endList('7');
    assert.equal(takenOf(merge), '7');
  });
});
