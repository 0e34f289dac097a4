import type { Query } from '../http/client.ts';
import { isAfter, type KubeList, type KubeObject, keyOf, type Status } from '../http/objects.ts';
import type { Ending, WatchEvent } from '../http/watch.ts';

export interface CoreOptions {
  /** Begin with a stream (sendInitialEvents); a server that refuses that is listed. */
  readonly watchList: boolean;
  /** Items of a page; 0: the whole list at once. */
  readonly pageSize: number;
  /** Ask for bookmarks. A stream asks always: without, it has no end mark. */
  readonly bookmarks: boolean;
  /** The first list may be as old as the server likes (resourceVersion=0), as client-go's is. */
  readonly firstListFromCache: boolean;
}

/** What an informer has to do next. */
export type Step =
  | { readonly type: 'list'; readonly query: Query }
  | { readonly type: 'watch'; readonly query: Query }
  | { readonly type: 'watchList'; readonly query: Query };

/**
 * Where an informer is:
 * - `empty`: it knows nothing that it could go on from;
 * - `paging`: some pages of a list have come;
 * - `streaming`: a WatchList has begun and its end bookmark has not come;
 * - `synced`: what it holds is what the server had at `position`.
 */
type State =
  | { readonly type: 'empty' }
  | { readonly type: 'paging'; readonly items: Map<string, KubeObject>; readonly next: string; readonly version: string }
  | { readonly type: 'streaming'; readonly items: Map<string, KubeObject> }
  | { readonly type: 'synced' };

/** How often each documented case has come about. */
export interface Figures {
  lists: number;
  pages: number;
  watches: number;
  watchLists: number;
  events: number;
  bookmarks: number;
  timeouts: number;
  cuts: number;
  expiredWatches: number;
  expiredLists: number;
  refusals: number;
  /** Changes that only another list told. */
  foundByList: number;
}

/** Lines about the server's faults that are kept; one fault is often seen many times. */
const MOST_VIOLATIONS = 20;

/**
 * The decisions of an informer, without any I/O. Whoever drives it does what `step` says and tells what came of it: pages, events,
 * refusals, ends. Case by case:
 *
 * 1. a list, in pages; a page whose token has expired: the list once more, whole (410, reason Expired);
 * 2. a watch from the list's version; it ends (timeout, cut, server gone): the next goes on from the last version seen;
 * 3. a watch of a version that is no longer known (410, as an ERROR event or as an answer): everything anew, and what differs is told;
 * 4. a bookmark moves the version, and nothing else;
 * 5. a stream of initial events ends with a marked bookmark; one that breaks off before counts for nothing;
 * 6. a server without streams (400, 422 or 403 of the option): lists from then on;
 * 7. any other refusal: the same again, later.
 *
 * What a server may never do is noted in `violations`.
 */
export class InformerCore {
  readonly figures: Figures = {
    lists: 0,
    pages: 0,
    watches: 0,
    watchLists: 0,
    events: 0,
    bookmarks: 0,
    timeouts: 0,
    cuts: 0,
    expiredWatches: 0,
    expiredLists: 0,
    refusals: 0,
    foundByList: 0,
  };
  readonly violations: string[] = [];
  readonly #options: CoreOptions;
  #cache = new Map<string, KubeObject>();
  #state: State = { type: 'empty' };
  /** "" before there is one, and after the server has forgotten it. */
  #position = '';
  #hasListed = false;
  #streams: boolean;
  #pages: boolean;
  /** The watch has told of its failure: nothing may follow. */
  #failed = false;

  constructor(options: CoreOptions) {
    this.#options = options;
    this.#streams = options.watchList;
    this.#pages = options.pageSize > 0;
  }

  /** By `namespace/name`. Empty before the first list. */
  get cache(): ReadonlyMap<string, KubeObject> {
    return this.#cache;
  }

  get isSynced(): boolean {
    return this.#state.type === 'synced';
  }

  /** The version up to which the cache is right. */
  get position(): string {
    return this.#position;
  }

