import { type KubeObject, parseJson, type QueryRule, queryRule, type StatusText } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { StorageKey } from '../api/storage.ts';
import type { KeptAnswer, KeptAnswers, ReadonlyStore } from '../store/index.ts';
import type { AskOptions, CloudAnswer, CloudQueries } from './queries.ts';

/**
 * Where an answer came from.
 * - synced: the objects that the cloud sends to this device by itself
 * - cloud: the API server, asked for this question
 * - relayCache: the relay, whose watch of the API server keeps it current
 * - kept: an earlier answer, kept on this device
 */
export type Source = 'synced' | 'cloud' | 'relayCache' | 'kept';

/** `ageMs`: how long ago it was certainly so, in milliseconds; undefined where the device cannot tell. */
interface Said {
  readonly source: Source;
  readonly ageMs: number | undefined;
}

/** What is known of an object. The four that are no object never stand for each other. */
export type Lookup =
  | ({ readonly type: 'found'; readonly object: KubeObject } & Said)
  /** The cluster has no such object, or had none when it was asked. */
  | ({ readonly type: 'notFound'; readonly message: string } & Said)
  /** This node may not. It says nothing about whether the object is there. */
  | ({ readonly type: 'forbidden' | 'refused' } & StatusText)
  /** There is a link and no answer now. */
  | { readonly type: 'unavailable'; readonly retryAfterMs: number; readonly message: string }
  /** There is no link, and no answer that may stand for the cloud's. */
  | { readonly type: 'unknownOffline'; readonly message: string };

export interface LookupStore {
  synced(key: StorageKey): KubeObject | undefined;
  readonly answers: Pick<KeptAnswers, 'get' | 'put'>;
}

export interface LookupOptions {
  readonly store: LookupStore;
  readonly queries: CloudQueries;
  /** How long ago what is synced was certainly as in the cloud, in milliseconds; 0 while it is. */
  readonly syncedAgeMs: () => number | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

export interface LookOptions extends AskOptions {
  /** Ask the cloud also about what it sends here by itself. Default false. */
  readonly live?: boolean;
}

/**
 * What is known of an object now:
 * 1. what the cloud sends here by itself is answered from that, unless the cloud's own word is asked for;
 * 2. otherwise the cloud is asked, and what it says of the object is kept, as far as the query table says so;
 * 3. without a link what is synced serves, or the kept answer, with its age, for as long as the table says.
 */
export interface CloudLookup {
  /** Never rejects but with the signal's reason, and where the store cannot be read (HawserError `store_damaged`). */
  look(key: StorageKey, options?: LookOptions): Promise<Lookup>;
}

export function createLookup({ store, queries, syncedAgeMs, clock, logger }: LookupOptions): CloudLookup {
  function keep(key: StorageKey, answer: KeptAnswer): void {
    try {
      store.answers.put(key, answer);
    } catch (err) {
      // A full disk, for one: the answer is as good as before, and offline there is none.
      logger.error({ err, ...key }, 'answer not kept');
    }
  }

  function answered(key: StorageKey, rule: QueryRule, answer: Exclude<CloudAnswer, { type: 'offline' }>): Lookup {
    const from = rule.from;
    const readAt = clock.now().getTime();
    switch (answer.type) {
      case 'found':
        if (rule.kept) keep(key, { type: 'found', readAt, from: answer.cached ? 'cache' : 'live', body: answer.body });
        return { type: 'found', source: answer.cached ? 'relayCache' : 'cloud', ageMs: 0, object: parseJson(answer.body) };
      case 'notFound':
        if (rule.kept) keep(key, { type: 'notFound', readAt, from, message: answer.message });
        return { type: 'notFound', source: from === 'cache' ? 'relayCache' : 'cloud', ageMs: 0, message: answer.message };
      case 'unknownOutcome':
        throw new TypeError('a question whose answer changes nothing can be asked again');
      default:
        return answer;
    }
  }

  return {
    async look(key, { live = false, ...options } = {}) {
      options.signal?.throwIfAborted();
      if (!live) {
        const synced = fromSynced(store.synced(key), syncedAgeMs());
        if (synced !== undefined) return synced;
      }
      const rule = queryRule('get', key.resource);
      if (rule === undefined) return notAsked(key);
      const answer = await queries.ask({ type: 'get', ...key }, options);
      if (answer.type !== 'offline') return answered(key, rule, answer);
      return fromSynced(store.synced(key), syncedAgeMs()) ?? fromKept(rule, store.answers.get(key), clock.now());
    },
  };
}

/** What a device knows by itself, for who has its store and neither an agent nor a link. */
export function lookOffline(
  store: Pick<ReadonlyStore, 'synced' | 'answer'>,
  key: StorageKey,
  syncedAgeMs: number | undefined,
  now: Date,
): Lookup {
  const synced = fromSynced(store.synced(key), syncedAgeMs);
  if (synced !== undefined) return synced;
  const rule = queryRule('get', key.resource);
  return rule === undefined ? notAsked(key) : fromKept(rule, store.answer(key), now);
}

function fromSynced(object: KubeObject | undefined, ageMs: number | undefined): Lookup | undefined {
  return object && { type: 'found', source: 'synced', ageMs, object };
}

/** What a kept answer is worth without a link. */
function fromKept({ kept, offlineSeconds, resource }: QueryRule, answer: KeptAnswer | undefined, now: Date): Lookup {
  if (!kept) return unknown(`answers about ${resource} are not kept`);
  if (answer === undefined) return unknown('nothing that the cloud has said about it is kept here');
  // A clock that was set back makes no answer younger than new.
  const ageMs = Math.max(0, now.getTime() - answer.readAt);
  if (offlineSeconds !== undefined && ageMs > offlineSeconds * 1000) {
    const [age, limit] = [ageMs / 1000, offlineSeconds].map(Math.floor);
    return unknown(`the last answer is ${age} s old, and one about ${resource} serves for ${limit} s`);
  }
  return answer.type === 'found'
    ? { type: 'found', source: 'kept', ageMs, object: parseJson(answer.body) }
    : { type: 'notFound', source: 'kept', ageMs, message: answer.message };
}

/** What the relay would say. */
function notAsked({ resource }: StorageKey): Lookup {
  const message = `objects of ${resource} cannot be asked for, and this one is not among those that the cloud sends here`;
  return { type: 'refused', code: 405, reason: 'MethodNotAllowed', message };
}

function unknown(why: string): Lookup {
  return { type: 'unknownOffline', message: `not known without a link: ${why}` };
}
