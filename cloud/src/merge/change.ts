import type { ObjectKey } from '@hawser/protocol';

/**
 * An object as the API server sent it. `text` is its JSON, of which nothing has been interpreted but the metadata; whoever
 * needs the body makes it canonical (protocol's `canonicalize`). It is undefined where nobody wanted it when it came: most
 * objects of a cluster are needed by no edge node, and their texts are not even made.
 */
export interface Observed {
  readonly key: ObjectKey;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly text: string | undefined;
  /** What the items of a list leave out of their text. */
  readonly type: { readonly apiVersion: string; readonly kind: string };
}

/** What merge emits: exactly one per real change, in order per key. Another uid under a key is a delete and then an upsert. */
export type Change = Upsert | Delete;

export interface Upsert {
  readonly type: 'upsert';
  readonly object: Observed;
}

export interface Delete {
  readonly type: 'delete';
  readonly key: ObjectKey;
  readonly uid: string;
  /** Of the delete itself where the watch told it, else the one up to which a list was complete. */
  readonly resourceVersion: string;
}

/** What a reflector knows of its resource as a whole. */
export interface ReflectorStatus {
  /** The id of the resource table: `pods`. */
  readonly resource: string;
  /**
   * - listing: the first list is not complete: nothing may be concluded from what is absent
   * - synced: a complete list has been emitted; the watch goes on or is being resumed
   * - notServed: discovery says that the server has no such resource: synced and empty, asked again every few minutes
   * - failing: forbidden, or the first list fails for another reason; `detail` says which
   */
  readonly state: 'listing' | 'synced' | 'notServed' | 'failing';
  readonly detail: string;
  /** Everything up to here has been emitted; undefined before the first list. */
  readonly resourceVersion: string | undefined;
}
