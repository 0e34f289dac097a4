import { HawserError } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { StorageKey } from '../api/storage.ts';
import type { CloudObject, OpenWrite, Row, WriteClass } from './row.ts';
import { about, type SealedTexts } from './sealed-texts.ts';
import type { WriteVerb } from './types.ts';

interface ObjectRecord {
  readonly id: number;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | null;
  readonly resource_version: string | null;
  readonly hash: string | null;
  readonly refused: string | null;
  readonly provisional_uid: string | null;
  readonly revision: number | null;
  readonly body: string | null;
}

interface WriteRecord {
  readonly number: number;
  readonly object: number;
  readonly class: WriteClass;
  readonly verb: WriteVerb;
  readonly subresource: string;
  readonly uid: string;
  readonly time: string;
  readonly answered: number;
  readonly answered_version: string | null;
  readonly body: string;
}

/** Of a write that was answered before the cluster was restored: no object has a lower version. */
const OUTDATED = '0';

/** What is known of a row wherever something is written to it. */
type RowName = Pick<Row, 'id' | 'key'>;

/** A write that has no number yet. */
export type NewWrite = Omit<OpenWrite, 'number' | 'answer'>;

/** Rows and their open writes in the tables `objects` and `open_writes`. Keeps nothing in memory. */
export class RowTable {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #texts: SealedTexts;

  constructor(db: Database, texts: SealedTexts) {
    this.#statements = prepare(db);
    this.#texts = texts;
  }

  find({ resource, namespace, name }: StorageKey): Row | undefined {
    const record = this.#statements.byKey.get(resource, namespace, name);
    return record === undefined ? undefined : this.#row(record);
  }

  byId(id: number): Row {
    const record = this.#statements.byId.get(id);
    if (record === undefined) throw new HawserError('store_damaged', `there is no object ${id}`);
    return this.#row(record);
  }

  /** The row of that key, made if it is missing. */
  ensure(key: StorageKey): Row {
    const row = this.find(key);
    if (row !== undefined) return row;
    const { lastInsertRowid } = this.#statements.insert.run(key.resource, key.namespace, key.name);
    return { id: Number(lastInsertRowid), key, cloud: undefined, provisionalUid: undefined, writes: [], revision: undefined };
  }

