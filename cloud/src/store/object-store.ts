import { canonicalize, HawserError, MAX_BODY_BYTES, type ObjectKey, type Version } from '@hawser/protocol';
import type { Observed } from '../merge/change.ts';

/** One canonical body. As long as it is kept, its identity stands for its version. */
export interface KeptBody {
  readonly version: Version;
  readonly text: string;
}

/**
 * What is known of an object.
 * - a KeptBody: an edge node needs it
 * - none: no edge node needs it, or one does and the body is being fetched
 * - gone: the API server says that there is none; the reflector's delete is on its way
 * - unusable: it cannot be made canonical or is over MAX_BODY_BYTES; neither sent nor deleted until it changes
 */
export type Body = KeptBody | 'none' | 'gone' | 'unusable';

export interface Entry {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly body: Body;
  /** Came from a fetch and may be newer than the watch, whose older news of it are then none. */
  readonly isFetched: boolean;
  /**
   * The watch is past it and has told neither that it came nor that it went: of changes that come together the merge leaves only
   * what concerns the objects that it has told of. Only the API server knows.
   */
  readonly isOrphaned: boolean;
  /** How many epochs of the cluster this store had been through when it came. */
  readonly epochs: number;
}

export interface StoreStats {
  readonly objects: Readonly<Record<string, number>>;
  readonly bodies: number;
  readonly bodyCharacters: number;
}

/**
 * Every object of the watched resources by uid and resourceVersion, and the bodies of those that are needed: its size is
 * some 300 bytes per object of the cluster and the bodies of the edge nodes' objects. It has no bound of its own: the
 * cluster's objects are bounded by etcd.
 */
export class ObjectStore {
  readonly #entries = new Map<ObjectKey, Entry>();
  readonly #counts = new Map<string, number>();
  readonly #onRelease: (body: KeptBody, isObjectGone: boolean) => void;
  #epochs = 0;
  #bodies = 0;
  #bodyCharacters = 0;

  /** @param onRelease called with each body that is no longer kept; whether the object of that uid is known to be gone */
  constructor(onRelease: (body: KeptBody, isObjectGone: boolean) => void) {
    this.#onRelease = onRelease;
  }

  get(key: ObjectKey): Entry | undefined {
    return this.#entries.get(key);
  }

  /**
   * Takes a version. With `isNeeded`, and where its text came with it, its body is made canonical and kept; else there is none.
   * @throws HawserError `malformed_object` or `too_large`: the version is taken as unusable
   */
  put({ key, uid, resourceVersion, text, type }: Observed, isNeeded: boolean, isFetched = false): void {
    const before = this.#entries.get(key);
    const head = {
      uid: before?.uid === uid ? before.uid : detached(uid),
      resourceVersion: detached(resourceVersion),
      isFetched,
      isOrphaned: false,
      epochs: this.#epochs,
    };
    if (!isNeeded || text === undefined) {
      this.#set(key, { ...head, body: 'none' });
      return;
    }
    // Set first, so that what throws below leaves no body of an older version under the newer one.
    this.#set(key, { ...head, body: 'unusable' });
    const { body, version } = canonicalize(text, type);
    const size = Buffer.byteLength(body);
    if (size > MAX_BODY_BYTES) throw new HawserError('too_large', `body of ${size} bytes is over ${MAX_BODY_BYTES}`);
    if (version.uid !== uid || version.resourceVersion !== resourceVersion) {
      throw new HawserError('malformed_object', 'metadata in the text are not those that were observed');
    }
    const kept = { version: { uid: head.uid, resourceVersion: head.resourceVersion, hash: version.hash }, text: body };
    this.#set(key, { ...head, body: kept });
  }

  /** What is here was read before the API server was restored: its resourceVersions are no longer comparable. */
  beginEpoch(): void {
    this.#epochs += 1;
  }

  isOfOlderEpoch({ epochs }: Entry): boolean {
    return epochs < this.#epochs;
  }

  /** Returns whether there was an object of that uid, which is gone now. */
  remove(key: ObjectKey, uid: string): boolean {
    if (this.#entries.get(key)?.uid !== uid) return false;
    this.#set(key, undefined);
    return true;
  }

  /** Lets go of a body that is no longer needed. */
  dropBody(key: ObjectKey): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.body !== 'none') this.#set(key, { ...entry, body: 'none' });
  }

  /** The watch has brought the same version. */
  confirm(key: ObjectKey): void {
    const entry = this.#entries.get(key);
    if (entry?.isFetched) this.#set(key, { ...entry, isFetched: false });
  }

  /** Its body is to be fetched anew; if there is none, the object is gone, and no watch will say so. */
  orphan(key: ObjectKey): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#set(key, { ...entry, body: 'none', isOrphaned: true });
  }

  markGone(key: ObjectKey): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#set(key, { ...entry, body: 'gone' });
  }

  stats(): StoreStats {
    return { objects: Object.fromEntries(this.#counts), bodies: this.#bodies, bodyCharacters: this.#bodyCharacters };
  }

  #set(key: ObjectKey, entry: Entry | undefined): void {
    const before = this.#entries.get(key);
    this.#countBody(before?.body, -1);
    if (typeof before?.body === 'object' && before.body !== entry?.body) this.#onRelease(before.body, entry?.uid !== before.uid);
    this.#countBody(entry?.body, 1);
    if (entry === undefined) this.#entries.delete(key);
    else this.#entries.set(key, entry);
    const difference = (entry === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    if (difference === 0) return;
    const resource = resourceOf(key);
    this.#counts.set(resource, (this.#counts.get(resource) ?? 0) + difference);
  }

  #countBody(body: Body | undefined, sign: 1 | -1): void {
    if (typeof body !== 'object') return;
    this.#bodies += sign;
    this.#bodyCharacters += sign * body.text.length;
  }
}

/** The resource that a key names: `pods`, `apps/deployments`. */
export function resourceOf(key: ObjectKey): string {
  return key.slice(0, key.lastIndexOf('/', key.lastIndexOf('/') - 1));
}

/** A copy of its own: V8 may keep a text as a slice, and with it the whole response that it was cut from. */
function detached(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
