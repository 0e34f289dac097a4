import type { Lease, NodeFields, ReplicaFields } from './lease.ts';

/** One call of the API server about one Lease. Every write is conditional: on absence, or on uid and resourceVersion. */
export type Action =
  | { readonly type: 'create'; readonly name: string; readonly fields: NodeFields | ReplicaFields }
  | {
      readonly type: 'update';
      readonly name: string;
      readonly fields: NodeFields | ReplicaFields;
      readonly uid: string;
      readonly resourceVersion: string;
    }
  /** Whatever its version, where that is undefined. */
  | { readonly type: 'delete'; readonly name: string; readonly uid: string; readonly resourceVersion: string | undefined }
  /** From etcd, not from a cache. */
  | { readonly type: 'read'; readonly name: string };

/**
 * What came of it. After `failed` it is not known whether a write has happened.
 * - lease: as it stands after the write, or as it was read
 * - absent: there is none: read so, deleted, or not there to be updated
 * - conflict: the condition did not hold; nothing was written
 * - foreign: under the name stands something that is no Lease of ours
 */
export type Outcome =
  | { readonly type: 'lease'; readonly lease: Lease }
  | { readonly type: 'absent' }
  | { readonly type: 'conflict' }
  | { readonly type: 'foreign' }
  | Failed;

export interface Failed {
  readonly type: 'failed';
  /** For metrics: few values. */
  readonly why: 'unreachable' | 'forbidden' | 'busy' | 'noNamespace' | 'refused';
  /** For an operator. */
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}
