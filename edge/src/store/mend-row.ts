import {
  bodyHash,
  digestEntry,
  HawserError,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonEquals,
  type ObjectKey,
  objectKey,
  parseJson,
  resourceByKind,
  type Version,
} from '@hawser/protocol';
import { type Database, SqliteError } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { StorageKey } from '../api/storage.ts';
import type { ChangeLog } from './change-log.ts';
import { type HeldSet, isSoundVersion } from './held-set.ts';
import type { Objects } from './objects.ts';
import { fold } from './row.ts';
import { about, type SealedTexts } from './sealed-texts.ts';
import { isSoundWrite, type StoredWrite } from './sound-write.ts';
import type { Damage } from './types.ts';

/** A hash that no body has: what is held under it is another version than the cloud's, whichever that is. */
export const NO_HASH = '0'.repeat(16);
const NO_UID = '00000000-0000-0000-0000-000000000000';
/** Below every version of the cloud: nothing that the cloud has counts as older. */
export const NO_VERSION = '0';

/** A row as the file has it, with its body opened: any column may be wrong. */
export interface StoredRow {
  readonly id: number;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | null;
  readonly resource_version: string | null;
  readonly hash: string | null;
  readonly refused: string | null;
  readonly revision: number | null;
  readonly body: string | null;
}

export interface MenderParts {
  readonly db: Database;
  readonly objects: Objects;
  readonly log: ChangeLog;
  readonly held: HeldSet;
  readonly texts: SealedTexts;
  readonly logger: Logger;
}

/**
 * Finds out whether a row is still what was written, and mends one that is not. A damaged row counts as refused, under a version
 * that the cloud's cannot equal: so the digest is another than the cloud's, and the object is sent again whole. Until then
 * what is served stays.
 */
export class RowMender {
  readonly #parts: MenderParts;
  readonly #statements: ReturnType<typeof prepare>;
  /** Since the store was opened. */
  readonly counts: Record<Damage, number> = { row: 0, lost: 0, body: 0, write: 0, served: 0 };

  constructor(parts: MenderParts) {
    this.#parts = parts;
    this.#statements = prepare(parts.db);
  }

  /** The row with the lowest id above that one. */
  next(after: number): StoredRow | undefined {
    return this.#opened(this.#statements.next.get(after));
  }

  /** What is wrong with the row, the gravest first. Reads only. */
  look(row: StoredRow): Damage | undefined {
    return this.lookAtVersion(row) ?? lookAtBody(row) ?? lookAtKey(row) ?? this.#lookAtWrites(row) ?? this.#lookAtServed(row);
  }

  /** The same of what the digest counts alone, which needs no body. */
  lookAtVersion(row: Omit<StoredRow, 'body'>): Damage | undefined {
    const remembered = this.#parts.held.remembered(row.id);
    const version = versionOf(row);
    const key = keyOf(row);
    if (key === undefined) return 'row';
    if (version !== undefined && isSoundVersion(version)) return remembered === digestEntry(key, version) ? undefined : 'row';
    return isOnlyHere(row) && remembered === undefined ? undefined : 'row';
  }

  /** Within a transaction: mends all that `look` finds, one after the other. */
  mend(id: number): void {
    for (let damage = this.#find(id); damage !== undefined; damage = this.#find(id)) {
      this.counts[damage.kind] += 1;
      this.#mendOne(damage.row, damage.kind);
    }
  }

  /** Within a transaction: rows that the digest counts and that are not there. What the device wrote to them went with them. */
  mendLost(ids: readonly number[]): void {
    for (const id of ids) this.#parts.held.remove(id);
    this.counts.lost += ids.length;
    this.#parts.logger.error({ rows: ids.length }, 'stored rows lost');
    this.dropOrphans();
  }

  /** Within a transaction: open writes whose row is gone. */
  dropOrphans(): void {
    const { changes } = this.#statements.dropOrphans.run();
    if (changes > 0) this.#parts.logger.error({ openWrites: changes }, 'open writes without an object, their reports are lost');
  }

  #opened(row: StoredRow | undefined): StoredRow | undefined {
    if (row === undefined || typeof row.body !== 'string') return row;
    return { ...row, body: this.#parts.texts.take(row.body, about.object(row.id)) };
  }

