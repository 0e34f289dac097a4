import type { Clock } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, numberOf, textOf } from '../apiserver/policy/fields.ts';
import type { Happen } from './happenings.ts';
import { backoff, wait } from './wait.ts';
import type { KubeletClient } from './wire/client.ts';

/** What every part of the kubelet works with. */
export interface Surroundings {
  readonly client: KubeletClient;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly happen: Happen;
  /** The kubelet is stopped. */
  readonly signal: AbortSignal;
}

export interface ReflectorOptions {
  /** `/api/v1/pods` */
  readonly path: string;
  readonly fieldSelector?: string;
  /** What a watch is asked to last, in seconds, chosen between the two. */
  readonly lasts: readonly [number, number];
  /** Whether the same stands in the URL as `timeout`: all watches but that of pods. */
  readonly saysTimeout: boolean;
  readonly onChange: (change: Change) => void;
}

export type Change =
  | { readonly type: 'set'; readonly object: KubeObject; readonly previous: KubeObject | undefined }
  | { readonly type: 'gone'; readonly object: KubeObject }
  /** For the first time all that there is has been told. */
  | { readonly type: 'synced' };

export interface Reflector {
  /** By `NAMESPACE/NAME`, as far as is known. */
  readonly objects: ReadonlyMap<string, KubeObject>;
  isSynced(): boolean;
  /** @throws when it is stopped first */
  synced(): Promise<void>;
  stop(): void;
}

/** As in client-go: between attempts, in milliseconds; begun anew after two minutes in which nothing failed. */
const FIRST_BACKOFF_MS = 800;
const LONGEST_BACKOFF_MS = 30_000;
const CALM_MS = 120_000;
/** A watch that ends sooner, and without an event, is a failure. */
const SHORT_WATCH_MS = 1_000;
const PAGE = 500;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/**
 * Follows one resource as a kubelet's informer does:
 * 1. a watch-list: no resourceVersion the first time, later the last one seen, so that nothing older is told;
 * 2. when it ends, a plain watch from there on, again and again; a server that is away is asked again from the same place;
 * 3. after 410 a watch-list without a resourceVersion; after any other refusal a LIST in pages, and a watch from it.
 * Differences between what was known and what a list says are told as changes.
 */
