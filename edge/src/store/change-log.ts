import { HawserError, isJsonObject, type JsonObject, type KubeObject } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import { type Change, CompactedError, type StorageKey } from '../api/storage.ts';
import { about, type SealedTexts } from './sealed-texts.ts';
import { parseStored } from './stored-json.ts';
import type { Derived } from './transactions.ts';
import type { StoreLimits } from './types.ts';

type ChangeType = Change['type'];

interface ChangeRecord {
  readonly revision: number;
  readonly type: ChangeType;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly previous: number | null;
  readonly object: string | null;
}

/**
 * The local change log: what watches hear, and where each object that is served stands. Revisions rise by one and are never used
 * twice: SQLite's AUTOINCREMENT remembers the newest of a row, also of one that is gone, and a rolled back transaction gives its
 * revisions back. Between two rows there may be revisions of changes that the database does not hold, so each row names the one
 * before it. The compacted revision is not stored: the log reaches back as far as its bounds and the rows allow.
 */
export class ChangeLog implements Derived {
  readonly #limits: Pick<StoreLimits, 'changeLogEntries' | 'changeLogSize'>;
  readonly #texts: SealedTexts;
  readonly #statements: ReturnType<typeof prepare>;
  #revision = 0;
  /** Of the newest row that there was. */
  #last = 0;
  /** Revisions up to there have been given out, with a row or without. */
  #skipped = 0;
  #compacted = 0;
  #entries = 0;
  #size = 0;

  constructor(db: Database, limits: Pick<StoreLimits, 'changeLogEntries' | 'changeLogSize'>, texts: SealedTexts) {
    this.#limits = limits;
    this.#texts = texts;
    this.#statements = prepare(db);
  }

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  /** @param previous the revision of the object's state before; undefined for ADDED */
  append(type: ChangeType, key: StorageKey, object: JsonObject | undefined, previous: number | undefined): Change {
    const text = object === undefined ? null : textOf(object);
    const { resource, namespace, name } = key;
    const revision = this.#revision + 1;
    const follows = this.#last === this.#revision ? null : this.#last;
    const stored = text === null ? null : this.#texts.put(resource, text, about.change(revision));
    this.#statements.insert.run(revision, follows, type, resource, namespace, name, previous ?? null, stored);
    this.#revision = revision;
    this.#last = revision;
    this.#entries += 1;
    this.#size += stored?.length ?? 0;
    this.#prune();
    return this.#change({ revision: this.#revision, type, ...key, previous: previous ?? null, object: text });
  }

  /** Revisions up to this one belong to changes that are not in the database. Outside of transactions. */
  skipTo(revision: number): void {
    this.#skipped = Math.max(this.#skipped, revision);
    this.#revision = Math.max(this.#revision, revision);
  }