  #writes(id: number): StoredWrite[] {
    const { texts } = this.#parts;
    return this.#statements.writes.all(id).map((write) => ({ ...write, body: texts.take(write.body, about.write(id)) }));
  }

  #find(id: number): { readonly row: StoredRow; readonly kind: Damage } | undefined {
    const row = this.#opened(this.#statements.byId.get(id));
    const kind = row === undefined ? undefined : this.look(row);
    return row === undefined || kind === undefined ? undefined : { row, kind };
  }

  #mendOne(row: StoredRow, kind: Damage): void {
    const { resource, namespace, name } = row;
    switch (kind) {
      case 'row':
        this.#parts.logger.error({ resource, namespace, name }, 'stored row damaged');
        this.#mendVersion(row);
        return;
      case 'body':
        this.#parts.logger.error({ resource, namespace, name }, 'stored body damaged');
        this.#mendBody(row);
        return;
      case 'write':
        this.#mendWrites(row);
        return;
      case 'served':
        this.#mendServed(row);
        return;
      case 'lost':
        return;
    }
  }

  /**
   * Which column was changed is not known, but what they were together is: the key and the uid also stand in the body. The
   * resourceVersion stands nowhere else, and one that may be wrong is forgotten: too high a one would look as if the cloud had
   * gone back in time.
   */
  #mendVersion(row: StoredRow): void {
    const said = row.body === null ? undefined : readBody(row);
    const proven = this.#proven(row, said);
    const key = proven?.key ?? (said?.isWhole === true ? said.key : row);
    // The index still has the key as it was, where a byte in the file was changed.
    if (!sameKey(key, row) || keyOf(key) === undefined) this.#reindex();
    const isNobodys = isOnlyHere(row) && this.#parts.held.remembered(row.id) === undefined;
    if (isNobodys || keyOf(key) === undefined || this.#isTaken(key, row.id)) {
      this.#drop(row);
      return;
    }
    const version: Version = {
      uid: proven?.uid ?? said?.uid ?? (isText(row.uid) ? row.uid : NO_UID),
      resourceVersion: proven === undefined ? NO_VERSION : proven.resourceVersion,
      hash: NO_HASH,
    };
    const body = said?.isWhole === true || proven?.isBodyProven === true ? row.body : this.#servedText(row);
    this.#statements.rename.run(key.resource, key.namespace, key.name, row.id);
    this.#refuse(row.id, key, version, body, 'store: the row was damaged');
  }

  #mendBody(row: StoredRow): void {
    const version = versionOf(row);
    if (version === undefined) return;
    const hash = typeof row.body === 'string' && row.refused === null ? bodyHash(row.body) : NO_HASH;
    this.#refuse(row.id, row, { ...version, hash }, this.#servedText(row), 'store: the body was damaged');
  }

  #mendWrites({ id, resource, namespace, name }: StoredRow): void {
    for (const write of this.#writes(id)) {
      if (isSoundWrite(write)) continue;
      const { number } = write;
      this.#parts.logger.error({ resource, namespace, name, number }, 'open write damaged, its report is lost');
      this.#parts.objects.rows.removeWrite(number);
    }
  }

  #mendServed({ id, resource, namespace, name, revision }: StoredRow): void {
    const { objects, log, logger } = this.#parts;
    if (revision !== null && !log.isReadable(revision)) {
      logger.error({ resource, namespace, name, revision }, 'served state damaged');
      objects.rows.setRevision(id, undefined);
    }
    const change = objects.refresh(id);
    if (change !== undefined)
      logger.error({ resource, namespace, name, revision: change.revision }, 'served state did not match its sources');
  }

  #refuse(id: number, key: StorageKey, version: Version, body: string | null, reason: string): void {
    const { held, objects } = this.#parts;
    objects.rows.setCloud({ id, key }, { version, body: body ?? undefined, refused: reason });
    held.put(id, objectKey(key.resource, key.namespace, key.name), version);
  }

  #reindex(): void {
    try {
      this.#parts.db.exec('REINDEX objects');
    } catch (cause) {
      if (!(cause instanceof SqliteError)) throw cause;
      throw new HawserError('store_damaged', `two rows of ${this.#parts.db.name} have one key`, { cause });
    }
  }

  /** Nothing can name it, or another row does. */
  #drop({ id }: StoredRow): void {
    this.#parts.held.remove(id);
    this.#statements.dropWrites.run(id);
    this.#parts.objects.rows.remove(id);
  }

  /** The key and version that add up to what is remembered of the row, if one of its columns alone was changed. */
  #proven(row: StoredRow, said: BodyFacts | undefined) {
    const remembered = this.#parts.held.remembered(row.id);
    const { resource_version: resourceVersion } = row;
    if (remembered === undefined || !isText(resourceVersion)) return undefined;
    for (const key of said === undefined ? [row] : [row, said.key]) {
      const name = keyOf(key);
      if (name === undefined) continue;
      for (const uid of [row.uid, said?.uid]) {
        for (const hash of [row.hash, said?.hash]) {
          if (!isText(uid) || !isText(hash) || digestEntry(name, { uid, resourceVersion, hash }) !== remembered) continue;
          return { key, uid, resourceVersion, isBodyProven: hash === said?.hash };
        }
      }
    }
    return undefined;
  }

  #isTaken(key: StorageKey, id: number): boolean {
    const other = this.#statements.idOf.get(key.resource, key.namespace, key.name);
    return other !== undefined && other.id !== id;
  }

  #servedText({ revision }: StoredRow): string | null {
    if (revision === null || !this.#parts.log.isReadable(revision)) return null;
    return JSON.stringify(this.#parts.log.state(revision));
  }

  #lookAtWrites({ id }: StoredRow): Damage | undefined {
    return this.#writes(id).every(isSoundWrite) ? undefined : 'write';
  }

  /** Only what is sound up to here may be folded. */
  #lookAtServed({ id, revision }: StoredRow): Damage | undefined {
    const { objects, log } = this.#parts;
    if (revision !== null && !log.isReadable(revision)) return 'served';
    const { cloud, writes } = objects.rows.byId(id);
    const served = revision === null ? undefined : log.state(revision);
    const expected = fold(cloud, writes);
    if (served === undefined || expected === undefined) return served === expected ? undefined : 'served';
    return jsonEquals(served, expected) ? undefined : 'served';
  }
}

