import { expect, expectEqual } from '../expect.ts';
import { isWatch } from '../http/client.ts';
import type { Watch } from '../http/watch.ts';
import type { Check } from '../kit.ts';
import { collected } from './lists.ts';
import { versionOf } from './watches.ts';

/** Watches that are open at the same time: a kubelet with 100 pods has about so many. */
const WATCHES = 300;
/** Connections that are made at the same time. */
const AT_A_TIME = 20;
/** For an event to reach all of them, in milliseconds: slow machines have slow TLS. */
const EVENT_TIMEOUT_MS = 60_000;

export const MANY_CHECKS: readonly Check[] = [
  {
    name: 'watch.many',
    what: `${WATCHES} watches at the same time all get each change, and none another's`,
    async run(kit) {
      const { labels, selector } = kit.group('many');
      const { metadata } = await collected(kit, { labelSelector: selector });
      const query = { labelSelector: selector, resourceVersion: metadata.resourceVersion };
      const watches: Watch[] = [];
      try {
        const begun = performance.now();
        let left = WATCHES;
        const open = async () => {
          while (left-- > 0) {
            const opened = await kit.client.watch(kit.collection(), { query });
            if (!isWatch(opened)) {
              expect(false, `watch ${watches.length + 1} was answered with ${opened.status}: ${opened.text.slice(0, 200)}`);
              return;
            }
            watches.push(opened);
          }
        };
        await Promise.all(Array.from({ length: AT_A_TIME }, open));
        const openedMs = performance.now() - begun;
        const name = kit.name('many');
        await kit.create(kit.name('unwatched'));
        const sentAt = performance.now();
        const created = await kit.create(name, { labels });
        const events = await Promise.all(watches.map((watch) => watch.next(EVENT_TIMEOUT_MS)));
        const ms = performance.now() - sentAt;
        const others = events.filter((event) => event?.type !== 'ADDED' || versionOf(event.object) !== versionOf(created));
        expectEqual('watches', watches.length, WATCHES);
        expectEqual('events that are not the one that was to come', others.length, 0);
        return `opened in ${openedMs.toFixed(0)} ms; an event had reached all after ${ms.toFixed(0)} ms`;
      } finally {
        for (const watch of watches) watch.cut();
      }
    },
  },
];