  /** The object as of the change that made it so. */
  state(revision: number): JsonObject {
    return parseStored(this.#text(revision));
  }

  /** The same as served, with its resourceVersion. */
  served(revision: number): KubeObject {
    return parseServed(this.#text(revision), revision);
  }

  isReadable(revision: number): boolean {
    try {
      return isJsonObject(this.state(revision));
    } catch (error) {
      if (error instanceof HawserError) return false;
      throw error;
    }
  }

  /** @throws CompactedError */
  after(resource: string, revision: number): Change[] {
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
    return this.#statements.after
      .all(revision, resource)
      .map((record) =>
        this.#change({ ...record, object: this.#texts.takeOptional(record.object, about.change(record.revision)) }),
      );
  }

  reload(): void {
    this.#last = this.#statements.last.get()?.seq ?? 0;
    this.#revision = Math.max(this.#last, this.#skipped);
    this.#compacted = this.#last;
    this.#entries = 0;
    this.#size = 0;
    const { changeLogEntries, changeLogSize } = this.#limits;
    for (const { revision, follows, size, broken } of this.#statements.backwards.iterate()) {
      const fits = this.#entries === 0 || (this.#entries < changeLogEntries && this.#size + size <= changeLogSize);
      if (revision !== this.#compacted || broken === 1 || !fits) break;
      this.#entries += 1;
      this.#size += size;
      this.#compacted = follows;
    }
  }

  #prune(): void {
    const { changeLogEntries, changeLogSize } = this.#limits;
    while (this.#entries > Math.max(1, changeLogEntries) || this.#size > changeLogSize) {
      if (this.#entries <= 1) return;
      const oldest = this.#statements.head.get(this.#compacted);
      if (oldest === undefined || oldest.follows !== this.#compacted) {
        throw new HawserError('store_damaged', `the change log lacks what follows revision ${this.#compacted}`);
      }
      this.#compacted = oldest.revision;
      this.#entries -= 1;
      this.#size -= oldest.size;
      // The state before is asked for by nobody any more; this one still is, as served or as the next one's previous.
      if (oldest.previous !== null) this.#statements.remove.run(oldest.previous);
      if (oldest.type === 'DELETED') this.#statements.remove.run(oldest.revision);
    }
  }

  /** @param record with its object opened */
  #change({ revision, type, resource, namespace, name, previous, object }: ChangeRecord): Change {
    const key = { resource, namespace, name };
    const before = previous === null ? undefined : this.served(previous);
    const after = object === null ? before && atRevision(before, revision) : parseServed(object, revision);
    if (after === undefined) throw new HawserError('store_damaged', `change ${revision} of the change log has no object`);
    return before === undefined
      ? { type, revision, key, object: after }
      : { type, revision, key, object: after, previous: before };
  }

  #text(revision: number): string {
    const text = this.#statements.object.get(revision)?.object ?? undefined;
    if (text === undefined) throw new HawserError('store_damaged', `the change log lacks the state of revision ${revision}`);
    return this.#texts.take(text, about.change(revision));
  }
}

function prepare(db: Database) {
  return {
    insert: db.prepare<[number, number | null, ChangeType, string, string, string, number | null, string | null]>(
      'INSERT INTO changes (revision, follows, type, resource, namespace, name, previous, object) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    object: db.prepare<[number], { object: string | null }>('SELECT object FROM changes WHERE revision = ?'),
    after: db.prepare<[number, string], ChangeRecord>(
      'SELECT revision, type, resource, namespace, name, previous, object FROM changes WHERE revision > ? AND resource = ? ORDER BY revision',
    ),
    last: db.prepare<[], { seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'changes'"),
    head: db.prepare<[number], { revision: number; follows: number; type: ChangeType; previous: number | null; size: number }>(
      `SELECT revision, coalesce(follows, revision - 1) AS follows, type, previous, length(coalesce(object, '')) AS size
       FROM changes WHERE revision > ? ORDER BY revision LIMIT 1`,
    ),
    // A row that is still there for its state alone may name a previous one that is not.
    backwards: db.prepare<[], { revision: number; follows: number; size: number; broken: number }>(
      `SELECT revision, coalesce(follows, revision - 1) AS follows, length(coalesce(object, '')) AS size,
         previous IS NOT NULL AND NOT EXISTS (SELECT 1 FROM changes AS p WHERE p.revision = c.previous) AS broken
       FROM changes AS c ORDER BY revision DESC`,
    ),
    remove: db.prepare<[number]>('DELETE FROM changes WHERE revision = ?'),
  };
}

/** An object for the change log: what it is comes first, so that a text is served without being read. */
function textOf({ kind, apiVersion, metadata, ...rest }: JsonObject): string {
  return JSON.stringify({ kind, apiVersion, metadata, ...rest });
}

/** How such a text begins; a metadata without anything is left to who reads. */
const HEAD = /^\{"kind":"\w+","apiVersion":"[\w./-]+","metadata":\{(?=")/;

/** The same as served, with its resourceVersion; undefined for a text that begins otherwise: of an older agent, or damaged. */
export function servedText(text: string, revision: number): string | undefined {
  const head = HEAD.exec(text)?.[0];
  return head && `${head}"resourceVersion":"${revision}",${text.slice(head.length)}`;
}

/**
 * @param text an object of the change log, as JSON without resourceVersion
 * @throws HawserError `store_damaged` for what is no object any more
 */
export function parseServed(text: string, revision: number): KubeObject {
  const object = parseStored<unknown>(text);
  if (!isServed(object)) throw new HawserError('store_damaged', `what is served at revision ${revision} is no object`);
  return atRevision(object, revision);
}

function isServed(value: unknown): value is KubeObject {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return false;
  return typeof value.metadata === 'object' && value.metadata !== null;
}

function atRevision(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
