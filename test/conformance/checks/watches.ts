import { expect, expectEqual, expectRefused, NotApplicable } from '../expect.ts';
import { isWatch, type Query } from '../http/client.ts';
import { isAfter, type KubeObject, keyOf, pathOf } from '../http/objects.ts';
import type { Watch, WatchEvent } from '../http/watch.ts';
import type { Check, Kit } from '../kit.ts';

/** A version that no server has reached, and that is a whole number of 64 bits. */
const FUTURE = '9000000000000000';

export const WATCH_CHECKS: readonly Check[] = [
  {
    name: 'watch.events',
    what: 'each write comes once, in order, at the version that its answer said; a write that changes nothing does not',
    async run(kit) {
      const { labels, selector } = kit.group('events');
      const name = kit.name('events');
      const watch = await watchFromNow(kit, selector);
      const created = await kit.create(name, { labels });
      const versions = [versionOf(created)];
      for (const value of ['2', '3']) versions.push(versionOf(await kit.change(name, value)));
      expectEqual('version after a change to what it was', versionOf(await kit.change(name, '3')), versions.at(-1));
      versions.push(versionOf(await kit.change(name, '4')));
      await kit.remove(name);
      const events = await watch.take(5);
      watch.cut();
      expectEqual('events', events.map(typeOf), ['ADDED', 'MODIFIED', 'MODIFIED', 'MODIFIED', 'DELETED']);
      expectEqual(
        'versions of the events',
        events.slice(0, 4).map(({ object }) => versionOf(object)),
        versions,
      );
      expectEqual('values of the events', events.slice(1).map(valueIn(kit)), ['2', '3', '4', '4']);
      expectLater('DELETED', events[4], versions.at(-1));
    },
  },
  {
    name: 'watch.recreate',
    what: 'an object that is deleted and made again comes as DELETED with the old uid and ADDED with the new one',
    async run(kit) {
      const { labels, selector } = kit.group('recreate');
      const name = kit.name('recreate');
      const first = await kit.create(name, { labels });
      const watch = await watchFromNow(kit, selector);
      await kit.remove(name);
      const second = await kit.create(name, { labels });
      const events = (await watch.take(2)).map(({ type, object }) => [type, object.metadata.uid]);
      watch.cut();
      expectEqual('events', events, [
        ['DELETED', first.metadata.uid],
        ['ADDED', second.metadata.uid],
      ]);
      expect(first.metadata.uid !== second.metadata.uid, `both have the uid ${second.metadata.uid}`);
      await kit.remove(name);
    },
  },
  {
    name: 'watch.resume',
    what: 'a watch from the version of any earlier event brings exactly what came after it',
    async run(kit) {
      const { labels, selector } = kit.group('resume');
      const name = kit.name('resume');
      const watch = await watchFromNow(kit, selector);
      await kit.create(name, { labels });
      for (const value of ['2', '3', '4']) await kit.change(name, value);
      await kit.remove(name);
      const events = (await watch.take(5)).map(brief);
      watch.cut();
      for (const [index, { version }] of events.entries()) {
        const query = { labelSelector: selector, resourceVersion: version };
        const resumed = await kit.watch(kit.collection(), index === 4 ? { ...query, timeoutSeconds: 1 } : query);
        const rest = index === 4 ? await resumed.rest() : await resumed.take(4 - index);
        resumed.cut();
        expectEqual(`events after version ${version}`, rest.map(brief), events.slice(index + 1));
      }
    },
  },
  {
    name: 'watch.initial',
    what: 'a watch without a version, and one from 0, begin with ADDED for what is there',
    async run(kit) {
      const { labels, selector } = kit.group('initial');
      const names = [kit.name('initial'), kit.name('initial')];
      for (const name of names) await kit.create(name, { labels });
      for (const resourceVersion of [undefined, '0']) {
        const watch = await kit.watch(kit.collection(), { labelSelector: selector, resourceVersion });
        const found = await watch.take(2);
        expectEqual('initial events', found.map(typeOf), ['ADDED', 'ADDED']);
        expectEqual('objects of the initial events', found.map(nameOf).toSorted(), names.toSorted());
        const changed = await kit.change(names[0] ?? '', `from ${resourceVersion}`);
        expectEqual('the event after them', (await watch.take(1)).map(brief), [{ type: 'MODIFIED', ...nameAndVersion(changed) }]);
        watch.cut();
      }
      for (const name of names) await kit.remove(name);
    },
  },
  {
    name: 'watch.selector',
    what: 'an object that enters a label selector comes as ADDED, one that leaves as DELETED with what it last was there',
    async run(kit) {
      kit.requireRelabelling();
      const { labels } = kit.group('selector');
      const name = kit.name('selector');
      const group = Object.values(labels)[0] ?? '';
      await kit.create(name, { labels: { ...labels, colour: 'blue' } });
      const watch = await watchFromNow(kit, `conformance-group=${group},colour=red`);
      const entered = await kit.relabel(name, { colour: 'red' });
      const changed = await kit.change(name, 'in red');
      const left = await kit.relabel(name, { colour: 'green' });
      await kit.change(name, 'in green');
      const again = await kit.relabel(name, { colour: 'red' });
      await kit.remove(name);
      const events = await watch.take(5);
      watch.cut();
      expectEqual('events', events.map(brief).slice(0, 4), [
        { type: 'ADDED', ...nameAndVersion(entered) },
        { type: 'MODIFIED', ...nameAndVersion(changed) },
        { type: 'DELETED', ...nameAndVersion(left) },
        { type: 'ADDED', ...nameAndVersion(again) },
      ]);
      expectEqual('label in the DELETED of one that left', events[2]?.object.metadata.labels?.colour, 'red');
      expectEqual('the last event', events[4]?.type, 'DELETED');
    },
  },
  {
    name: 'watch.oneObject',
    what: 'a watch with fieldSelector metadata.name brings the events of that object and no other',
    async run(kit) {
      const [name, other] = [kit.name('one'), kit.name('other')];
      const { metadata } = await list(kit, { limit: 1 });
      const watch = await kit.watch(kit.collection(), {
        fieldSelector: `metadata.name=${name}`,
        resourceVersion: metadata.resourceVersion,
      });
      await kit.create(other);
      await kit.create(name);
      await kit.remove(other);
      await kit.remove(name);
      const events = (await watch.take(2)).map(({ type, object }) => `${type} ${object.metadata.name}`);
      watch.cut();
      expectEqual('events', events, [`ADDED ${name}`, `DELETED ${name}`]);
    },
  },
  {
    name: 'watch.timeout',
    what: 'timeoutSeconds ends a watch cleanly, and not before its time',
    async run(kit) {
      const begun = performance.now();
      const watch = await kit.watch(readableOf(kit), { fieldSelector: NOBODY, resourceVersion: '0', timeoutSeconds: 2 });
      await watch.rest();
      const seconds = (performance.now() - begun) / 1000;
      expectEqual('end of the watch', watch.ending, 'clean');
      expect(seconds >= 1.5, `a watch with timeoutSeconds=2 ended after ${seconds.toFixed(1)} s`);
    },
  },
  {
    name: 'watch.bookmarks',
    what: 'bookmarks hold a version and nothing of an object, never go back, and one can go on from them; without asking none comes',
    async run(kit) {
      const asked = await kit.watch(readableOf(kit), { fieldSelector: NOBODY, allowWatchBookmarks: true, timeoutSeconds: 5 });
      const unasked = await kit.watch(readableOf(kit), { fieldSelector: NOBODY, timeoutSeconds: 5 });
      const bookmarks = (await asked.rest()).filter(({ type }) => type === 'BOOKMARK');
      expectEqual('bookmarks that nobody asked for', (await unasked.rest()).map(typeOf), []);
      let last = '';
      for (const { object } of bookmarks) {
        const { resourceVersion = '', annotations, ...rest } = object.metadata;
        // Some servers write creationTimestamp: null.
        const others = Object.entries(rest).filter(([, value]) => value !== null);
        expectEqual('metadata of a bookmark beside version and annotations', others, []);
        expect(isAfter(last, resourceVersion) !== true, `a bookmark went back from ${last} to ${resourceVersion}`);
        last = resourceVersion;
      }
      if (bookmarks.length === 0) throw new NotApplicable('no bookmark came within a watch of 5 s; none is promised');
      const resumed = await kit.watch(readableOf(kit), { fieldSelector: NOBODY, resourceVersion: last, timeoutSeconds: 1 });
      expectEqual('events of nobody after a bookmark', (await resumed.rest()).map(typeOf), []);
      return `${bookmarks.length} bookmarks in 5 s`;
    },
  },
  {
    name: 'watch.expired',
    what: 'a watch from a version that is forgotten says 410 Expired in an ERROR event (or as its answer), and ends',
    async run(kit) {
      const opened = await kit.client.watch(readableOf(kit), { query: { resourceVersion: '1', timeoutSeconds: 2 } });
      if (!isWatch(opened)) return expectRefused('watch from version 1', opened, 410);
      const [first, ...rest] = await opened.rest();
      if (first?.type !== 'ERROR') throw new NotApplicable('the server still knows everything since version 1');
      expectEqual('ERROR event', pick(first.object, 'kind', 'status', 'code'), ['Status', 'Failure', 410]);
      expect(['Expired', 'Gone'].includes(first.object.reason ?? ''), `reason of the 410: ${first.object.reason}`);
      expectEqual('events after the ERROR', rest.map(typeOf), []);
      return undefined;
    },
  },
  {
    name: 'watch.future',
    what: 'a watch from a version that is yet to come is open and silent; a server that alone gives them out may say 410',
    async run(kit) {
      const watch = await kit.watch(readableOf(kit), { resourceVersion: FUTURE, timeoutSeconds: 2 });
      const events = await watch.rest();
      expectEqual('end of the watch', watch.ending, 'clean');
      const [first, ...others] = events;
      if (first?.type === 'ERROR' && others.length === 0 && pick(first.object, 'code').includes(410)) {
        return 'there can be no such version: 410';
      }
      expectEqual('events of a future', events.map(typeOf), []);
      return undefined;
    },
  },
  {
    name: 'watch.refusals',
    what: 'a version that is no number, and options that do not go together, are refused',
    async run(kit) {
      const refused = async (query: Query, ...codes: number[]) => {
        const opened = await kit.client.watch(readableOf(kit), { query: { timeoutSeconds: 1, ...query } });
        const what = `watch with ${JSON.stringify(query)}`;
        if (isWatch(opened)) {
          opened.cut();
          expect(false, `${what} was answered with 200`);
        } else expectRefused(what, opened, codes);
      };
      await refused({ resourceVersion: 'abc' }, 400, 500);
      await refused({ labelSelector: 'a in (' }, 400);
      await refused({ fieldSelector: 'spec.noSuchField=1' }, 400);
      await refused({ resourceVersionMatch: 'NotOlderThan', resourceVersion: '0' }, 422);
    },
  },
];

