import { derivedSeed, Random } from '../../model/random.ts';
import { Failed, listOf } from '../expect.ts';
import type { Client, Query } from '../http/client.ts';
import type { KubeObject } from '../http/objects.ts';
import { differences } from './compare.ts';
import type { Figures } from './core.ts';
import { Informer, type InformerOptions } from './informer.ts';

/** The list is asked for so often while caches catch up: where others write, the one before may be of the past. In milliseconds. */
const LIST_EVERY_MS = 1_000;

interface Member {
  readonly name: string;
  /** Joined to the selector of the crowd. */
  readonly labels?: string;
  readonly options: Partial<InformerOptions>;
}

/** One informer of each sort that clients are, and of each trouble that they have. */
const MEMBERS: readonly Member[] = [
  // Nothing in its way: what it lacks in the end, a watch has not told.
  { name: 'list and watch, undisturbed', options: { cutOneIn: 0, longestWatchSeconds: 3_600 } },
  { name: 'stream, undisturbed', options: { watchList: true, cutOneIn: 0, longestWatchSeconds: 3_600 } },
  { name: 'list in pages and watch, cut and timed out', options: { pageSize: 3, bookmarks: false } },
  { name: 'list from any version, then watch', options: { firstListFromCache: true } },
  { name: 'stream, cut and timed out', options: { watchList: true } },
  { name: 'only red ones', labels: 'colour=red', options: {} },
  { name: 'stream of all but red ones', labels: 'colour!=red', options: { watchList: true } },
];

const USUAL = {
  pageSize: 0,
  watchList: false,
  bookmarks: true,
  firstListFromCache: false,
  cutOneIn: 25,
  longestWatchSeconds: 3,
};

export interface CrowdOptions {
  readonly client: Client;
  /** Of the collection. */
  readonly path: string;
  /** "" for all of it. */
  readonly labelSelector: string;
  readonly seed: number;
}

/** Informers of every sort on one collection. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #members: readonly { readonly name: string; readonly query: Query; readonly informer: Informer }[];

  constructor(crowd: CrowdOptions) {
    this.#options = crowd;
    const { client, path, labelSelector, seed } = crowd;
    this.#members = MEMBERS.map(({ name, labels = '', options }, place) => {
      const query = { labelSelector: [labelSelector, labels].filter((selector) => selector !== '').join(',') };
      const random = new Random(derivedSeed(seed, place));
      return { name, query, informer: new Informer({ ...USUAL, ...options, client, path, query, random }) };
    });
    for (const { informer } of this.#members) informer.start();
  }

  /** Waits until each holds what the server lists. @throws Failed with what differs in the end, or with what a server may never do */
  async converge(catchUpMs: number): Promise<void> {
    for (const { name, query, informer } of this.#members) await this.#convergeOne(name, query, informer, catchUpMs);
    this.requireNoViolations();
  }

  /** Waits until each holds nothing. @throws Failed */
  async emptied(catchUpMs: number): Promise<void> {
    for (const { name, informer } of this.#members) {
      if (await informer.until((cache) => cache.size === 0, catchUpMs)) continue;
      throw new Failed(`"${name}" still holds ${[...informer.core.cache.keys()].join(', ')} after all was deleted`);
    }
    this.requireNoViolations();
  }

  /** @throws Failed */
  requireNoViolations(): void {
    const seen = this.#members.flatMap(({ name, informer }) => informer.core.violations.map((what) => `"${name}" saw: ${what}`));
    if (seen.length > 0) throw new Failed(seen.join('; '));
  }

  /** Of all together. */
  figures(): Figures {
    const [first, ...others] = this.#members.map(({ informer }) => informer.core.figures);
    if (first === undefined) throw new Error('a crowd of nobody');
    const sum = { ...first };
    for (const figures of others) for (const name of namesOf(sum)) sum[name] += figures[name];
    return sum;
  }

  /** @throws what one of them ended with, if it was not this */
  async stop(): Promise<void> {
    const ends = await Promise.allSettled(this.#members.map(({ informer }) => informer.stop()));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  async #convergeOne(name: string, query: Query, informer: Informer, catchUpMs: number): Promise<void> {
    const deadline = performance.now() + catchUpMs;
    const { client, path } = this.#options;
    const list = async () => listOf('list', await client.call('GET', path, { query })).items;
    let items: readonly KubeObject[] = await list();
    while (!(await informer.until((cache) => differences(cache, items).length === 0, LIST_EVERY_MS))) {
      if (performance.now() > deadline) {
        const told = informer.core.isSynced ? differences(informer.core.cache, items) : ['it has not had its first list'];
        const seen = [...told, ...informer.core.violations].join('; ');
        throw new Failed(`"${name}" does not hold what the server lists: ${seen}`);
      }
      items = await list();
    }
  }
}

/** `lists 4, pages 7, …` */
export function figuresText(figures: Figures): string {
  return namesOf(figures)
    .map((name) => `${name} ${figures[name]}`)
    .join(', ');
}

function namesOf(figures: Figures): (keyof Figures)[] {
  return Object.keys(figures).filter((name): name is keyof Figures => name in figures);
}
