import { compareResourceVersions, type ObjectKey } from '@hawser/protocol';
import type { Change, Observed } from './change.ts';

/**
 * What the API server says of one resource in, exactly one change per real change out. Pure: no clock, no I/O.
 *
 * It holds, per key, what the server has now and, while the reader is behind, what the reader was last told; the change is
 * worked out from the two when it is taken. So, whatever happened in between:
 * - a burst on one key becomes its last version, an object made and deleted unseen becomes nothing;
 * - another uid under a key is a delete and then an upsert, also when the delete itself was never seen;
 * - what waits is bounded by one object per key, however long the reader is away.
 *
 * Two sources feed it: watch events, in the server's order, of which those at or before the last are repeated or stale and are
 * dropped; and lists, whose items are what is there now and whose end says what is not. A list that does not end says nothing
 * about what is absent.
 */
export interface Merge {
  /** An ADDED or MODIFIED event. */
  upsert(object: Observed): void;
  /** A DELETED event. One that names another uid than the one known is of an object that is long gone, and is dropped. */
  delete(key: ObjectKey, uid: string, resourceVersion: string): void;
  /** A bookmark: everything up to here has been seen. */
  advance(resourceVersion: string): void;

  /**
   * A consistent list begins; one that was under way is given up.
   * @param known everything up to this resourceVersion was seen before. An item that is no newer and yet not what is known is from
   * the past, or from a restored server: it is kept aside until the list's end shows which.
   */
  beginList(known?: string): void;
  /**
   * The server's past is another one than what was seen. Changes that wait are called off, and whatever is listed from here on is a
   * change, also where uid and resourceVersion are known: the server gives the same resourceVersions out once more.
   */
  beginEpoch(): void;
  /** One item of it, in any order. It is what is there now, also when its resourceVersion is lower (a restored server). */
  listed(object: Observed): void;
  /** The key is there, but this item cannot be read: what is known of it stays. */
  listedUnreadable(key: ObjectKey): void;
  /** Of what was known when the list began: how much there was, and how much of it the list has not named so far. */
  unnamed(): { readonly known: number; readonly unnamed: number };
  /** The list is complete: what it did not name is gone. */
  endList(resourceVersion: string): void;
  /** The list broke off: nothing follows from it. */
  abandonList(): void;

  /** The next change or pair of changes (delete, then upsert) of the key that waits longest; empty when nothing waits. */
  take(): readonly Change[];
  /** Keys that wait. */
  readonly waiting: number;
  /** Characters of the objects that wait: the feeder stops reading while this is over its bound. */
  readonly waitingCharacters: number;
  /** Objects that the server has, as far as is known. */
  readonly size: number;
  /** Lists that have begun so far. */
  readonly lists: number;
  /** Everything up to here has been taken; undefined before the first complete list has. A new value whenever it moves. */
  readonly taken: Taken | undefined;
}

export interface Taken {
  readonly resourceVersion: string;
  /** The last complete list up to there, counted from 1. */
  readonly list: number;
}

/** What the server has under a key. */
interface Current {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly epoch: number;
  /** The list that named it last. */
  list: number;
}

interface Waiting {
  /** What the reader was last told. */
  readonly told: Current | undefined;
  /** Of the order of waiting, so that a mark knows what was there before it. */
  readonly sequence: number;
  /** The version that the server has now, if it has any. */
  object: Observed | undefined;
  /** The end of the object that the reader was told of, once it has ended. */
  endedAt: string | undefined;
}

/** Everything up to `resourceVersion` has been taken when all that began to wait by `sequence` has. */
interface Mark extends Taken {
  readonly sequence: number;
}

