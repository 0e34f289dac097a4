import { HawserError, type JsonObject, jsonEquals, type KubeObject } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { Clock } from '../api/clock.ts';
import { compareKeys, type ItemKey } from '../api/keys.ts';
import {
  type Change,
  ConflictError,
  type CreateWrite,
  type DeleteWrite,
  ExistsError,
  type Held,
  type JoinedForm,
  type KeyRange,
  MissingError,
  type Storage,
  type StorageKey,
  type UpdateWrite,
  type Write,
} from '../api/storage.ts';
import { type ChangeLog, parseServed, servedText } from './change-log.ts';
import type { Flight } from './flight.ts';
import { JoinedTexts } from './joined-texts.ts';
import type { LocalEvents } from './local-events.ts';
import type { Objects } from './objects.ts';
import type { OutboxTable } from './outbox.ts';
import type { OutboxRoom } from './outbox-room.ts';
import { differenceOf, marksDeletion, patchOf, restatementOf, toStored } from './patches.ts';
import { applyPatch, fold, nextProvisional, type OpenWrite, type Row, uidOf } from './row.ts';
import { about, type SealedTexts } from './sealed-texts.ts';
import { parseStored } from './stored-json.ts';
import type { Subscribers } from './subscribers.ts';
import type { Transactions } from './transactions.ts';
import { isEvent, writeClass } from './write-class.ts';

export interface StorageParts {
  readonly db: Database;
  readonly transactions: Transactions;
  readonly objects: Objects;
  readonly log: ChangeLog;
  readonly outbox: OutboxTable;
  readonly room: OutboxRoom;
  readonly flight: Flight;
  readonly events: LocalEvents;
  readonly subscribers: Subscribers;
  readonly texts: SealedTexts;
  readonly clock: Pick<Clock, 'now'>;
}

interface ServedRecord {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly object: string;
}

/** The local API's Storage over the database. A write becomes an open write; what is served follows from it as from a batch. */
export class SqliteStorage implements Storage {
  readonly #parts: StorageParts;
  readonly #list: ReturnType<typeof prepareList>;
  readonly #joined: JoinedTexts;

  constructor(parts: StorageParts) {
    this.#parts = parts;
    this.#list = prepareList(parts.db);
    this.#joined = new JoinedTexts(parts.db);
  }

  revision(): number {
    return this.#parts.log.revision;
  }

  compactedRevision(): number {
    return this.#parts.log.compactedRevision;
  }

  get(key: StorageKey): KubeObject | undefined {
    const record = this.#list.one.get(key.resource, key.namespace, key.name);
    return record && this.#read(record);
  }

  list(resource: string, namespace?: string): KubeObject[] {
    return this.#records(resource, namespace).map((record) => this.#read(record));
  }

  held(resource: string, namespace: string | undefined, name: string | undefined): Held[] {
    if (name === undefined) return this.#records(resource, namespace).map((record) => this.#held(record));
    if (namespace === undefined) return this.#list.named.all(resource, name).map((record) => this.#held(record));
    const record = this.#list.one.get(resource, namespace, name);
    return record === undefined ? [] : [this.#held(record)];
  }

  joined(resource: string, namespace: string | undefined, form: JoinedForm, range: KeyRange = {}): Uint8Array | undefined {
    return this.#joined.of(resource, namespace, form, range);
  }

  keyAt(resource: string, namespace: string | undefined, position: number): ItemKey | undefined {
    return this.#joined.keyAt(resource, namespace, position);
  }

  listAt(resource: string, revision: number, namespace?: string): KubeObject[] {
    const undone = this.changesAfter(resource, revision).filter(
      ({ key }) => namespace === undefined || key.namespace === namespace,
    );
    if (undone.length === 0) return this.list(resource, namespace);
    const past = new Map<string, { key: ItemKey; object: KubeObject }>();
    for (const record of this.#records(resource, namespace)) {
      past.set(`${record.namespace}/${record.name}`, { key: record, object: this.#read(record) });
    }
    for (const { key, previous } of undone.reverse()) {
      const id = `${key.namespace}/${key.name}`;
      if (previous === undefined) past.delete(id);
      else past.set(id, { key, object: previous });
    }
    return [...past.values()].sort((a, b) => compareKeys(a.key, b.key)).map(({ object }) => object);
  }

  changesAfter(resource: string, after: number): Change[] {
    return this.#parts.log.after(resource, after);
  }

  subscribe(resource: string, listener: (change: Change) => void): () => void {
    return this.#parts.subscribers.subscribe(resource, listener);
  }

  subscribeRevision(listener: (revision: number) => void): () => void {
    return this.#parts.subscribers.subscribeRevision(listener);
  }

  commit(write: Write): KubeObject {
    return this.#parts.transactions.run(() => {
      if (write.type === 'create') return this.#create(write);
      const row = this.#served(write.key, write.expectedRevision);
      return write.type === 'update' ? this.#update(row, write) : this.#delete(row, write);
    });
  }

  #create({ key, object }: CreateWrite): KubeObject {
    const { objects, events, outbox } = this.#parts;
    if (this.get(key) !== undefined) throw new ExistsError(`${nameOf(key)} exists already`);
    const { uid } = object.metadata;
    if (uid === undefined) throw new HawserError('malformed_object', `${nameOf(key)} has no uid`);
    const row = objects.rows.ensure(key);
    this.#write(row, { verb: 'create', subresource: '', uid, body: JSON.stringify(toStored(object)) });
    if (row.provisionalUid === undefined) objects.rows.setProvisionalUid(row.id, uid);
    const change = objects.refresh(row.id);
    if (isEvent(key.resource)) events.prune(row.id);
    outbox.changed();
    return this.#answer(row, change);
  }

