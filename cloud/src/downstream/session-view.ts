import type { EncodedBody, EncodedDelta, ObjectKey, StaticDictionary } from '@hawser/protocol';
import type { Base, KeptBody } from '../store/index.ts';

/**
 * Whether a session may send now.
 * - open: differences to what the node needs
 * - removing: deletes only, as the node has been without its label for longer than the grace and needs nothing
 * - closed: nothing
 */
export type Gate =
  | { readonly state: 'open' }
  | { readonly state: 'removing'; readonly detail: string }
  | { readonly state: 'closed'; readonly reason: 'relaySyncing' | 'nodeMissing' | 'nodeNotLabelled'; readonly detail: string };

/**
 * What a node should hold under a key.
 * - absent: nothing: the node does not need it, or there is no such object
 * - ready: this version
 * - pending: a version whose body is being fetched
 * - unusable: a version that cannot be sent: gone or malformed; what the device holds stays
 * - unwatched: nobody here knows, as the relay does not watch the resource; what the device holds stays
 */
export type Desired =
  | { readonly state: 'absent' }
  | { readonly state: 'ready'; readonly body: KeptBody }
  | { readonly state: 'pending' }
  | { readonly state: 'unusable' }
  | { readonly state: 'unwatched' };

/** What a session sees of the relay's knowledge, always as of now. */
export interface SessionView {
  /** Whether all of these, and what decides on them, were listed a second time since the relay started; if not, they will be. */
  readonly isConfirmed: (resources: ReadonlySet<string>) => boolean;
  /** Of the cluster, now. */
  epoch(): number;
  gate(): Gate;
  desired(key: ObjectKey): Desired;
  /** All keys that the node needs. */
  needs(): Iterable<ObjectKey>;
  needCount(): number;
  needsOfPod(pod: ObjectKey): readonly ObjectKey[];
  /** Whether everything of the key's resource up to that resourceVersion has come by here (rule 2). */
  hasReached(key: ObjectKey, resourceVersion: string): boolean;
  /** The older body of that object with that hash, where the relay still has it. */
  base(uid: string, hash: string): Base | undefined;
  /** The body of that key encoded, once for all sessions that need it, as `delta`. */
  whole(key: ObjectKey, body: KeptBody, dictionary: StaticDictionary | undefined): EncodedBody;
  delta(key: ObjectKey, body: KeptBody, base: Base): EncodedDelta;
}