  step(): Step {
    switch (this.#state.type) {
      case 'synced':
        return {
          type: 'watch',
          query: { resourceVersion: this.#position, allowWatchBookmarks: this.#options.bookmarks ? true : undefined },
        };
      case 'paging':
        return { type: 'list', query: { limit: this.#options.pageSize, continue: this.#state.next } };
      case 'streaming':
      case 'empty':
        return this.#streams
          ? {
              type: 'watchList',
              query: {
                sendInitialEvents: true,
                resourceVersionMatch: 'NotOlderThan',
                resourceVersion: this.#position,
                allowWatchBookmarks: true,
              },
            }
          : { type: 'list', query: this.#firstPage() };
    }
  }

  #firstPage(): Query {
    const limit = this.#pages ? this.#options.pageSize : undefined;
    const isFirst = !this.#hasListed && this.#options.firstListFromCache;
    return isFirst ? { limit, resourceVersion: '0' } : { limit };
  }

  page(list: KubeList): void {
    const { resourceVersion: version = '', continue: next = '' } = list.metadata;
    if (version === '') this.#violation('a list has no resourceVersion');
    const paging = this.#state.type === 'paging' ? this.#state : undefined;
    if (paging !== undefined && paging.version !== version) {
      this.#violation(`a list began at version ${paging.version}, and a later page says ${version}`);
    }
    const items = paging?.items ?? new Map<string, KubeObject>();
    for (const item of list.items) this.#collect(items, item, 'a list');
    this.figures.pages++;
    if (next !== '') {
      this.#state = { type: 'paging', items, next, version };
      return;
    }
    this.figures.lists++;
    this.#hasListed = true;
    this.#replace(items, version);
  }

  /** A watch or stream has been answered with 200. */
  opened(): void {
    this.#failed = false;
    if (this.#state.type === 'synced') {
      this.figures.watches++;
      return;
    }
    this.figures.watchLists++;
    this.#state = { type: 'streaming', items: new Map() };
  }

  event({ type, object }: WatchEvent): void {
    if (this.#failed) this.#violation(`${type} came after an ERROR in the same watch`);
    if (type === 'ERROR') this.#error(object);
    else if (type === 'BOOKMARK') this.#bookmark(object);
    else this.#change(type, object);
  }

  #change(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    this.figures.events++;
    const streaming = this.#state.type === 'streaming' ? this.#state.items : undefined;
    const items = streaming ?? this.#cache;
    const key = keyOf(object);
    const known = items.get(key);
    const { resourceVersion: version = '', uid } = object.metadata;
    const told = `${type} of ${key} at version ${version}`;
    if (version === '' || uid === undefined) this.#violation(`${told} has no uid or no version`);
    if (type === 'ADDED' && known !== undefined) this.#violation(`${told}, which was there already`);
    if (type === 'MODIFIED' && known === undefined) this.#violation(`${told}, which was not there`);
    if (type === 'DELETED' && known === undefined) this.#violation(`${told}, which was not there`);
    if (type !== 'ADDED' && known !== undefined && known.metadata.uid !== uid) {
      this.#violation(`${told} has uid ${uid}, and the one that was there ${known.metadata.uid}`);
    }
    if (type === 'DELETED') items.delete(key);
    else items.set(key, object);
    if (streaming !== undefined) return;
    if (isAfter(version, this.#position) === false) this.#violation(`${told}, after version ${this.#position} had been told`);
    this.#position = version;
  }

  /** The body of a watch or stream has ended. */
  ended(how: Ending): void {
    if (this.#failed) return;
    if (how === 'clean') this.figures.timeouts++;
    else this.figures.cuts++;
    if (this.#state.type === 'streaming') this.#state = { type: 'empty' };
  }

  /** What `step` asked for was answered with something other than 200. @returns seconds to wait before the next, as the server wants it */
  refused(code: number, failure: Status): number {
    const { type } = this.#state;
    if (code === 410) {
      if (type === 'paging') this.figures.expiredLists++;
      else this.figures.expiredWatches++;
      // The token or the paging is at fault: a whole list needs neither.
      if (type === 'paging') this.#pages = false;
      this.#forget();
      return 0;
    }
    this.figures.refusals++;
    if (type !== 'synced' && type !== 'paging' && this.#streams && (code === 400 || code === 403 || code === 422)) {
      this.#streams = false;
      return 0;
    }
    if (type === 'paging') this.#state = { type: 'empty' };
    return failure.details?.retryAfterSeconds ?? 0;
  }

  #error(status: Status): void {
    this.#failed = true;
    if (status.kind !== 'Status') this.#violation(`an ERROR event holds no Status but ${status.kind}`);
    if (status.code === 410) {
      this.figures.expiredWatches++;
      this.#forget();
      return;
    }
    this.figures.refusals++;
    if (this.#state.type === 'streaming') this.#state = { type: 'empty' };
  }

  #bookmark({ metadata }: KubeObject): void {
    this.figures.bookmarks++;
    const { resourceVersion: version = '', annotations } = metadata;
    if (version === '') this.#violation('a BOOKMARK has no resourceVersion');
    const isEnd = annotations?.['k8s.io/initial-events-end'] === 'true';
    if (this.#state.type === 'streaming') {
      if (!isEnd) return;
      const { items } = this.#state;
      for (const item of items.values()) {
        if (isAfter(item.metadata.resourceVersion, version) === true) {
          this.#violation(`initial events hold ${keyOf(item)} at ${item.metadata.resourceVersion}, and end at ${version}`);
        }
      }
      this.#replace(items, version);
      return;
    }
    if (isEnd) this.#violation('a BOOKMARK ends initial events that nobody asked for');
    if (isAfter(this.#position, version) === true) this.#violation(`a BOOKMARK went back from ${this.#position} to ${version}`);
    this.#position = version;
  }

  #collect(items: Map<string, KubeObject>, item: KubeObject, where: string): void {
    const key = keyOf(item);
    if (items.has(key)) this.#violation(`${where} holds ${key} twice`);
    if (item.metadata.uid === undefined || item.metadata.resourceVersion === undefined) {
      this.#violation(`${where} holds ${key} without uid or version`);
    }
    items.set(key, item);
  }

  #replace(items: Map<string, KubeObject>, version: string): void {
    if (this.#hasListed && this.#cache.size > 0) {
      for (const [key, { metadata }] of items) {
        const known = this.#cache.get(key)?.metadata;
        if (known?.uid !== metadata.uid || known?.resourceVersion !== metadata.resourceVersion) this.figures.foundByList++;
      }
      for (const key of this.#cache.keys()) if (!items.has(key)) this.figures.foundByList++;
    }
    if (isAfter(this.#position, version) === true) this.#violation(`a list went back from ${this.#position} to ${version}`);
    this.#hasListed = true;
    this.#cache = items;
    this.#position = version;
    this.#state = { type: 'synced' };
  }

  /** The server no longer knows the past: everything is asked for anew, and nothing is taken from the cache until it has come. */
  #forget(): void {
    this.#state = { type: 'empty' };
    this.#position = '';
  }

  #violation(text: string): void {
    if (this.violations.length < MOST_VIOLATIONS) this.violations.push(text);
  }
}
