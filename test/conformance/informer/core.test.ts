import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeList, KubeObject } from '../http/objects.ts';
import { type CoreOptions, InformerCore } from './core.ts';

const OPTIONS: CoreOptions = { watchList: false, pageSize: 2, bookmarks: true, firstListFromCache: false };

const object = (name: string, version: number, uid = `uid-${name}`): KubeObject => ({
  metadata: { name, namespace: 'ns', uid, resourceVersion: String(version) },
});
const list = (version: number, items: readonly KubeObject[], next?: string): KubeList => ({
  metadata: { resourceVersion: String(version), ...(next === undefined ? {} : { continue: next }) },
  items,
});
const added = (...given: Parameters<typeof object>) => ({ type: 'ADDED', object: object(...given) }) as const;
const modified = (...given: Parameters<typeof object>) => ({ type: 'MODIFIED', object: object(...given) }) as const;
const deleted = (...given: Parameters<typeof object>) => ({ type: 'DELETED', object: object(...given) }) as const;
const bookmark = (version: number, isEnd = false) =>
  ({
    type: 'BOOKMARK',
    object: {
      metadata: {
        resourceVersion: String(version),
        ...(isEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
      },
    },
  }) as const;
const error = (code: number) => ({ type: 'ERROR', object: { kind: 'Status', metadata: {}, code } }) as const;

const held = (core: InformerCore) => [...core.cache].map(([key, { metadata }]) => `${key}@${metadata.resourceVersion}`);

function synced(version: number, ...items: readonly KubeObject[]): InformerCore {
  const core = new InformerCore(OPTIONS);
  core.page(list(version, items));
  return core;
}

describe('an informer', () => {
  it('lists in pages and then watches from the version of the list', () => {
    const core = new InformerCore(OPTIONS);
    assert.deepEqual(core.step(), { type: 'list', query: { limit: 2 } });
    core.page(list(10, [object('a', 1), object('b', 2)], 'token'));
    assert.equal(core.isSynced, false);
    assert.deepEqual(core.step(), { type: 'list', query: { limit: 2, continue: 'token' } });
    core.page(list(10, [object('c', 3)]));
    assert.deepEqual(held(core), ['ns/a@1', 'ns/b@2', 'ns/c@3']);
    assert.deepEqual(core.step(), { type: 'watch', query: { resourceVersion: '10', allowWatchBookmarks: true } });
  });

  it('lists whole when the token of a page has expired', () => {
    const core = new InformerCore(OPTIONS);
    core.page(list(10, [object('a', 1), object('b', 2)], 'token'));
    assert.equal(core.refused(410, { metadata: {} }), 0);
    assert.deepEqual(core.step(), { type: 'list', query: { limit: undefined } });
  });

  it('goes on from the last event or bookmark after a watch has ended, however it ended', () => {
    const core = synced(10, object('a', 1));
    core.opened();
    core.event(modified('a', 11));
    core.event(added('b', 12));
    core.ended('cut');
    assert.equal(core.position, '12');
    core.opened();
    core.event(bookmark(20));
    core.ended('clean');
    assert.deepEqual(core.step().query, { resourceVersion: '20', allowWatchBookmarks: true });
    assert.deepEqual(core.violations, []);
    assert.deepEqual([core.figures.cuts, core.figures.timeouts], [1, 1]);
  });

  it('asks for everything anew when the server has forgotten its version, as an event or as an answer', () => {
    const told = synced(10, object('a', 1));
    told.opened();
    told.event(error(410));
    told.ended('clean');
    const answered = synced(10, object('a', 1));
    answered.refused(410, { metadata: {} });
    for (const core of [told, answered]) {
      assert.equal(core.step().type, 'list');
      core.page(list(30, [object('b', 29)]));
      assert.deepEqual(held(core), ['ns/b@29']);
      assert.equal(core.figures.foundByList, 2);
      assert.deepEqual(core.violations, []);
    }
  });

  it('waits as long as a refusal says, and does the same again', () => {
    const core = synced(10);
    assert.equal(core.refused(429, { metadata: {}, details: { retryAfterSeconds: 3 } }), 3);
    assert.equal(core.step().type, 'watch');
    core.opened();
    core.event(error(504));
    core.ended('clean');
    assert.deepEqual(core.step().query, { resourceVersion: '10', allowWatchBookmarks: true });
  });

  describe('that streams', () => {
    const streaming = () => new InformerCore({ ...OPTIONS, watchList: true });

    it('holds what came before the end bookmark, and watches from there', () => {
      const core = streaming();
      assert.equal(core.step().type, 'watchList');
      core.opened();
      for (const event of [added('b', 2), added('a', 1), bookmark(9)]) core.event(event);
      assert.equal(core.isSynced, false);
      core.event(modified('a', 10));
      core.event(bookmark(10, true));
      assert.deepEqual(held(core), ['ns/b@2', 'ns/a@10']);
      core.event(deleted('b', 11));
      core.ended('clean');
      assert.deepEqual(core.step().query, { resourceVersion: '11', allowWatchBookmarks: true });
      assert.deepEqual(core.violations, []);
    });

    it('begins anew when it breaks off before, and keeps what it held', () => {
      const core = streaming();
      core.opened();
      core.event(added('a', 1));
      core.event(bookmark(5, true));
      core.event(error(410));
      core.ended('clean');
      core.opened();
      core.event(added('b', 6));
      core.ended('cut');
      assert.deepEqual(held(core), ['ns/a@1']);
      assert.equal(core.step().type, 'watchList');
    });

    it('lists where the server has no streams', () => {
      const core = streaming();
      core.refused(422, { metadata: {} });
      assert.equal(core.step().type, 'list');
    });
  });

  const faults: readonly (readonly [string, (core: InformerCore) => void, RegExp])[] = [
    ['an ADDED of what is there', (core) => core.event(added('a', 11)), /was there already/],
    ['a MODIFIED of what is not', (core) => core.event(modified('b', 11)), /was not there/],
    ['a DELETED of what is not', (core) => core.event(deleted('b', 11)), /was not there/],
    ['another uid without a DELETED', (core) => core.event(modified('a', 11, 'other')), /has uid other/],
    ['an event of the past', (core) => core.event(modified('a', 10)), /after version 10 had been told/],
    ['a bookmark of the past', (core) => core.event(bookmark(9)), /went back/],
    ['an end of initial events that were not asked for', (core) => core.event(bookmark(11, true)), /nobody asked/],
    [
      'an event after an ERROR',
      (core) => {
        core.event(error(500));
        core.event(added('b', 12));
      },
      /after an ERROR/,
    ],
    ['a list of the past', (core) => core.page(list(9, [])), /a list went back/],
    ['an object twice in a list', (core) => core.page(list(11, [object('b', 1), object('b', 1)])), /twice/],
  ];
  for (const [what, happens, why] of faults) {
    it(`notes ${what}`, () => {
      const core = synced(10, object('a', 1));
      core.opened();
      happens(core);
      assert.match(core.violations.join(), why);
    });
  }

  it('notes pages of different versions', () => {
    const core = new InformerCore(OPTIONS);
    core.page(list(10, [object('a', 1)], 'token'));
    core.page(list(11, [object('b', 2)]));
    assert.match(core.violations.join(), /began at version 10/);
  });
});
