import { expect, expectEqual, NotApplicable } from '../expect.ts';
import { OneConnection } from '../http/one-connection.ts';
import type { Check } from '../kit.ts';
import { collected } from './lists.ts';

/** Watches on the one connection, where the server takes so many streams: client-go has them all there. */
const WATCHES = 60;

export const HTTP2_CHECKS: readonly Check[] = [
  {
    name: 'http2.oneConnection',
    what: 'a server that speaks HTTP/2 answers a list over it as over HTTP/1.1, and many watches on one connection all get each change',
    async run(kit) {
      const connection = await OneConnection.open(kit.client.access);
      if (connection === undefined) throw new NotApplicable('the server does not choose HTTP/2');
      try {
        const { labels, selector } = kit.group('h2');
        const first = await kit.create(kit.name('h2'), { labels });
        const list = await collected(kit, { labelSelector: selector });
        const { resourceVersion = '' } = list.metadata;
        const query = `labelSelector=${encodeURIComponent(selector)}`;
        const same = await connection.get(
          `${kit.collection()}?${query}&resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`,
        );
        expectEqual('status over HTTP/2', same.status, 200);
        expectEqual('list over HTTP/2', JSON.parse(same.text), list);
        const count = Math.min(WATCHES, connection.mostStreams);
        const path = `${kit.collection()}?watch=true&${query}&resourceVersion=${resourceVersion}`;
        const watches = await Promise.all(Array.from({ length: count }, () => connection.lines(path)));
        expectEqual('watches that were not answered with 200', watches.filter(({ status }) => status !== 200).length, 0);
        const changed = await kit.change(first.metadata.name ?? '', 'over HTTP/2');
        const lines = await Promise.all(watches.map((watch) => watch.next()));
        for (const line of lines) {
          const event = JSON.parse(line ?? '{}');
          expectEqual('version of the event', event.object?.metadata?.resourceVersion, changed.metadata.resourceVersion);
        }
        expect(count > 1, 'the server takes one stream for each connection');
        await kit.remove(first.metadata.name ?? '');
        return `${count} watches on one connection`;
      } finally {
        connection.close();
      }
    },
  },
];
