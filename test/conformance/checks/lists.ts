import { expect, expectEqual, expectRefused, expectStatus, listOf, NotApplicable } from '../expect.ts';
import type { Query } from '../http/client.ts';
import { isAfter, type KubeList, keyOf, pathOf } from '../http/objects.ts';
import type { Check, Kit } from '../kit.ts';
import { readableOf, versionOf } from './watches.ts';

const FUTURE = '9000000000000000';

export const LIST_CHECKS: readonly Check[] = [
  {
    name: 'list.form',
    what: 'a list has the kind KINDList, a version, and items with uid and version, none of them twice',
    async run(kit) {
      const { kind } = kit.options.readable;
      const list = await listed(kit, { limit: 500 });
      expectEqual('kind of the list', list.kind, `${kind}List`);
      expect(versionOf(list) !== '', 'the list has no resourceVersion');
      const keys = list.items.map(keyOf);
      expectEqual('items that come twice', keys.length - new Set(keys).size, 0);
      const bare = list.items.filter(({ metadata }) => metadata.uid === undefined || metadata.resourceVersion === undefined);
      expectEqual('items without uid or version', bare.map(keyOf), []);
    },
  },
  {
    name: 'list.nowhere',
    what: 'a list in a namespace that does not exist is empty, with items [] and not null',
    async run(kit) {
      const { readable } = kit.options;
      if (!readable.namespaced) throw new NotApplicable(`${readable.resource} have no namespaces`);
      const path = pathOf(readable, 'hawser-conformance-nowhere');
      const answer = await kit.client.call('GET', path);
      if (answer.status === 403) throw new NotApplicable('only some namespaces may be read');
      expectEqual('items', listOf('list', answer).items, []);
    },
  },
  {
    name: 'list.pages',
    what: 'pages hold together what one list holds, in its order, all at the version of the first, whatever is written between them',
    async run(kit) {
      const { labels, selector } = kit.group('pages');
      const names = Array.from({ length: 7 }, () => kit.name('pages'));
      for (const name of names) await kit.create(name, { labels });
      const whole = await collected(kit, { labelSelector: selector });
      const paged: string[] = [];
      const versions = new Set<string>();
      let page = await collected(kit, { labelSelector: selector, limit: 3 });
      // Written between the pages: it belongs to none of them.
      await kit.create(kit.name('pages'), { labels });
      await kit.change(names[6] ?? '', 'between the pages');
      await kit.remove(names[5] ?? '');
      for (let count = 1; ; count++) {
        expect(page.items.length <= 3, `a page of 3 has ${page.items.length} items`);
        versions.add(versionOf(page));
        paged.push(...page.items.map(briefly));
        const next = page.metadata.continue ?? '';
        if (next === '') break;
        expect(count < 10, 'the pages of 7 objects do not end');
        page = await collected(kit, { labelSelector: selector, limit: 3, continue: next });
      }
      expectEqual('objects of the pages', paged, whole.items.map(briefly));
      expectEqual('versions of the pages', versions.size, 1);
    },
  },
  {
    name: 'list.remaining',
    what: 'remainingItemCount, where it is given, is what is left; with a selector and on the last page there is none',
    async run(kit) {
      const all = await listed(kit, {});
      if (all.items.length < 2) throw new NotApplicable(`there are only ${all.items.length} ${kit.options.readable.resource}`);
      const first = await listed(kit, { limit: 1 });
      const left = first.metadata.remainingItemCount;
      // Others may write meanwhile: only far from the truth is wrong.
      const isNear = left === undefined || Math.abs(left - (all.items.length - 1)) <= Math.max(5, all.items.length / 10);
      expect(isNear, `remainingItemCount is ${left}, and there are ${all.items.length} in all`);
      const selected = await listed(kit, { limit: 1, labelSelector: '!conformance-none' });
      expectEqual('remainingItemCount with a selector', selected.metadata.remainingItemCount, undefined);
      expectEqual('remainingItemCount of a whole list', all.metadata.remainingItemCount, undefined);
    },
  },
  {
    name: 'list.badPages',
    what: 'tokens that are none, a token together with a version, and a limit that is no number are refused with 400',
    async run(kit) {
      expectRefused('a token that is none', await ask(kit, { continue: 'abc' }), 400, 'BadRequest');
      expectRefused('a limit that is no number', await ask(kit, { limit: 'many' }), 400, 'BadRequest');
      const first = await listed(kit, { limit: 1 });
      const next = first.metadata.continue;
      if (next === undefined) return 'no second page was there to ask for';
      const query = { limit: 1, continue: next, resourceVersion: versionOf(first) };
      expectRefused('a token and a version', await ask(kit, query), 400, 'BadRequest');
      return undefined;
    },
  },
  {
    name: 'list.expired',
    what: 'an exact list at a version that is forgotten is 410 Expired; elsewhere it is the list as it was',
    async run(kit) {
      const answer = await ask(kit, { resourceVersion: '1', resourceVersionMatch: 'Exact', limit: 1 });
      if (answer.status === 200) throw new NotApplicable('the server still knows version 1');
      expectRefused('exact list at version 1', answer, 410, 'Expired');
    },
  },
  {
    name: 'list.exact',
    what: 'resourceVersionMatch=Exact gives the collection as it was at that version',
    async run(kit) {
      const { labels, selector } = kit.group('exact');
      const name = kit.name('exact');
      const created = await kit.create(name, { labels, value: 'old' });
      await kit.change(name, 'new');
      const query = { labelSelector: selector, resourceVersion: versionOf(created), resourceVersionMatch: 'Exact' };
      const then = await collected(kit, query);
      expectEqual('version of the list', versionOf(then), versionOf(created));
      expectEqual('objects', then.items.map(versionOf), [versionOf(created)]);
      await kit.remove(name);
      const before = await collected(kit, query);
      expectEqual('objects after the delete', before.items.map(versionOf), [versionOf(created)]);
    },
  },
  {
    name: 'list.notOlderThan',
    what: 'a list from a version is at that one or a later one, with every write up to it; version 0 may be any',
    async run(kit) {
      const { labels, selector } = kit.group('since');
      const name = kit.name('since');
      const created = await kit.create(name, { labels });
      for (const resourceVersionMatch of [undefined, 'NotOlderThan']) {
        const query = { labelSelector: selector, resourceVersion: versionOf(created), resourceVersionMatch };
        const list = await collected(kit, query);
        expect(
          isAfter(versionOf(created), versionOf(list)) !== true,
          `it is at ${versionOf(list)}, before ${versionOf(created)}`,
        );
        expectEqual('objects', list.items.map(versionOf), [versionOf(created)]);
      }
      await collected(kit, { labelSelector: selector, resourceVersion: '0' });
      await kit.remove(name);
    },
  },
  {
    name: 'list.future',
    what: 'a version that is not reached in time is 504 Timeout, with a time to come back; a server that alone gives them out may say 410',
    async run(kit) {
      const answer = await ask(kit, { resourceVersion: FUTURE, resourceVersionMatch: 'NotOlderThan' });
      if (answer.status === 410) return 'there can be no such version: 410';
      expectRefused('list of the future', answer, 504, 'Timeout');
      const seconds = answer.failure.details?.retryAfterSeconds;
      expect(seconds !== undefined && seconds > 0, 'the Status says no retryAfterSeconds');
      return undefined;
    },
  },
  {
    name: 'list.refusals',
    what: 'resourceVersionMatch without a version, Exact with 0, unknown ones: 422; a selector that is none: 400, a version: 400 or 500',
    async run(kit) {
      const refused = async (query: Query, code: number | number[], reason?: string) =>
        expectRefused(`list with ${JSON.stringify(query)}`, await ask(kit, query), code, reason);
      await refused({ resourceVersionMatch: 'Exact' }, 422, 'Invalid');
      await refused({ resourceVersionMatch: 'NotOlderThan' }, 422, 'Invalid');
      await refused({ resourceVersionMatch: 'Exact', resourceVersion: '0' }, 422, 'Invalid');
      await refused({ resourceVersionMatch: 'Newest', resourceVersion: '1' }, 422, 'Invalid');
      // Servers that answer lists out of their watch cache call it an error of their own.
      await refused({ resourceVersion: 'abc' }, [400, 500]);
      await refused({ labelSelector: 'a in (' }, 400, 'BadRequest');
    },
  },
  {
    name: 'get.versions',
    what: 'a get from version 0, or from that of the object, answers; one of what is not there is a 404 that names it',
    async run(kit) {
      const name = kit.name('get');
      const created = await kit.create(name);
      for (const resourceVersion of ['0', versionOf(created)]) {
        const answer = await kit.client.call('GET', kit.path(name), { query: { resourceVersion } });
        expectStatus(`get from version ${resourceVersion}`, answer, 200);
      }
      await kit.remove(name);
      const gone = await kit.client.call('GET', kit.path(name));
      expectRefused('get of what is not there', gone, 404, 'NotFound');
      expectEqual('details', [gone.failure.details?.name, gone.failure.details?.kind], [name, kit.subject.kind.resource]);
    },
  },
];

function ask(kit: Kit, query: Query) {
  return kit.client.call('GET', readableOf(kit), { query });
}

async function listed(kit: Kit, query: Query): Promise<KubeList> {
  return listOf(`list with ${JSON.stringify(query)}`, await ask(kit, query));
}

export async function collected(kit: Kit, query: Query): Promise<KubeList> {
  return listOf(`list with ${JSON.stringify(query)}`, await kit.client.call('GET', kit.collection(), { query }));
}

function briefly({ metadata: { name, resourceVersion } }: KubeList['items'][number]): string {
  return `${name} at ${resourceVersion}`;
}