export function reflect(around: Surroundings, options: ReflectorOptions): Reflector {
  const { client, clock, random, happen } = around;
  const { path, fieldSelector, onChange } = options;
  const ending = new AbortController();
  const signal = AbortSignal.any([around.signal, ending.signal]);
  const objects = new Map<string, KubeObject>();
  const pause = backoff(FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS, random);
  let last = '';
  let isSynced = false;
  const waiting: (() => void)[] = [];

  const set = (object: KubeObject) => {
    const key = keyOf(object);
    const previous = objects.get(key);
    if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) onChange({ type: 'gone', object: previous });
    objects.set(key, object);
    const isSame = previous?.metadata.uid === object.metadata.uid;
    onChange({ type: 'set', object, previous: isSame ? previous : undefined });
  };
  const remove = (object: KubeObject) => {
    if (objects.delete(keyOf(object))) onChange({ type: 'gone', object });
  };
  const replace = (listed: readonly KubeObject[], resourceVersion: string) => {
    const keys = new Set(listed.map(keyOf));
    for (const [key, object] of [...objects]) if (!keys.has(key)) remove(object);
    for (const object of listed) {
      if (objects.get(keyOf(object))?.metadata.resourceVersion !== object.metadata.resourceVersion) set(object);
    }
    last = resourceVersion;
    happen({ event: 'listed', path: urlOf({}), items: listed.length, resourceVersion });
    if (isSynced) return;
    isSynced = true;
    onChange({ type: 'synced' });
    for (const tell of waiting.splice(0)) tell();
  };

  const urlOf = (query: Readonly<Record<string, string>>) => {
    const terms = { ...(fieldSelector === undefined ? {} : { fieldSelector }), ...query };
    const text = Object.entries(terms)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    return text.length === 0 ? path : `${path}?${text.join('&')}`;
  };
  const watchUrl = (query: Readonly<Record<string, string>>) => {
    const [from, to] = options.lasts;
    const seconds = Math.floor(from + (to - from) * random());
    const timeout = options.saysTimeout ? { timeout: `${Math.floor(seconds / 60)}m${seconds % 60}s` } : {};
    return urlOf({ allowWatchBookmarks: 'true', ...timeout, timeoutSeconds: String(seconds), watch: 'true', ...query });
  };

  /** Reads one watch to its end; until the initial events are over, what comes is one list. */
  const follow = async (url: string, isList: boolean): Promise<void> => {
    const began = clock.now().getTime();
    const { status, refusal, events } = await client.watch(url, signal);
    if (status !== 200) throw new Refused(status, refusal);
    if (!isList) happen({ event: 'watching', path: urlOf({}), resourceVersion: last });
    let listed: Map<string, KubeObject> | undefined = isList ? new Map() : undefined;
    let count = 0;
    const ended = await endOf(events, ({ type, object }) => {
      count++;
      if (type === 'ERROR') throw new Refused(numberOf(object.code) ?? 500, object);
      const resourceVersion = object.metadata.resourceVersion ?? '';
      if (listed !== undefined) {
        if (type === 'ADDED' || type === 'MODIFIED') listed.set(keyOf(object), object);
        else if (type === 'DELETED') listed.delete(keyOf(object));
        else if (object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true') {
          replace([...listed.values()], resourceVersion);
          listed = undefined;
        }
        return;
      }
      if (type === 'DELETED') remove(object);
      else if (type !== 'BOOKMARK') set(object);
      last = resourceVersion;
    });
    signal.throwIfAborted();
    if (listed !== undefined) throw ended ?? new Error('the watch ended within its initial events');
    if (ended !== undefined) happen({ event: 'watchBroken', path: urlOf({}), message: ended.message });
    if (count === 0 && clock.now().getTime() - began < SHORT_WATCH_MS) throw new ShortWatch();
  };

  const list = async (): Promise<void> => {
    const items: KubeObject[] = [];
    let next = '';
    for (;;) {
      const from: Record<string, string> = next === '' ? { resourceVersion: last === '' ? '0' : last } : { continue: next };
      const { status, object } = await client.call('GET', urlOf({ limit: String(PAGE), ...from }));
      if (status !== 200 || object === undefined) throw new Refused(status, object);
      const kind = object.kind.replace(/List$/, '');
      for (const item of (object.items ?? []) as KubeObject[]) items.push({ ...item, apiVersion: object.apiVersion, kind });
      next = textOf(object.metadata.continue);
      if (next !== '') continue;
      replace(items, object.metadata.resourceVersion ?? '');
      return;
    }
  };

  const initialEvents = () =>
    follow(
      watchUrl({
        ...(last === '' ? {} : { resourceVersion: last }),
        resourceVersionMatch: 'NotOlderThan',
        sendInitialEvents: 'true',
      }),
      true,
    );

  /** One life of the informer: what there is, then what changes, until something is refused. */
  const listAndWatch = async (): Promise<void> => {
    try {
      await initialEvents();
    } catch (error) {
      if (!(error instanceof Refused) || error.isExpired) throw error;
      happen({ event: 'fallenBack', path: urlOf({}), status: error.status, message: error.message });
      await list();
    }
    for (;;) {
      try {
        await follow(watchUrl({ resourceVersion: last }), false);
        pause.reset();
      } catch (error) {
        if (signal.aborted || error instanceof Refused) throw error;
        // There is no server at the moment: its answers go on from the same place when it is back.
        happen({ event: 'away', path: urlOf({}), message: messageOf(error) });
        await wait(clock, pause.next(), signal);
      }
    }
  };

  const run = async (): Promise<void> => {
    for (;;) {
      const began = clock.now().getTime();
      try {
        await listAndWatch();
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused && error.isExpired) last = '';
        happen({ event: 'listFailed', path: urlOf({}), message: messageOf(error) });
      }
      if (clock.now().getTime() - began > CALM_MS) pause.reset();
      await wait(clock, pause.next(), signal).catch(() => {});
      if (signal.aborted) return;
    }
  };
  void run();

  return {
    objects,
    isSynced: () => isSynced,
    synced: () =>
      new Promise((resolve, reject) => {
        if (isSynced) resolve();
        else waiting.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
    stop: () => ending.abort(new Error('nobody needs it any more')),
  };
}

/** An answer that is no list and no watch. */
class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  constructor(status: number, said: KubeObject | undefined) {
    super(`${status} ${textOf(fieldsOf(said).message)}`);
    this.status = status;
  }
  /** The place that the watch was to go on from is not known any more. */
  get isExpired(): boolean {
    return this.status === 410;
  }
}

class ShortWatch extends Error {
  override readonly name = 'ShortWatch';
  constructor() {
    super('the watch ended at once');
  }
}

/** Reads all events; a connection that breaks ends a watch as its end does. Resolves with why, where it broke. */
async function endOf<T>(events: AsyncIterable<T>, onEvent: (event: T) => void): Promise<Error | undefined> {
  const iterator = events[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<T>;
    try {
      next = await iterator.next();
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    if (next.done === true) return undefined;
    try {
      onEvent(next.value);
    } catch (error) {
      await iterator.return?.();
      throw error;
    }
  }
}

export function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