  #update(row: Row, { object, subresource, intent }: UpdateWrite): KubeObject {
    const { objects, events, outbox } = this.#parts;
    const after = toStored(object);
    const before = fold(row.cloud, row.writes);
    if (before !== undefined && jsonEquals(before, after)) return this.#answer(row, undefined);
    const uid = before === undefined ? undefined : uidOf(before);
    if (before === undefined || uid === undefined) throw nothingToServe(row.key);
    if (marksDeletion(before, after)) this.#mark(row, uid, before, after);
    else if (subresource !== '' || !this.#amend(row, uid, before, after)) this.#patch(row, uid, after, subresource, intent);
    const change = objects.refresh(row.id);
    if (isEvent(row.key.resource)) events.prune(row.id);
    outbox.changed();
    return this.#answer(row, change);
  }

  #mark(row: Row, uid: string, before: JsonObject, after: JsonObject): void {
    const patch = differenceOf(before, after) ?? {};
    this.#write(row, { verb: 'mark', subresource: '', uid, body: JSON.stringify(patch) });
  }

  /**
   * A create that was never sent takes up what is written to its object after it, where a create carries that: all but what goes
   * through a subresource. @returns whether it could
   */
  #amend(row: Row, uid: string, before: JsonObject, after: JsonObject): boolean {
    const { objects, outbox, room } = this.#parts;
    const create = outbox.unsentCreate(row, uid);
    const change = create && differenceOf(before, after);
    if (create === undefined || change === undefined) return false;
    const amended: OpenWrite = { ...create, body: JSON.stringify(applyPatch(parseStored(create.body), change)) };
    const writes = row.writes.map((write) => (write === create ? amended : write));
    if (!jsonEquals(fold(row.cloud, writes), after)) return false;
    if (isEvent(row.key.resource) && row.writes.at(-1) === create) {
      // One that is counted up is news, and no other write names it.
      objects.rows.removeWrite(create.number);
      this.#write(row, { verb: 'create', subresource: '', uid, body: amended.body });
    } else {
      room.require({ entries: 0, bytes: bytesOf(amended.body) - bytesOf(create.body) }, row.id);
      objects.rows.setBody(row, create.number, amended.body);
    }
    return true;
  }

  /** What waits and was written to the same subresource takes up the write. */
  #patch(row: Row, uid: string, after: JsonObject, subresource: string, intent: UpdateWrite['intent']): void {
    const { objects, outbox, flight } = this.#parts;
    const open = outbox.openPatch(row, subresource, uid);
    const base = fold(
      row.cloud,
      row.writes.filter((write) => write !== open),
    );
    if (base === undefined) throw nothingToServe(row.key);
    if (open === undefined) {
      const patch = patchOf(base, after, intent);
      if (patch !== undefined) this.#write(row, { verb: 'patch', subresource, uid, body: JSON.stringify(patch) });
      return;
    }
    // What the cloud may have already cannot be unsaid by leaving it out. And a body that stands in for one that was damaged or refused is
    // what was served: it may show what was written.
    const patch =
      flight.mayHaveArrived(open.number) || row.cloud?.refused !== undefined
        ? restatementOf(base, after, parseStored(open.body))
        : differenceOf(base, after);
    objects.rows.removeWrite(open.number);
    flight.ended(open.number);
    if (patch === undefined) return;
    const number = this.#write(row, { verb: 'patch', subresource, uid, body: JSON.stringify(patch), time: open.time });
    flight.inherit(number, open.number);
  }

  #delete(row: Row, { expectedUid, gracePeriodSeconds }: DeleteWrite): KubeObject {
    const { objects, outbox, flight, log } = this.#parts;
    const { uid } = (row.revision === undefined ? undefined : log.served(row.revision))?.metadata ?? {};
    if (uid !== expectedUid) throw new ConflictError(`${nameOf(row.key)} has another uid: ${uid}`);
    if (outbox.unsentCreate(row, expectedUid) !== undefined) {
      this.#forget(row, expectedUid);
    } else {
      // The last word on the object takes the place of the first half of its delete.
      const mark = outbox.openMark(row, expectedUid);
      if (mark !== undefined) {
        objects.rows.removeWrite(mark.number);
        flight.ended(mark.number);
      }
      this.#write(row, { verb: 'delete', subresource: '', uid: expectedUid, body: JSON.stringify({ gracePeriodSeconds }) });
    }
    const change = objects.refresh(row.id);
    outbox.changed();
    return this.#answer(row, change);
  }

  /** The cloud has never heard of that object, and does not have to. */
  #forget(row: Row, uid: string): void {
    const { rows } = this.#parts.objects;
    for (const write of row.writes) if (write.uid === uid) rows.removeWrite(write.number);
    const left = row.writes.filter((write) => write.uid !== uid);
    if (row.provisionalUid === uid) rows.setProvisionalUid(row.id, nextProvisional(left, uid));
  }

  /** @throws HawserError `too_large` @returns the number */
  #write(row: Row, { verb, subresource, uid, body, time }: NewEntry): number {
    const { objects, room, clock } = this.#parts;
    const kind = writeClass(row.key.resource, verb);
    if (kind !== 'local') room.require({ entries: 1, bytes: bytesOf(body) }, row.id);
    return objects.rows.addWrite(row, {
      class: kind,
      verb,
      subresource,
      uid,
      body,
      time: time ?? clock.now().toISOString(),
    });
  }

  /** @throws MissingError, ConflictError */
  #served(key: StorageKey, expectedRevision: number): Row {
    const row = this.#parts.objects.rows.find(key);
    if (row?.revision === undefined) throw new MissingError(`${nameOf(key)} does not exist`);
    if (row.revision !== expectedRevision)
      throw new ConflictError(`${nameOf(key)} is at ${row.revision}, not at ${expectedRevision}`);
    return row;
  }

  #answer(row: Row, change: Change | undefined): KubeObject {
    const object = change?.object ?? (row.revision === undefined ? undefined : this.#parts.log.served(row.revision));
    if (object === undefined) throw nothingToServe(row.key);
    return object;
  }

  #read(record: ServedRecord): KubeObject {
    return parseServed(this.#text(record), record.revision);
  }

  #held(record: ServedRecord): Held {
    const text = this.#text(record);
    const { namespace, name, revision } = record;
    return {
      ...{ namespace, name, json: servedText(text, revision) },
      get object() {
        return parseServed(text, revision);
      },
    };
  }

  #text({ object, revision }: ServedRecord): string {
    return this.#parts.texts.take(object, about.change(revision));
  }

  #records(resource: string, namespace: string | undefined): ServedRecord[] {
    return namespace === undefined ? this.#list.all.all(resource) : this.#list.inNamespace.all(resource, namespace);
  }
}

type NewEntry = Pick<OpenWrite, 'verb' | 'subresource' | 'uid' | 'body'> & Partial<Pick<OpenWrite, 'time'>>;

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

function nameOf({ resource, namespace, name }: StorageKey): string {
  return `${resource} ${namespace}/${name}`;
}

function nothingToServe(key: StorageKey): HawserError {
  return new HawserError('store_damaged', `${nameOf(key)} is served, but there is nothing that it follows from`);
}

function prepareList(db: Database) {
  const served = `SELECT o.namespace, o.name, o.revision, c.object FROM objects AS o JOIN changes AS c ON c.revision = o.revision
    WHERE o.resource = ?`;
  return {
    one: db.prepare<[string, string, string], ServedRecord>(`${served} AND o.namespace = ? AND o.name = ?`),
    named: db.prepare<[string, string], ServedRecord>(`${served} AND o.name = ? ORDER BY o.namespace`),
    all: db.prepare<[string], ServedRecord>(`${served} ORDER BY o.namespace, o.name`),
    inNamespace: db.prepare<[string, string], ServedRecord>(`${served} AND o.namespace = ? ORDER BY o.name`),
  };
}
