import { Digest, digestEntry, HawserError, type InventoryEntry, type ObjectKey, type Version } from '@hawser/protocol';

export interface KnownObject {
  readonly version: Version;
  /** The agent holds no body of this version. */
  readonly isRefused: boolean;
  /** The agent said it; whether this relay has seen as much is not known yet. */
  readonly isUnproven: boolean;
  /** It could not apply a delta or touch to what it should hold: whether that is this version's body nobody knows. */
  readonly isDoubtful: boolean;
  /** Names it in this session; undefined until it is named for the first time. */
  readonly number: number | undefined;
}

/** How an operation names its object. */
export interface ObjectName {
  readonly object: number;
  readonly key: ObjectKey | undefined;
}

/**
 * What the agent will hold once everything under way has arrived, its digest, and the session's numbers. Bounded by the
 * inventory's bound and by what the node needs.
 */
export class KnownSet {
  readonly #objects = new Map<ObjectKey, KnownObject>();
  readonly #digest = new Digest();
  #lastNumber = 0;
  #assigned = 0;
  #refused = 0;

  get(key: ObjectKey): KnownObject | undefined {
    return this.#objects.get(key);
  }

  keys(): Iterable<ObjectKey> {
    return this.#objects.keys();
  }

  get size(): number {
    return this.#objects.size;
  }

  get refused(): number {
    return this.#refused;
  }

  /** Numbers that this side has given. */
  get assigned(): number {
    return this.#assigned;
  }

  digest(): string {
    return this.#digest.toString();
  }

  /** The digest as of now, which does not follow the set. */
  digestNow(): Digest {
    return this.#digest.clone();
  }

  /**
   * Takes an entry of an inventory, which numbers its entries 1, 2, … One of an older epoch says nothing about how far a relay has to be.
   * @throws HawserError `protocol` for a number out of turn or a key that came before
   */
  learn({ number, key, version, refused }: InventoryEntry, isOfOlderEpoch = false): void {
    if (number !== this.#lastNumber + 1) {
      throw new HawserError('protocol', `inventory: number ${number} came after ${this.#lastNumber}`);
    }
    if (this.#objects.has(key)) throw new HawserError('protocol', `inventory: ${key} came twice`);
    this.#lastNumber = number;
    this.#put(key, { version, isRefused: refused, isUnproven: !isOfOlderEpoch, isDoubtful: false, number });
  }

  /** The agent is known by its digest to hold this version. */
  assume(key: ObjectKey, version: Version): void {
    share(key, version);
    this.#put(key, { version, isRefused: false, isUnproven: false, isDoubtful: false, number: undefined });
  }

  /** The key's object is about to be sent in that version. */
  send(key: ObjectKey, version: Version): ObjectName {
    const { number, name } = this.#name(key);
    share(key, version);
    this.#put(key, { version, isRefused: false, isUnproven: false, isDoubtful: false, number });
    return name;
  }

  /** The key's object is about to be deleted. Its number is not used again. */
  remove(key: ObjectKey): ObjectName {
    const { name } = this.#name(key);
    this.#drop(key);
    return name;
  }

  /** The agent could not take the version that it was sent; it counts all the same. */
  refuse(key: ObjectKey): KnownObject | undefined {
    const known = this.#objects.get(key);
    if (known !== undefined) this.#put(key, { ...known, isRefused: true });
    return known;
  }

  /** The agent could not apply a delta, and has stayed with the version before it. */
  stayed(key: ObjectKey, version: Version): void {
    const known = this.#objects.get(key);
    if (known !== undefined) this.#put(key, { ...known, version, isDoubtful: true });
  }

  /** The agent counts this version and has no body of it: it had refused the one before, which a digest does not tell. */
  untouched(key: ObjectKey): void {
    const known = this.#objects.get(key);
    if (known !== undefined) this.#put(key, { ...known, isDoubtful: true });
  }

  /** The same for another session, in which nothing has a number yet. @param isOfOlderEpoch as for `learn` */
  forNewSession(isOfOlderEpoch: boolean): KnownSet {
    const copy = new KnownSet();
    for (const [key, known] of this.#objects) {
      copy.#put(key, { ...known, isUnproven: known.isUnproven && !isOfOlderEpoch, number: undefined });
    }
    return copy;
  }

  prove(key: ObjectKey): void {
    const known = this.#objects.get(key);
    if (known?.isUnproven) this.#objects.set(key, { ...known, isUnproven: false });
  }

  #name(key: ObjectKey): { readonly number: number; readonly name: ObjectName } {
    const known = this.#objects.get(key)?.number;
    if (known !== undefined) return { number: known, name: { object: known, key: undefined } };
    this.#lastNumber += 1;
    this.#assigned += 1;
    return { number: this.#lastNumber, name: { object: this.#lastNumber, key } };
  }

  #put(key: ObjectKey, object: KnownObject): void {
    this.#drop(key);
    this.#objects.set(key, object);
    this.#digest.addEntry(entryOf(key, object.version));
    if (object.isRefused) this.#refused += 1;
  }

  #drop(key: ObjectKey): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    this.#digest.removeEntry(entryOf(key, before.version));
    if (before.isRefused) this.#refused -= 1;
  }
}

/**
 * What versions add to digests. A change goes to thousands of sessions with one and the same version object: the first one hashes
 * it. What agents have told in inventories is hashed each time, so there are as many entries as the store has bodies, and as
 * many again for the versions before them.
 */
const shared = new WeakMap<Version, { readonly key: ObjectKey; readonly entry: bigint }>();

function entryOf(key: ObjectKey, version: Version): bigint {
  const known = shared.get(version);
  return known?.key === key ? known.entry : digestEntry(key, version);
}

function share(key: ObjectKey, version: Version): void {
  if (shared.get(version)?.key !== key) shared.set(version, { key, entry: digestEntry(key, version) });
}
