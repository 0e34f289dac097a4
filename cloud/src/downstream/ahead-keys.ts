import type { ObjectKey } from '@hawser/protocol';
import { rankOf, type UpsertRank } from './dirty-keys.ts';

/**
 * What an object of which nothing more is known may need, by rank. A Node may carry the label or another service scope, a pod may
 * name any object, a claim or PersistentVolume may lead to another volume or to any Secret.
 */
const MAY_NEED: Readonly<Partial<Record<UpsertRank, ReadonlySet<UpsertRank>>>> = {
  node: new Set(['namespace', 'config', 'volume', 'pod', 'service']),
  pod: new Set(['namespace', 'config', 'volume', 'service']),
  volume: new Set(['config', 'volume']),
};

/** Whether what is held under a key may need others. */
export function mayLead(key: ObjectKey): boolean {
  return MAY_NEED[rankOf(key)] !== undefined;
}

/** Whether what is held under one key may need the object under another, so that the latter must not be deleted before it. */
export function mayNeed(holder: ObjectKey, key: ObjectKey): boolean {
  return MAY_NEED[rankOf(holder)]?.has(rankOf(key)) === true;
}

/** Keys of which the device holds something newer than this relay has seen: few, and for a moment. */
export class AheadKeys implements Iterable<ObjectKey> {
  readonly #ranks = new Map<UpsertRank, Set<ObjectKey>>();

  add(key: ObjectKey): void {
    const rank = rankOf(key);
    const keys = this.#ranks.get(rank);
    if (keys === undefined) this.#ranks.set(rank, new Set([key]));
    else keys.add(key);
  }

  /** Returns whether it was there. */
  delete(key: ObjectKey): boolean {
    return this.#ranks.get(rankOf(key))?.delete(key) === true;
  }

  has(key: ObjectKey): boolean {
    return this.#ranks.get(rankOf(key))?.has(key) === true;
  }

  /** Whether one of them may need that object, so that it must not be deleted now. */
  mayNeed(key: ObjectKey): boolean {
    for (const keys of this.#ranks.values()) {
      const [any] = keys;
      if (any !== undefined && mayNeed(any, key)) return true;
    }
    return false;
  }

  /** May be deleted from while it is read. */
  *[Symbol.iterator](): Generator<ObjectKey> {
    for (const keys of this.#ranks.values()) yield* keys;
  }

  get size(): number {
    let size = 0;
    for (const keys of this.#ranks.values()) size += keys.size;
    return size;
  }
}
