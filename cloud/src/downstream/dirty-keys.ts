import type { ObjectKey } from '@hawser/protocol';
import { resourceOf } from '../store/index.ts';

/**
 * The order in which dirty keys are sent: what a pod needs before the pod; deletes last, and among them the pods before
 * what they needed.
 */
export const RANKS = ['node', 'config', 'pod', 'deletedPod', 'deletedConfig', 'deletedNode'] as const;
export type Rank = (typeof RANKS)[number];
type UpsertRank = Exclude<Rank, `deleted${string}`>;

const DELETE_RANK: Readonly<Record<UpsertRank, Rank>> = { node: 'deletedNode', config: 'deletedConfig', pod: 'deletedPod' };

/** ConfigMaps, Secrets, and whatever else a device may hold that this version knows nothing of. */
export function rankOf(key: ObjectKey): UpsertRank {
  const resource = resourceOf(key);
  if (resource === 'nodes') return 'node';
  return resource === 'pods' ? 'pod' : 'config';
}

/** Keys and not payloads: the latest version wins, and the size is bounded by the number of the node's objects. */
export class DirtyKeys {
  readonly #ranks: Readonly<Record<Rank, Set<ObjectKey>>> = {
    node: new Set(),
    config: new Set(),
    pod: new Set(),
    deletedPod: new Set(),
    deletedConfig: new Set(),
    deletedNode: new Set(),
  };

  /** Keeps its place when it is there already. */
  add(key: ObjectKey): void {
    const rank = rankOf(key);
    this.#ranks[DELETE_RANK[rank]].delete(key);
    this.#ranks[rank].add(key);
  }

  /** The key is to be deleted, and waits for its turn among the deletes. */
  defer(key: ObjectKey): void {
    const rank = rankOf(key);
    this.#ranks[rank].delete(key);
    this.#ranks[DELETE_RANK[rank]].add(key);
  }

  delete(key: ObjectKey): void {
    const rank = rankOf(key);
    this.#ranks[rank].delete(key);
    this.#ranks[DELETE_RANK[rank]].delete(key);
  }

  clear(): void {
    for (const rank of RANKS) this.#ranks[rank].clear();
  }

  /** In the order of sending. Keys may be deleted and deferred while it is read. */
  *[Symbol.iterator](): Generator<{ readonly key: ObjectKey; readonly rank: Rank }> {
    for (const rank of RANKS) for (const key of this.#ranks[rank]) yield { key, rank };
  }

  get size(): number {
    return RANKS.reduce((sum, rank) => sum + this.#ranks[rank].size, 0);
  }
}
