import type { KubeObject } from '@hawser/protocol';
import type { ItemKey } from './keys.ts';

/**
 * What the API is served from. Two implementations: memory (embedded API server of the tests and the demo) and SQLite (the device).
 *
 * Synchronous on purpose: both implementations are, so a read and the write that follows from it in the same turn of the
 * event loop cannot be interleaved, and no write needs a retry loop.
 *
 * Revisions are positions in one change log over all resources: whole numbers from 1, rising by one with each change, never
 * reused, not even after a restart. An object is served with `metadata.resourceVersion` = the revision of its last change.
 * Objects that come out of a Storage must not be changed by the caller; objects that go in belong to the Storage from then on.
 */
export interface Storage {
  /** The revision of the newest change; what a list made now is good for. */
  revision(): number;
  /** Oldest revision after which changes are still known; `changesAfter` and `listAt` of anything older throw `CompactedError`. */
  compactedRevision(): number;
  get(key: StorageKey): KubeObject | undefined;
  /** Sorted by namespace and name. `namespace` undefined means all. */
  list(resource: string, namespace?: string): KubeObject[];
  /**
   * The same for a Storage that holds texts: what is only passed on is not read. Optional: others have `list` and `get`.
   * @param name only objects of that name
   */
  held?(resource: string, namespace: string | undefined, name: string | undefined): Held[];
  /**
   * The same in one piece, in UTF-8, for who passes on all of it; undefined where an object would have to be read for it. Optional, together
   * with `keyAt`.
   */
  joined?(resource: string, namespace: string | undefined, form: JoinedForm, range?: KeyRange): Uint8Array | undefined;
  /** The key with so many before it in the list; undefined where there are not so many. */
  keyAt?(resource: string, namespace: string | undefined, position: number): ItemKey | undefined;
  /**
   * The list as it was at that revision (for the pages of a long list and `resourceVersionMatch=Exact`).
   * @throws CompactedError when the revision is too old. Revisions of the future are the caller's to refuse.
   */
  listAt(resource: string, revision: number, namespace?: string): KubeObject[];
  /**
   * Makes one change, durable when this returns, and tells subscribers after it.
   * A no-op update (equal but for resourceVersion and managedFields) is the caller's to leave out.
   * @returns the object as stored, with its new resourceVersion; of a delete, its last state with the revision of the delete.
   * @throws ConflictError, ExistsError, MissingError; HawserError `too_large` where there is no room, and nothing is changed
   */
  commit(write: Write): KubeObject;
  /**
   * All changes of that resource with a revision above `after`, oldest first.
   * @throws CompactedError
   */
  changesAfter(resource: string, after: number): Change[];
  /** Calls `listener` for each change of that resource, in order, after it is committed. Returns the end of the subscription. */
  subscribe(resource: string, listener: (change: Change) => void): () => void;
  /** Calls `listener` whenever the revision moved, whatever the resource (for bookmarks). */
  subscribeRevision(listener: (revision: number) => void): () => void;
}

/** A part of a list: what comes before a key, or from it on; or all. */
export type KeyRange =
  | { readonly before?: undefined; readonly from?: ItemKey | undefined }
  | { readonly before: ItemKey; readonly from?: undefined };

/** `items`: as in a list, without kind and apiVersion, with commas between. `added`: a line each, as a watch begins with them. */
export type JoinedForm = 'items' | 'added';

/** An object that a Storage holds, as it is served now. */
export interface Held extends ItemKey {
  /**
   * As JSON that begins with kind, apiVersion and metadata; undefined where there is no such text. It is what lies there: damage that leaves it
   * no JSON is only seen by who reads it.
   */
  readonly json: string | undefined;
  /** Read from the text with each use. @throws what `get` throws */
  readonly object: KubeObject;
}

/** `resource` is the id of protocol's resource table: `pods`, `apps/deployments`. `namespace` is "" for cluster-scoped ones. */
export interface StorageKey {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

export type Write = CreateWrite | UpdateWrite | DeleteWrite;

export interface CreateWrite {
  readonly type: 'create';
  readonly key: StorageKey;
  /** Complete but for its resourceVersion: name, uid and creationTimestamp are set. */
  readonly object: KubeObject;
}

export interface UpdateWrite {
  readonly type: 'update';
  readonly key: StorageKey;
  /** The revision that the object was read at: another one in the store throws ConflictError. */
  readonly expectedRevision: number;
  readonly object: KubeObject;
  /** "" for the main resource, else "status", … */
  readonly subresource: string;
  /** What the client asked for, so that a Storage that reports to a cloud can pass on the intent and not the result. */
  readonly intent:
    | { readonly verb: 'update' }
    | { readonly verb: 'patch'; readonly patchType: PatchType; readonly patch: unknown };
}

export interface DeleteWrite {
  readonly type: 'delete';
  readonly key: StorageKey;
  readonly expectedRevision: number;
  readonly expectedUid: string;
  readonly gracePeriodSeconds: number | undefined;
}

export type PatchType = 'strategic' | 'merge' | 'json';

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  readonly key: StorageKey;
  /** The object after the change; of DELETED its last state, with the revision of the delete as resourceVersion. */
  readonly object: KubeObject;
  /** The object before the change: a watch with a selector needs it to tell entering from leaving. Absent for ADDED. */
  readonly previous?: KubeObject;
}

/** The position asked for is older than what the change log still holds: HTTP 410, reason Expired. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly requested: number;
  readonly compacted: number;
  constructor(requested: number, compacted: number) {
    super(`too old resource version: ${requested} (${compacted})`);
    this.requested = requested;
    this.compacted = compacted;
  }
}

/** The object has changed since it was read, or has another uid: HTTP 409, reason Conflict. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/** HTTP 409, reason AlreadyExists. */
export class ExistsError extends Error {
  override readonly name = 'ExistsError';
}

/** HTTP 404, reason NotFound. */
export class MissingError extends Error {
  override readonly name = 'MissingError';
}