/** A refused version has no body of its own: of what stands in for it nothing is known but that it must be readable. */
function lookAtBody({ hash, refused, body }: StoredRow): Damage | undefined {
  if (hash === null) return undefined;
  if (refused !== null) return body === null || isObject(body) ? undefined : 'body';
  return typeof body === 'string' && bodyHash(body) === hash ? undefined : 'body';
}

/** A body that is whole says under which key it belongs. */
function lookAtKey(row: StoredRow): Damage | undefined {
  const said = row.refused === null ? readBody(row) : undefined;
  return said === undefined || sameKey(said.key, row) ? undefined : 'row';
}

interface BodyFacts {
  readonly key: StorageKey;
  readonly uid: string;
  readonly hash: string;
  /** It hashes to what the row says. */
  readonly isWhole: boolean;
}

function readBody({ resource, hash, refused, body }: StoredRow): BodyFacts | undefined {
  const object = parseObject(body);
  const metadata = object?.metadata;
  if (body === null || !isJsonObject(metadata)) return undefined;
  const { name, namespace = '', uid } = metadata;
  if (!isText(name) || typeof namespace !== 'string' || !isText(uid)) return undefined;
  const actual = bodyHash(body);
  const named = resourceByKind(String(object?.apiVersion), String(object?.kind))?.id ?? resource;
  return { key: { resource: named, namespace, name }, uid, hash: actual, isWhole: refused === null && actual === hash };
}

/** The version of a row with the hash that its body has; undefined without a body. */
export function bodyVersion(row: StoredRow): { readonly key: ObjectKey; readonly version: Version } | undefined {
  const version = versionOf(row);
  const key = keyOf(row);
  if (version === undefined || key === undefined || row.body === null) return undefined;
  return { key, version: { ...version, hash: bodyHash(row.body) } };
}

/** Born on the device and not known to the cloud. */
function isOnlyHere({ uid, resource_version, hash }: Omit<StoredRow, 'body'>): boolean {
  return uid === null && resource_version === null && hash === null;
}

function versionOf({ uid, resource_version, hash }: Omit<StoredRow, 'body'>): Version | undefined {
  if (uid === null || resource_version === null || hash === null) return undefined;
  return { uid, resourceVersion: resource_version, hash };
}

function keyOf({ resource, namespace, name }: StorageKey): ObjectKey | undefined {
  try {
    return objectKey(resource, namespace, name);
  } catch (error) {
    if (error instanceof HawserError) return undefined;
    throw error;
  }
}

function sameKey(a: StorageKey, b: StorageKey): boolean {
  return a.resource === b.resource && a.namespace === b.namespace && a.name === b.name;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isObject(text: unknown): boolean {
  return parseObject(text) !== undefined;
}

function parseObject(text: unknown): JsonObject | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const value: JsonValue = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function prepare(db: Database) {
  return {
    next: db.prepare<[number], StoredRow>('SELECT * FROM objects WHERE id > ? ORDER BY id LIMIT 1'),
    byId: db.prepare<[number], StoredRow>('SELECT * FROM objects WHERE id = ?'),
    idOf: db.prepare<[string, string, string], { id: number }>(
      'SELECT id FROM objects WHERE resource = ? AND namespace = ? AND name = ?',
    ),
    rename: db.prepare<[string, string, string, number]>('UPDATE objects SET resource = ?, namespace = ?, name = ? WHERE id = ?'),
    writes: db.prepare<[number], StoredWrite>(
      'SELECT number, verb, subresource, uid, answered, answered_version, body FROM open_writes WHERE object = ?',
    ),
    dropWrites: db.prepare<[number]>('DELETE FROM open_writes WHERE object = ?'),
    dropOrphans: db.prepare<[]>('DELETE FROM open_writes WHERE object NOT IN (SELECT id FROM objects)'),
  };
}
