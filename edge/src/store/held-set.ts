import { Digest, type ObjectKey, objectKey } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { Derived } from './transactions.ts';
import type { HeldObject } from './types.ts';

interface HeldRecord {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resource_version: string;
  readonly hash: string;
  readonly refused: string | null;
}

const HELD = `SELECT resource, namespace, name, uid, resource_version, hash, refused FROM objects
  WHERE uid IS NOT NULL ORDER BY resource, namespace, name`;

/** What the cloud has sent and not taken back: the rows that the digest counts, and the digest, kept in step row by row. */
export class HeldSet implements Derived {
  readonly #all: ReturnType<typeof prepare>;
  digest = new Digest();

  constructor(db: Database) {
    this.#all = prepare(db);
  }

  *entries(): Generator<HeldObject> {
    for (const record of this.#all.iterate()) yield heldObject(record);
  }

  reload(): void {
    this.digest = digestOf(this.entries());
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

function heldObject({ resource, namespace, name, uid, resource_version, hash, refused }: HeldRecord): HeldObject {
  const key: ObjectKey = objectKey(resource, namespace, name);
  return { key, version: { uid, resourceVersion: resource_version, hash }, refused: refused !== null };
}