  setCloud({ id, key }: RowName, cloud: CloudObject | undefined): void {
    const { version, body } = cloud ?? {};
    this.#statements.setCloud.run(
      version?.uid ?? null,
      version?.resourceVersion ?? null,
      version?.hash ?? null,
      cloud?.refused ?? null,
      body === undefined ? null : this.#texts.put(key.resource, body, about.object(id)),
      id,
    );
  }

  /** Leaves the body alone, which may be large. */
  setResourceVersion(id: number, resourceVersion: string): void {
    this.#statements.setResourceVersion.run(resourceVersion, id);
  }

  setProvisionalUid(id: number, uid: string | undefined): void {
    this.#statements.setProvisionalUid.run(uid ?? null, id);
  }

  setRevision(id: number, revision: number | undefined): void {
    this.#statements.setRevision.run(revision ?? null, id);
  }

  remove(id: number): void {
    this.#statements.remove.run(id);
  }

  addWrite({ id, key }: RowName, write: NewWrite): number {
    const { class: writeClass, verb, subresource, uid, time } = write;
    const body = this.#texts.put(key.resource, write.body, about.write(id));
    return Number(this.#statements.addWrite.run(id, writeClass, verb, subresource, uid, time, body).lastInsertRowid);
  }

  /** The object that the write of that number belongs to, as long as it is open. */
  objectOfWrite(number: number): number | undefined {
    return this.#statements.objectOfWrite.get(number)?.object;
  }

  /** The same, only while it has no answer. */
  waitingObjectOf(number: number): number | undefined {
    return this.#statements.waitingObjectOf.get(number)?.object;
  }

  setAnswered(number: number, resourceVersion: string | undefined): void {
    this.#statements.setAnswered.run(resourceVersion ?? null, number);
  }

  /** The answers of all writes name a version that every later one is past. */
  outdateAnswers(): void {
    this.#statements.outdateAnswers.run(OUTDATED);
  }

  /**
   * Removes the writes whose answers are outdated; events, which the cloud does not send, are only here and stay.
   * @returns the objects that they belonged to
   */
  removeOutdated(): number[] {
    const objects = this.#statements.outdated.all(OUTDATED).map(({ object }) => object);
    this.#statements.removeOutdated.run(OUTDATED);
    return objects;
  }

  setBody({ id, key }: RowName, number: number, body: string): void {
    this.#statements.setBody.run(this.#texts.put(key.resource, body, about.write(id)), number);
  }

  removeWrite(number: number): void {
    this.#statements.removeWrite.run(number);
  }

  /** Puts one uid in the place of another in every open write. @returns the objects whose writes named it */
  replaceUid(from: string, to: string): number[] {
    const before = JSON.stringify(from);
    const touched = this.#statements.mayName
      .all(from, before)
      .map(({ body, ...write }) => ({ ...write, body: this.#texts.take(body, about.write(write.object)) }))
      .filter(({ uid, body }) => uid === from || body.includes(before));
    for (const { number, object, resource, uid, body } of touched) {
      const named = body.replaceAll(before, () => JSON.stringify(to));
      this.#statements.setUid.run(uid === from ? to : uid, this.#texts.put(resource, named, about.write(object)), number);
    }
    return [...new Set(touched.map(({ object }) => object))];
  }

  #row(record: ObjectRecord): Row {
    const { id, resource, namespace, name } = record;
    return {
      id,
      key: { resource, namespace, name },
      cloud: cloudOf({ ...record, body: this.#texts.takeOptional(record.body, about.object(id)) }),
      provisionalUid: record.provisional_uid ?? undefined,
      writes: this.#statements.writes
        .all(id)
        .map((write) => writeOf({ ...write, body: this.#texts.take(write.body, about.write(id)) })),
      revision: record.revision ?? undefined,
    };
  }
}

function cloudOf({ uid, resource_version, hash, body, refused }: ObjectRecord): CloudObject | undefined {
  if (uid === null || resource_version === null || hash === null) return undefined;
  return { version: { uid, resourceVersion: resource_version, hash }, body: body ?? undefined, refused: refused ?? undefined };
}

function writeOf({ answered, answered_version, object: _object, ...write }: WriteRecord): OpenWrite {
  const answer: OpenWrite['answer'] =
    answered === 0 ? { state: 'waiting' } : { state: 'applied', resourceVersion: answered_version ?? undefined };
  return { ...write, answer };
}

const OUTDATED_WRITES = `FROM open_writes AS w JOIN objects AS o ON o.id = w.object
  WHERE w.answered = 1 AND w.answered_version = ? AND o.resource NOT IN ('events', 'events.k8s.io/events')`;

function prepare(db: Database) {
  return {
    byKey: db.prepare<[string, string, string], ObjectRecord>(
      'SELECT * FROM objects WHERE resource = ? AND namespace = ? AND name = ?',
    ),
    byId: db.prepare<[number], ObjectRecord>('SELECT * FROM objects WHERE id = ?'),
    insert: db.prepare<[string, string, string]>('INSERT INTO objects (resource, namespace, name) VALUES (?, ?, ?)'),
    setCloud: db.prepare<[string | null, string | null, string | null, string | null, string | null, number]>(
      'UPDATE objects SET uid = ?, resource_version = ?, hash = ?, refused = ?, body = ? WHERE id = ?',
    ),
    setResourceVersion: db.prepare<[string, number]>('UPDATE objects SET resource_version = ? WHERE id = ?'),
    setProvisionalUid: db.prepare<[string | null, number]>('UPDATE objects SET provisional_uid = ? WHERE id = ?'),
    setRevision: db.prepare<[number | null, number]>('UPDATE objects SET revision = ? WHERE id = ?'),
    remove: db.prepare<[number]>('DELETE FROM objects WHERE id = ?'),
    writes: db.prepare<[number], WriteRecord>('SELECT * FROM open_writes WHERE object = ? ORDER BY number'),
    addWrite: db.prepare<[number, WriteClass, WriteVerb, string, string, string, string]>(
      'INSERT INTO open_writes (object, class, verb, subresource, uid, time, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    objectOfWrite: db.prepare<[number], { object: number }>('SELECT object FROM open_writes WHERE number = ?'),
    waitingObjectOf: db.prepare<[number], { object: number }>('SELECT object FROM open_writes WHERE number = ? AND answered = 0'),
    setAnswered: db.prepare<[string | null, number]>(
      'UPDATE open_writes SET answered = 1, answered_version = ? WHERE number = ?',
    ),
    outdateAnswers: db.prepare<[string]>("UPDATE open_writes SET answered_version = ? WHERE answered = 1 AND class <> 'local'"),
    outdated: db.prepare<[string], { object: number }>(`SELECT DISTINCT w.object ${OUTDATED_WRITES}`),
    removeOutdated: db.prepare<[string]>(`DELETE FROM open_writes WHERE number IN (SELECT w.number ${OUTDATED_WRITES})`),
    setBody: db.prepare<[string, number]>('UPDATE open_writes SET body = ? WHERE number = ?'),
    setUid: db.prepare<[string, string, number]>('UPDATE open_writes SET uid = ?, body = ? WHERE number = ?'),
    removeWrite: db.prepare<[number]>('DELETE FROM open_writes WHERE number = ?'),
    // What is sealed shows what it names only to who opens it.
    mayName: db.prepare<[string, string], { number: number; object: number; resource: string; uid: string; body: string }>(
      `SELECT w.number, w.object, o.resource, w.uid, w.body FROM open_writes AS w JOIN objects AS o ON o.id = w.object
       WHERE w.uid = ? OR instr(w.body, ?) > 0 OR substr(w.body, 1, 1) <> '{'`,
    ),
  };
}