export function createMerge(): Merge {
  const current = new Map<ObjectKey, Current>();
  const waiting = new Map<ObjectKey, Waiting>();
  let waitingCharacters = 0;
  let sequence = 0;
  /** The last event's or list's resourceVersion. */
  let seen: string | undefined;
  let list = 0;
  let completeList = 0;
  let isListing = false;
  let epoch = 0;
  let knownUpTo: string | undefined;
  /** Of the list under way. Only a server that answers from the past, or was restored, fills it: with what has changed since. */
  const aside: Observed[] = [];
  let known = 0;
  let taken: Taken | undefined;
  // Two marks are enough: the nearer one is kept until it is reached, so that it is reached however fast new ones come.
  let nearMark: Mark | undefined;
  let farMark: Mark | undefined;

  function wait(key: ObjectKey, told: Current | undefined): Waiting {
    const known = waiting.get(key);
    if (known !== undefined) return known;
    sequence += 1;
    const entry: Waiting = { told, sequence, object: undefined, endedAt: undefined };
    waiting.set(key, entry);
    return entry;
  }

  function hold(entry: Waiting, object: Observed | undefined): void {
    waitingCharacters += (object?.text?.length ?? 0) - (entry.object?.text?.length ?? 0);
    entry.object = object;
  }

  function put(object: Observed): void {
    const { key, uid, resourceVersion } = object;
    const before = current.get(key);
    if (before?.uid === uid && before.resourceVersion === resourceVersion && before.epoch === epoch) {
      before.list = list;
      return;
    }
    const entry = wait(key, before);
    // The end of the older object was not seen; it came before this version.
    if (before !== undefined && before.uid !== uid) entry.endedAt ??= resourceVersion;
    current.set(key, { uid, resourceVersion, epoch, list });
    hold(entry, object);
  }

  function remove(key: ObjectKey, before: Current, resourceVersion: string): void {
    current.delete(key);
    const entry = wait(key, before);
    hold(entry, undefined);
    entry.endedAt ??= resourceVersion;
    if (entry.told === undefined) waiting.delete(key);
  }

  /** Whether an event at this place has already been seen. Different objects may share a resourceVersion, so equal ones pass. */
  function isStale(resourceVersion: string): boolean {
    return seen !== undefined && compareResourceVersions(resourceVersion, seen) < 0;
  }

  function mark(resourceVersion: string): void {
    seen = resourceVersion;
    const next = { resourceVersion, list: completeList, sequence };
    if (nearMark === undefined) nearMark = next;
    else farMark = next;
    reach();
  }

  function reach(): void {
    const oldest = waiting.values().next().value?.sequence ?? Number.POSITIVE_INFINITY;
    while (nearMark !== undefined && nearMark.sequence < oldest) {
      taken = nearMark;
      nearMark = farMark;
      farMark = undefined;
    }
  }

  return {
    upsert(object) {
      if (isStale(object.resourceVersion)) return;
      put(object);
      mark(object.resourceVersion);
    },
    delete(key, uid, resourceVersion) {
      if (isStale(resourceVersion)) return;
      const before = current.get(key);
      if (before?.uid === uid) remove(key, before, resourceVersion);
      mark(resourceVersion);
    },
    advance(resourceVersion) {
      if (!isStale(resourceVersion)) mark(resourceVersion);
    },
    beginList(upTo) {
      list += 1;
      isListing = true;
      knownUpTo = upTo;
      aside.length = 0;
      known = current.size;
    },
    beginEpoch() {
      epoch += 1;
      isListing = false;
      seen = undefined;
      nearMark = undefined;
      farMark = undefined;
      for (const [key, { told }] of waiting) {
        if (told === undefined) current.delete(key);
        else current.set(key, told);
      }
      waiting.clear();
      waitingCharacters = 0;
    },
    listed(object) {
      const before = current.get(object.key);
      const isKnown = before?.uid === object.uid && before.resourceVersion === object.resourceVersion;
      if (isKnown || knownUpTo === undefined || compareResourceVersions(object.resourceVersion, knownUpTo) > 0) {
        put(object);
        return;
      }
      aside.push(object);
      if (before !== undefined) before.list = list;
    },
    listedUnreadable(key) {
      const known = current.get(key);
      if (known !== undefined) known.list = list;
    },
    unnamed() {
      let unnamed = 0;
      for (const { list: last } of current.values()) if (last !== list) unnamed += 1;
      return { known, unnamed };
    },
    endList(resourceVersion) {
      if (!isListing) return;
      isListing = false;
      completeList = list;
      for (const object of aside.splice(0)) put(object);
      for (const [key, before] of current) if (before.list !== list) remove(key, before, resourceVersion);
      mark(resourceVersion);
    },
    abandonList() {
      isListing = false;
      aside.length = 0;
    },
    take() {
      const first = waiting.entries().next();
      if (first.done) return [];
      const [key, { told, object, endedAt }] = first.value;
      waiting.delete(key);
      waitingCharacters -= object?.text?.length ?? 0;
      reach();
      const changes: Change[] = [];
      if (told !== undefined && told.uid !== object?.uid) {
        changes.push({ type: 'delete', key, uid: told.uid, resourceVersion: endedAt ?? told.resourceVersion });
      }
      // A server that was restored may have come back to what the reader knows.
      const isKnown =
        told?.uid === object?.uid && told?.resourceVersion === object?.resourceVersion && told?.epoch === current.get(key)?.epoch;
      if (object !== undefined && !isKnown) changes.push({ type: 'upsert', object });
      return changes;
    },
    get waiting() {
      return waiting.size;
    },
    get waitingCharacters() {
      return waitingCharacters;
    },
    get size() {
      return current.size;
    },
    get lists() {
      return list;
    },
    get taken() {
      return taken;
    },
  };
}
