import { expect, expectEqual, expectRefused, NotApplicable } from '../expect.ts';
import { type Answer, isWatch, type Query } from '../http/client.ts';
import { isAfter } from '../http/objects.ts';
import type { Watch, WatchEvent } from '../http/watch.ts';
import type { Check, Kit } from '../kit.ts';
import { NOBODY, readableOf, typeOf, versionOf } from './watches.ts';

const STREAM: Query = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' };

export const WATCH_LIST_CHECKS: readonly Check[] = [
  {
    name: 'watchList.end',
    what: 'sendInitialEvents brings all that is there as ADDED and then one bookmark that says so, at a version not before any of it',
    async run(kit) {
      const { labels, selector } = kit.group('stream');
      const names = [kit.name('stream'), kit.name('stream'), kit.name('stream')];
      for (const name of names) await kit.create(name, { labels });
      const watch = await stream(kit, kit.collection(), { labelSelector: selector, allowWatchBookmarks: true });
      const initial = await untilEnd(watch);
      const end = initial.pop();
      expectEqual('initial events', initial.map(typeOf), ['ADDED', 'ADDED', 'ADDED']);
      expectEqual('their objects', initial.map(({ object }) => object.metadata.name).toSorted(), names.toSorted());
      for (const { object } of initial) {
        expect(
          isAfter(versionOf(object), end && versionOf(end.object)) !== true,
          `an initial event is at version ${versionOf(object)}, after the end at ${end && versionOf(end.object)}`,
        );
      }
      const changed = await kit.change(names[0] ?? '', 'after the end');
      const [next] = await watch.take(1);
      watch.cut();
      expectEqual('the event after them', [next?.type, next && versionOf(next.object)], ['MODIFIED', versionOf(changed)]);
      for (const name of names) await kit.remove(name);
    },
  },
  {
    name: 'watchList.empty',
    what: 'a stream of nothing is a bookmark that ends it, from which one can go on',
    async run(kit) {
      const watch = await stream(kit, readableOf(kit), { fieldSelector: NOBODY, allowWatchBookmarks: true });
      const [end, ...others] = await untilEnd(watch);
      watch.cut();
      expectEqual('events beside the bookmark', others.map(typeOf), []);
      const version = end === undefined ? undefined : versionOf(end.object);
      const resumed = await kit.watch(readableOf(kit), { fieldSelector: NOBODY, resourceVersion: version, timeoutSeconds: 1 });
      expectEqual('events after it', (await resumed.rest()).map(typeOf), []);
    },
  },
  {
    name: 'watchList.notOlderThan',
    what: 'a stream from a version ends at that one or a later one',
    async run(kit) {
      const { labels, selector } = kit.group('notolder');
      const name = kit.name('notolder');
      const created = await kit.create(name, { labels });
      const query = { labelSelector: selector, resourceVersion: versionOf(created), allowWatchBookmarks: true };
      const watch = await stream(kit, kit.collection(), query);
      const events = await untilEnd(watch);
      watch.cut();
      expectEqual('events', events.map(typeOf), ['ADDED', 'BOOKMARK']);
      const end = events[1] === undefined ? '' : versionOf(events[1].object);
      expect(isAfter(versionOf(created), end) !== true, `it ended at ${end}, before ${versionOf(created)}`);
      await kit.remove(name);
    },
  },
  {
    name: 'watchList.noBookmarks',
    what: 'a stream without allowWatchBookmarks has no end mark, and one with sendInitialEvents=false no initial events',
    async run(kit) {
      const { labels, selector } = kit.group('unmarked');
      const name = kit.name('unmarked');
      await kit.create(name, { labels });
      const query = { labelSelector: selector, timeoutSeconds: 2 };
      const [unmarked, none] = [
        await stream(kit, kit.collection(), query),
        await stream(kit, kit.collection(), { ...query, sendInitialEvents: false }),
      ];
      expectEqual('events without bookmarks', (await unmarked.rest()).map(typeOf), ['ADDED']);
      expectEqual('events with sendInitialEvents=false', (await none.rest()).map(typeOf), []);
      await kit.remove(name);
    },
  },
  {
    name: 'watchList.refusals',
    what: 'sendInitialEvents without resourceVersionMatch=NotOlderThan, with continue, or of a list is refused',
    async run(kit) {
      await requireStreams(kit);
      const refused = async (query: Query) => {
        const opened = await kit.client.watch(readableOf(kit), { query: { timeoutSeconds: 1, ...query } });
        const what = `watch with ${JSON.stringify(query)}`;
        if (isWatch(opened)) {
          opened.cut();
          expect(false, `${what} was answered with 200`);
        } else expectRefused(what, opened, [400, 422]);
      };
      await refused({ sendInitialEvents: true });
      await refused({ sendInitialEvents: true, resourceVersionMatch: 'Exact', resourceVersion: '1' });
      await refused({ ...STREAM, continue: 'abc' });
      const list = await kit.client.call('GET', readableOf(kit), { query: STREAM });
      expectRefused('list with sendInitialEvents', list, 422, 'Invalid');
    },
  },
];

/** @throws NotApplicable where the server has no streams */
async function stream(kit: Kit, path: string, query: Query): Promise<Watch> {
  const opened = await kit.client.watch(path, { query: { ...STREAM, ...query } });
  if (!isWatch(opened)) throw noStreams(opened);
  return opened;
}

async function requireStreams(kit: Kit): Promise<void> {
  const watch = await stream(kit, readableOf(kit), { fieldSelector: NOBODY, timeoutSeconds: 1 });
  watch.cut();
}

/** Kubernetes before 1.32 answers 422 unless the feature WatchList is on. */
function noStreams(answer: Answer): Error {
  if (![400, 422].includes(answer.status)) return new Error(`a stream was answered with ${answer.status}: ${answer.text}`);
  return new NotApplicable(`the server offers no streams of initial events: ${answer.failure.message}`);
}

/** The events up to the bookmark that ends the initial ones, and that. @throws Failed when the stream ends before */
async function untilEnd(watch: Watch): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for (;;) {
    const event = await watch.next();
    if (event === undefined) break;
    if (event.type === 'BOOKMARK' && event.object.metadata.annotations?.['k8s.io/initial-events-end'] !== 'true') continue;
    events.push(event);
    if (event.type === 'BOOKMARK') return events;
  }
  expect(false, `the stream ended without the bookmark that ends the initial events, after ${events.length} events`);
  return events;
}
