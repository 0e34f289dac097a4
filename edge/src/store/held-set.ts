import { Digest, digestEntry, HawserError, isResourceVersion, type ObjectKey, objectKey, type Version } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { Derived } from './transactions.ts';
import type { HeldObject } from './types.ts';

interface HeldRecord {
  readonly id: number;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resource_version: string;
  readonly hash: string;
  readonly refused: string | null;
}

const HELD = `SELECT id, resource, namespace, name, uid, resource_version, hash, refused FROM objects
  WHERE uid IS NOT NULL ORDER BY resource, namespace, name`;

/**
 * What the cloud has sent and not taken back: the rows that the digest counts, and the digest, kept in step row by row. What
 * each row has added is remembered, some 60 bytes a row, so that a row that others have changed is known by it, and the digest
 * stays right whatever happened to the rows.
 */
export class HeldSet implements Derived {
  readonly #all: ReturnType<typeof prepare>;
  #digest = new Digest();
  #remembered = new Map<number, bigint>();

  constructor(db: Database) {
    this.#all = prepare(db);
  }

  /** 32 hex digits. */
  get digest(): string {
    return this.#digest.toString();
  }

  get count(): number {
    return this.#digest.count;
  }

  /** What the row of that id has added to the digest; undefined for one that is not counted. */
  remembered(id: number): bigint | undefined {
    return this.#remembered.get(id);
  }

  /** Ids of counted rows between two others, both excluded. */
  *idsBetween(after: number, before: number): Generator<number> {
    for (const id of this.#remembered.keys()) if (id > after && id < before) yield id;
  }

  put(id: number, key: ObjectKey, version: Version): void {
    this.remove(id);
    this.#add(id, digestEntry(key, version));
  }

  remove(id: number): void {
    const entry = this.#remembered.get(id);
    if (entry === undefined) return;
    this.#remembered.delete(id);
    this.#digest.removeEntry(entry);
  }

  /** By key. */
  *entries(): Generator<HeldObject> {
    for (const record of this.#all.iterate()) {
      const held = heldObject(record);
      if (held !== undefined) yield held;
    }
  }

  reload(): void {
    this.#digest = new Digest();
    this.#remembered = new Map();
    for (const record of this.#all.iterate()) {
      const held = heldObject(record);
      if (held !== undefined) this.#add(record.id, digestEntry(held.key, held.version));
    }
  }

  #add(id: number, entry: bigint): void {
    this.#remembered.set(id, entry);
    this.#digest.addEntry(entry);
  }
}

function prepare(db: Database) {
  return db.prepare<[], HeldRecord>(HELD);
}

export function digestOf(entries: Iterable<HeldObject>): Digest {
  const digest = new Digest();
  for (const { key, version } of entries) digest.add(key, version);
  return digest;
}

/** Undefined for a row that is damaged beyond naming it: the mender finds it. */
function heldObject({ resource, namespace, name, uid, resource_version, hash, refused }: HeldRecord): HeldObject | undefined {
  const version: Version = { uid, resourceVersion: resource_version, hash };
  if (!isSoundVersion(version)) return undefined;
  try {
    const key: ObjectKey = objectKey(resource, namespace, name);
    return { key, version, refused: refused !== null };
  } catch (error) {
    if (error instanceof HawserError) return undefined;
    throw error;
  }
}

const HASH = /^[0-9a-f]{16}$/;

/** Whether these texts, as a file has them, can be a version at all: others could not even be told to the cloud. */
export function isSoundVersion({ uid, resourceVersion, hash }: Version): boolean {
  return typeof uid === 'string' && uid !== '' && isResourceVersion(resourceVersion) && HASH.test(hash);
}
