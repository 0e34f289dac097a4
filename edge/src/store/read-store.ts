import { existsSync, readFileSync, statSync } from 'node:fs';
import { HawserError, type KubeObject, type ObjectKey, objectKey, type Version } from '@hawser/protocol';
import Database from 'better-sqlite3';
import type { StorageKey } from '../api/storage.ts';
import { AnswerReader } from './answers.ts';
import { parseServed } from './change-log.ts';
import { DroppedEventTable } from './dropped-events.ts';
import { explain } from './explain.ts';
import { looksLikeDatabase, messageOf } from './files.ts';
import { digestOf, HeldSet } from './held-set.ts';
import { isLocked } from './lock.ts';
import { Meta } from './meta.ts';
import { otherSchema } from './other-schema.ts';
import { OutboxSize, type Size } from './outbox-size.ts';
import { RefusalTable } from './refusals.ts';
import { APPLICATION_ID, SCHEMA_VERSION, schemaVersion } from './schema.ts';
import { PLAIN, type Seal } from './seal.ts';
import { about, SealedTexts } from './sealed-texts.ts';
import { foreign, storedSeal } from './sealing.ts';
import { SyncedReader } from './synced-reader.ts';
import type {
  DroppedEvents,
  KeptAnswer,
  OutboxEntry,
  ReadonlyStore,
  Refusal,
  SealSource,
  StoreIdentity,
  WriteVerb,
} from './types.ts';
import { imageOf, isNoRoom, withoutWalMode } from './without-room.ts';

/** Lines about what is damaged: the first says enough. */
const MAX_DAMAGES = 5;

/** For an agent that is in the middle of a checkpoint. */
const BUSY_WAIT_MS = 2_000;

/** @throws HawserError `bad_config`; where this user may not look, it is not said that there is nothing */
function requireThere(path: string): void {
  let isThere: boolean;
  try {
    isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new HawserError('bad_config', `${path} cannot be looked at by this user (${code}): run it as the user of the agent`, {
      cause,
    });
  }
  if (isThere) return;
  throw new HawserError('bad_config', `there is no store at ${path}: the agent has not run here, or keeps it elsewhere`);
}

/**
 * Whether an agent has that store open, also one that cannot be read; undefined where there is none.
 * @throws whatever keeps this user from looking
 */
export function storeRuns(path: string): boolean | undefined {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : isLocked(path);
}

/**
 * Opens the store for reading, beside a running agent or without one. Nothing is made or changed.
 * @param seal asked for its key when something sealed is read, and not before; default PLAIN
 * @throws HawserError `bad_config` when there is no such file or it is not the agent's, `store_damaged`, `store_newer`,
 * `unsupported` for a store of an older agent
 */
export function readStore(path: string, seal: SealSource = () => PLAIN): ReadonlyStore {
  requireThere(path);
  try {
    const running = isLocked(path);
    const db = openReadonly(path);
    try {
      check(db, path);
      return new SqliteReadonlyStore(path, running, db, seal);
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (cause) {
    if (isAccessError(cause)) throw new HawserError('bad_config', `${path} cannot be read: ${messageOf(cause)}`, { cause });
    throw explain(cause, path);
  }
}

/**
 * Where the log is there, an agent has the file open or was killed, and SQLite reads both in place. A database that was closed
 * is in one file, but SQLite would make a log and leave it behind, perhaps as another user: so that is read into memory.
 */
function openReadonly(path: string): Database.Database {
  if (!looksLikeDatabase(path)) throw new HawserError('store_damaged', `${path} is no SQLite database`);
  if (!existsSync(`${path}-wal`)) return new Database(withoutWalMode(readFileSync(path)), { readonly: true });
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_WAIT_MS });
  try {
    // The first that wants the index of the log.
    schemaVersion(db);
    return db;
  } catch (error) {
    db.close();
    // On a full disk an agent that serves from memory has left an empty log without one.
    const image = isNoRoom(error) ? imageOf(path) : undefined;
    if (image === undefined) throw error;
    return new Database(image, { readonly: true });
  }
}

function check(db: Database.Database, path: string): void {
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    throw new HawserError('bad_config', `${path} is not a store of the agent`);
  }
  const version = schemaVersion(db);
  if (version !== SCHEMA_VERSION) throw otherSchema(path, version);
}

function isAccessError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EISDIR');
}

/** A seal whose key is looked for when it is needed. */
function lazySeal(path: string, db: Database.Database, source: SealSource): Seal {
  let found: Seal | undefined;
  const seal = () => {
    if (found !== undefined) return found;
    const stored = storedSeal(db);
    found = source(stored);
    if (stored !== undefined && stored !== found.name) throw foreign(path, found, new Set([stored]));
    return found;
  };
  return {
    get name() {
      return seal().name;
    },
    seal: (text, about) => seal().seal(text, about),
    open: (sealed, about) => seal().open(sealed, about),
  };
}

