import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { objectKey } from '@hawser/protocol';
import type { Change, Observed } from './change.ts';
import { createMerge, type Merge } from './merge.ts';

function object(name: string, resourceVersion: number, uid = `uid-${name}`): Observed {
  const key = objectKey('secrets', 'web', name);
  return { key, uid, resourceVersion: String(resourceVersion), text: undefined, type: { apiVersion: 'v1', kind: 'Secret' } };
}

function takeAll(merge: Merge): string[] {
  const words: string[] = [];
  while (merge.waiting > 0) words.push(...merge.take().map(word));
  return words;
}

function word(change: Change): string {
  const [mark, { key, uid, resourceVersion }] = change.type === 'delete' ? ['-', change] : ['+', change.object];
  return `${mark}${key.slice(key.lastIndexOf('/') + 1)} ${uid}@${resourceVersion}`;
}

/** Listed at 50, and handed on. */
function listed(...objects: readonly Observed[]): Merge {
  const merge = createMerge();
  merge.beginList();
  for (const each of objects) merge.listed(each);
  merge.endList('50');
  takeAll(merge);
  return merge;
}

describe('a list of a server whose past is known', () => {
  test('shows nothing that contradicts it before its end, and all of it then', () => {
    const merge = listed(object('a', 40), object('b', 30));
    merge.beginList('50');
    merge.listed(object('a', 20));
    merge.listed(object('deleted', 10));
    merge.listed(object('b', 30));
    merge.listed(object('new', 51));
    assert.deepEqual(takeAll(merge), ['+new uid-new@51']);
    assert.deepEqual(merge.unnamed(), { known: 2, unnamed: 0 });
    merge.endList('60');
    assert.deepEqual(takeAll(merge), ['+a uid-a@20', '+deleted uid-deleted@10']);
  });

  test('that is given up shows nothing of it', () => {
    const merge = listed(object('a', 40));
    merge.beginList('50');
    merge.listed(object('a', 20));
    merge.beginList('50');
    merge.listed(object('a', 40));
    merge.endList('50');
    assert.deepEqual(takeAll(merge), []);
  });

  test('counts what it has not named', () => {
    const merge = listed(object('a', 40), object('b', 30), object('c', 20));
    merge.beginList('50');
    merge.listed(object('b', 30));
    assert.deepEqual(merge.unnamed(), { known: 3, unnamed: 2 });
  });
});

describe('an epoch', () => {
  test('hands on whatever is listed in it, also what seems to be known, and what is gone', () => {
    const merge = listed(object('a', 40), object('same', 30), object('gone', 20));
    merge.beginEpoch();
    merge.beginList();
    merge.listed(object('same', 30));
    merge.listed(object('a', 10));
    merge.endList('31');
    assert.deepEqual(takeAll(merge).sort(), ['+a uid-a@10', '+same uid-same@30', '-gone uid-gone@31']);
    assert.deepEqual(merge.taken, { ...merge.taken, resourceVersion: '31', list: 2 });
    merge.beginList('31');
    merge.listed(object('same', 30));
    merge.listed(object('a', 10));
    merge.endList('32');
    assert.deepEqual(takeAll(merge), [], 'once');
  });

  test('calls off what waited in the one before, and knows again what was told', () => {
    const merge = listed(object('a', 40), object('b', 30));
    merge.upsert(object('a', 51));
    merge.delete(objectKey('secrets', 'web', 'b'), 'uid-b', '52');
    merge.upsert(object('unseen', 53));
    merge.beginEpoch();
    assert.equal(merge.waiting, 0);
    assert.equal(merge.size, 2);
    merge.beginList();
    merge.listed(object('a', 40));
    merge.endList('41');
    assert.deepEqual(takeAll(merge).sort(), ['+a uid-a@40', '-b uid-b@41']);
  });

  test('takes events with lower versions than before', () => {
    const merge = listed(object('a', 40));
    merge.beginEpoch();
    merge.beginList();
    merge.listed(object('a', 10));
    merge.endList('11');
    merge.upsert(object('a', 12));
    assert.deepEqual(takeAll(merge), ['+a uid-a@12']);
  });
});
