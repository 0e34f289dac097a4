import type { ObjectKey } from '@hawser/protocol';
import { rankOf, type UpsertRank } from './dirty-keys.ts';

/**
 * What an object that this relay has not seen yet may need, by rank. A Node may carry the label or another service scope again, a
 * pod may name any object, a claim or PersistentVolume may lead to another volume or to any Secret.
 */
const MAY_NEED: Readonly<Partial<Record<UpsertRank, ReadonlySet<UpsertRank>>>> = {
  node: new Set(['namespace', 'config', 'volume', 'pod', 'service']),
  pod: new Set(['namespace', 'config', 'volume', 'service']),
  volume: new Set(['config', 'volume']),
};

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

  /** Whether one of them may need that object, so that it must not be deleted now. */
  mayNeed(key: ObjectKey): boolean {
    const rank = rankOf(key);
    return [...this.#ranks].some(([of, keys]) => keys.size > 0 && MAY_NEED[of]?.has(rank) === true);
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