class SqliteReadonlyStore implements ReadonlyStore {
  readonly path: string;
  readonly running: boolean;
  readonly #db: Database.Database;
  readonly #meta: Meta;
  readonly #held: HeldSet;
  readonly #synced: SyncedReader;
  readonly #answers: AnswerReader;
  readonly #texts: SealedTexts;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(path: string, running: boolean, db: Database.Database, source: SealSource) {
    const seal = lazySeal(path, db, source);
    this.path = path;
    this.running = running;
    this.#db = db;
    this.#meta = new Meta(db);
    this.#held = new HeldSet(db);
    this.#texts = new SealedTexts(seal);
    this.#synced = new SyncedReader(db, this.#texts);
    this.#answers = new AnswerReader(db, seal);
    this.#statements = prepare(db);
  }

  identity(): StoreIdentity {
    return this.#reading(() => this.#meta.identity());
  }

  get({ resource, namespace, name }: StorageKey): KubeObject | undefined {
    return this.#reading(() => {
      const record = this.#statements.one.get(resource, namespace, name);
      return record && this.#read(record);
    });
  }

  synced(key: StorageKey): KubeObject | undefined {
    return this.#reading(() => this.#synced.get(key));
  }

  answer(key: StorageKey): KeptAnswer | undefined {
    return this.#reading(() => {
      const answer = this.#answers.get(key);
      return answer === 'unreadable' ? undefined : answer;
    });
  }

  list(resource: string, namespace?: string): KubeObject[] {
    return this.#reading(() =>
      this.#statements.list.all(resource, namespace ?? null, namespace ?? null).map((record) => this.#read(record)),
    );
  }

  counts(): readonly { readonly resource: string; readonly objects: number }[] {
    return this.#reading(() => this.#statements.counts.all());
  }

  facts(): Readonly<Record<string, string>> {
    return this.#reading(() => this.#meta.facts());
  }

  outboxCount(): number {
    return this.outboxSize().entries;
  }

  outboxSize(): Size {
    return this.#reading(() => new OutboxSize(this.#db).waiting());
  }

  droppedEvents(): DroppedEvents {
    return this.#reading(() => new DroppedEventTable(this.#db).all());
  }

  outboxEntries(limit: number): readonly OutboxEntry[] {
    return this.#reading(() =>
      this.#statements.outbox
        .all(limit)
        .map(({ resource, namespace, name, ...entry }) => ({ ...entry, key: { resource, namespace, name } })),
    );
  }

  refusals(): readonly Refusal[] {
    return this.#reading(() => new RefusalTable(this.#db, 0).newestFirst());
  }

  refusedObjects(): readonly { readonly key: ObjectKey; readonly version: Version; readonly reason: string }[] {
    return this.#reading(() =>
      this.#statements.refused.all().map(({ resource, namespace, name, uid, resource_version, hash, refused }) => ({
        key: objectKey(resource, namespace, name),
        version: { uid, resourceVersion: resource_version, hash },
        reason: refused,
      })),
    );
  }

  check(): readonly string[] {
    return this.#reading(() => this.#statements.check.all().map(({ quick_check: said }) => said));
  }

  digest(): string {
    return this.#reading(() => digestOf(this.#held.entries()).toString());
  }

  objectCount(): number {
    return this.#reading(() => digestOf(this.#held.entries()).count);
  }

  seal(): string | undefined {
    return storedSeal(this.#db);
  }

  revision(): number {
    return this.#reading(() => this.#statements.revision.get()?.seq ?? 0);
  }

  sizes(): { readonly database: number; readonly log: number } {
    return { database: sizeOf(this.path), log: sizeOf(`${this.path}-wal`) };
  }

  close(): void {
    this.#db.close();
  }

  #read({ object, revision }: ServedRecord): KubeObject {
    return parseServed(this.#texts.take(object, about.change(revision)), revision);
  }

  /** SQLite comes upon a damaged page only when it reads it. @throws HawserError `store_damaged` */
  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw explain(cause, this.path);
    }
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

interface ServedRecord {
  readonly object: string;
  readonly revision: number;
}

interface EntryRecord {
  readonly number: number;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly verb: WriteVerb;
  readonly subresource: string;
  readonly time: string;
  readonly bytes: number;
}

interface RefusedRecord {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resource_version: string;
  readonly hash: string;
  readonly refused: string;
}

function prepare(db: Database.Database) {
  const served = 'FROM objects AS o JOIN changes AS c ON c.revision = o.revision';
  return {
    check: db.prepare<[], { quick_check: string }>(`PRAGMA quick_check(${MAX_DAMAGES})`),
    one: db.prepare<[string, string, string], ServedRecord>(
      `SELECT c.object, o.revision ${served} WHERE o.resource = ? AND o.namespace = ? AND o.name = ?`,
    ),
    list: db.prepare<[string, string | null, string | null], ServedRecord>(
      `SELECT c.object, o.revision ${served} WHERE o.resource = ? AND (? IS NULL OR o.namespace = ?) ORDER BY o.namespace, o.name`,
    ),
    counts: db.prepare<[], { resource: string; objects: number }>(
      'SELECT resource, count(*) AS objects FROM objects WHERE revision IS NOT NULL GROUP BY resource ORDER BY resource',
    ),
    outbox: db.prepare<[number], EntryRecord>(
      `SELECT w.number, o.resource, o.namespace, o.name, w.verb, w.subresource, w.time, octet_length(w.body) AS bytes
       FROM outbox AS w JOIN objects AS o ON o.id = w.object ORDER BY w.number LIMIT ?`,
    ),
    refused: db.prepare<[], RefusedRecord>(
      `SELECT resource, namespace, name, uid, resource_version, hash, refused FROM objects
       WHERE refused IS NOT NULL AND uid IS NOT NULL ORDER BY resource, namespace, name`,
    ),
    revision: db.prepare<[], { seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'changes'"),
  };
}
