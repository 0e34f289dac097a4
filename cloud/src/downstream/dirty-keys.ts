import type { ObjectKey } from '@hawser/protocol';
import { resourceOf } from '../store/index.ts';

/**
 * The order in which dirty keys are sent: what a pod needs before the pod, Services after; deletes last, and among them the pods
 * before what they needed.
 */
const UPSERT_RANKS = ['node', 'namespace', 'config', 'volume', 'pod', 'service'] as const;
const DELETE_RANKS = [
  'deletedPod',
  'deletedService',
  'deletedVolume',
  'deletedConfig',
  'deletedNamespace',
  'deletedNode',
] as const;
export const RANKS = [...UPSERT_RANKS, ...DELETE_RANKS] as const;
export type UpsertRank = (typeof UPSERT_RANKS)[number];
type DeleteRank = (typeof DELETE_RANKS)[number];
export type Rank = UpsertRank | DeleteRank;

const DELETE_RANK: Readonly<Record<UpsertRank, DeleteRank>> = {
  node: 'deletedNode',
  namespace: 'deletedNamespace',
  config: 'deletedConfig',
  volume: 'deletedVolume',
  pod: 'deletedPod',
  service: 'deletedService',
};

/** All others are config: ServiceAccounts, ConfigMaps, Secrets, and whatever else a device may hold that this version knows nothing of. */
const RANK_OF: ReadonlyMap<string, UpsertRank> = new Map([
  ['nodes', 'node'],
  ['namespaces', 'namespace'],
  ['persistentvolumes', 'volume'],
  ['persistentvolumeclaims', 'volume'],
  ['storage.k8s.io/volumeattachments', 'volume'],
  ['pods', 'pod'],
  ['services', 'service'],
  ['endpoints', 'service'],
  ['discovery.k8s.io/endpointslices', 'service'],
]);

export function rankOf(key: ObjectKey): UpsertRank {
  return RANK_OF.get(resourceOf(key)) ?? 'config';
}

export function isDelete(rank: Rank): rank is DeleteRank {
  return rank.startsWith('deleted');
}

/** Keys and not payloads: the latest version wins, and the size is bounded by the number of the node's objects. */
export class DirtyKeys {
  /** Made when the first key of their rank comes: most sessions are at rest. */
  readonly #ranks = new Map<Rank, Set<ObjectKey>>();

  /** Keeps its place when it is there already. */
  add(key: ObjectKey): void {
    const rank = rankOf(key);
    this.#ranks.get(DELETE_RANK[rank])?.delete(key);
    this.#put(key, rank);
  }

  /** The key is to be deleted, and waits for its turn among the deletes. */
  defer(key: ObjectKey): void {
    const rank = rankOf(key);
    this.#ranks.get(rank)?.delete(key);
    this.#put(key, DELETE_RANK[rank]);
  }

  delete(key: ObjectKey): void {
    const rank = rankOf(key);
    this.#ranks.get(rank)?.delete(key);
    this.#ranks.get(DELETE_RANK[rank])?.delete(key);
  }

  has(key: ObjectKey): boolean {
    const rank = rankOf(key);
    return this.#ranks.get(rank)?.has(key) === true || this.#ranks.get(DELETE_RANK[rank])?.has(key) === true;
  }

  /** In the order of sending. Keys may be deleted and deferred while it is read. */
  *[Symbol.iterator](): Generator<{ readonly key: ObjectKey; readonly rank: Rank }> {
    for (const rank of RANKS) {
      const keys = this.#ranks.get(rank);
      // Most are empty, and a look at their size is cheaper than an iterator.
      if (keys === undefined || keys.size === 0) continue;
      for (const key of keys) yield { key, rank };
    }
  }

  get size(): number {
    let size = 0;
    for (const keys of this.#ranks.values()) size += keys.size;
    return size;
  }

  #put(key: ObjectKey, rank: Rank): void {
    const keys = this.#ranks.get(rank);
    if (keys === undefined) this.#ranks.set(rank, new Set([key]));
    else keys.add(key);
  }
}