/** Matches nothing that there is. */
export const NOBODY = 'metadata.name=hawser-conformance-nobody';

export function readableOf(kit: Kit): string {
  return pathOf(kit.options.readable, kit.options.readableNamespace);
}

async function list(kit: Kit, query: Query): Promise<KubeObject> {
  const answer = await kit.client.call('GET', kit.collection(), { query });
  expectEqual('status of a list', answer.status, 200);
  return answer.object ?? { metadata: {} };
}

/** Of the subject's objects that the selector chooses, from the version of a list on. */
export async function watchFromNow(kit: Kit, labelSelector: string, accept?: string): Promise<Watch> {
  const { metadata } = await list(kit, { labelSelector });
  return kit.watch(kit.collection(), { labelSelector, resourceVersion: metadata.resourceVersion }, accept);
}

export function versionOf({ metadata }: KubeObject): string {
  return metadata.resourceVersion ?? '';
}

export function typeOf({ type }: WatchEvent): string {
  return type;
}

function nameOf({ object }: WatchEvent): string {
  return object.metadata.name ?? keyOf(object);
}

function valueIn(kit: Kit): (event: WatchEvent) => string | undefined {
  return ({ object }) => kit.subject.valueOf(object);
}

function nameAndVersion(object: KubeObject): { readonly name: string | undefined; readonly version: string } {
  return { name: object.metadata.name, version: versionOf(object) };
}

function brief({ type, object }: WatchEvent): {
  readonly type: string;
  readonly name: string | undefined;
  readonly version: string;
} {
  return { type, ...nameAndVersion(object) };
}

function pick(object: KubeObject, ...fields: readonly string[]): unknown[] {
  return fields.map((field) => object[field]);
}

function expectLater(what: string, event: WatchEvent | undefined, version: string | undefined): void {
  const found = event === undefined ? undefined : versionOf(event.object);
  expect(isAfter(found, version) !== false, `${what} has version ${found}, which is not after ${version}`);
}
