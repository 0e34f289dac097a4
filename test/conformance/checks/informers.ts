import { derivedSeed, Random } from '../../model/random.ts';
import { expect, expectEqual, Failed, listOf } from '../expect.ts';
import type { Query } from '../http/client.ts';
import type { KubeObject } from '../http/objects.ts';
import { differences } from '../informer/compare.ts';
import { Informer, type InformerOptions } from '../informer/informer.ts';
import type { Check, Kit } from '../kit.ts';
import type { Subject } from '../subjects/subject.ts';
import { Workload } from '../workload.ts';
import { readableOf } from './watches.ts';

/** The list is asked for so often meanwhile: where others write, the one before may be of the past. In milliseconds. */
const LIST_EVERY_MS = 1_000;

interface Kind {
  readonly name: string;
  readonly options: Partial<InformerOptions>;
}

/** One informer of each kind that clients are, and of each trouble that they have. */
const KINDS: readonly Kind[] = [
  // Nothing in its way: what it lacks in the end, a watch has not told.
  { name: 'list and watch, undisturbed', options: { watchList: false, cutOneIn: 0, longestWatchSeconds: 3_600 } },
  { name: 'stream, undisturbed', options: { watchList: true, cutOneIn: 0, longestWatchSeconds: 3_600 } },
  { name: 'list in pages and watch, cut and timed out', options: { watchList: false, pageSize: 3, bookmarks: false } },
  { name: 'list from any version, then watch', options: { watchList: false, firstListFromCache: true } },
  { name: 'stream, cut and timed out', options: { watchList: true } },
  { name: 'only red ones', options: { watchList: false, query: { labelSelector: 'colour=red' } } },
  { name: 'stream of all but red ones', options: { watchList: true, query: { labelSelector: 'colour!=red' } } },
];

export const INFORMER_CHECKS: readonly Check[] = [
  {
    name: 'informers.random',
    what: 'under random writes informers of every kind, cut and timed out, hold in the end what the server lists',
    async run(kit) {
      const subjects = kit.options.subjects.length === 0 ? [kit.subject] : kit.options.subjects;
      const told: string[] = [];
      for (const subject of subjects) told.push(await underWrites(kit, subject, kit.options.seconds / subjects.length));
      return told.join('; ');
    },
  },
  {
    name: 'informers.quiet',
    what: 'informers of a kind that others write hold what the server lists',
    async run(kit) {
      const path = readableOf(kit);
      const kinds = KINDS.filter(({ options }) => options.query === undefined);
      const random = kit.options.random;
      const informers = kinds.map((kind) => ({ kind, informer: start(kit, path, kind, {}, random.integer(0x1_0000_0000)) }));
      try {
        for (const { kind, informer } of informers) await converge(kit, path, kind, informer, kind.options.query ?? {});
        for (const { kind, informer } of informers) expectEqual(`faults that ${kind.name} saw`, informer.core.violations, []);
      } finally {
        await stopAll(informers);
      }
    },
  },
];

async function underWrites(kit: Kit, subject: Subject, seconds: number): Promise<string> {
  const { labels, selector } = kit.group('informers');
  const seed = kit.options.random.integer(0x1_0000_0000);
  const workload = new Workload(kit, subject, new Random(seed), labels);
  const path = kit.collection(subject);
  const queries = KINDS.map(({ options }): Query => {
    const own = options.query?.labelSelector;
    return { labelSelector: own === undefined ? selector : `${selector},${own}` };
  });
  const informers = KINDS.map((kind, i) => ({ kind, informer: start(kit, path, kind, queries[i] ?? {}, derivedSeed(seed, i)) }));
  try {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      await workload.move();
      if (workload.writes % 100 === 0) kit.options.progress(`informers.random: ${workload.writes} writes of ${subject.title}`);
    }
    for (const [i, { kind, informer }] of informers.entries()) await converge(kit, path, kind, informer, queries[i] ?? {});
    workload.compare(listOf('list', await kit.client.call('GET', path, { query: { labelSelector: selector } })).items);
    for (const { kind, informer } of informers) expectEqual(`faults that "${kind.name}" saw`, informer.core.violations, []);
    const writes = workload.writes;
    await workload.end();
    for (const { kind, informer } of informers) {
      const isEmpty = await informer.until((cache) => cache.size === 0, kit.options.catchUpMs);
      expect(isEmpty, `"${kind.name}" still holds ${[...informer.core.cache.keys()].join(', ')} after all was deleted`);
    }
    return `${writes} writes of ${subject.title}; ${sumOf(informers.map(({ informer }) => informer))}`;
  } finally {
    await stopAll(informers);
  }
}

function start(kit: Kit, path: string, { options }: Kind, query: Query, seed: number): Informer {
  const informer = new Informer({
    client: kit.client,
    path,
    pageSize: 0,
    watchList: false,
    bookmarks: true,
    firstListFromCache: false,
    cutOneIn: 25,
    longestWatchSeconds: 3,
    random: new Random(seed),
    ...options,
    query,
  });
  informer.start();
  return informer;
}

/** @throws Failed with what differs in the end */
async function converge(kit: Kit, path: string, kind: Kind, informer: Informer, query: Query): Promise<void> {
  const deadline = performance.now() + kit.options.catchUpMs;
  const list = async () => listOf('list', await kit.client.call('GET', path, { query })).items;
  let items: readonly KubeObject[] = await list();
  while (!(await informer.until((cache) => differences(cache, items).length === 0, LIST_EVERY_MS))) {
    if (performance.now() > deadline) {
      const told = informer.core.isSynced ? differences(informer.core.cache, items) : ['it has not had its first list'];
      const seen = [...told, ...informer.core.violations].join('; ');
      throw new Failed(`"${kind.name}" does not hold what the server lists: ${seen}`);
    }
    items = await list();
  }
}

async function stopAll(informers: readonly { readonly informer: Informer }[]): Promise<void> {
  const ends = await Promise.allSettled(informers.map(({ informer }) => informer.stop()));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

function sumOf(informers: readonly Informer[]): string {
  const sum = new Map<string, number>();
  for (const { core } of informers) {
    for (const [name, count] of Object.entries(core.figures)) sum.set(name, (sum.get(name) ?? 0) + count);
  }
  return [...sum].map(([name, count]) => `${name} ${count}`).join(', ');
}
