import type { Report, ReportOutcome } from '@hawser/protocol';
import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { StorageKey } from '../api/storage.ts';
import type { DroppedEventTable } from './dropped-events.ts';
import type { Flight } from './flight.ts';
import type { LocalEvents } from './local-events.ts';
import type { LossEvent } from './loss-event.ts';
import type { Objects } from './objects.ts';
import type { OutboxSize, Size } from './outbox-size.ts';
import { RefusalTable } from './refusals.ts';
import { reportOf } from './report.ts';
import { fold, nextProvisional, type OpenWrite, type Row, type WriteClass } from './row.ts';
import { about, isSealedResource, type SealedTexts } from './sealed-texts.ts';
import type { Transactions } from './transactions.ts';
import type { DroppedEvents, Outbox, Refusal, StoreLimits, WriteVerb } from './types.ts';
import { isEvent, writeClass } from './write-class.ts';

interface OutboxRecord {
  readonly number: number;
  readonly object: number;
  readonly class: WriteClass;
  readonly verb: WriteVerb;
  readonly subresource: string;
  readonly uid: string;
  readonly time: string;
  readonly body: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

export interface OutboxParts {
  readonly db: Database;
  readonly transactions: Transactions;
  readonly objects: Objects;
  readonly flight: Flight;
  readonly size: OutboxSize;
  readonly events: LocalEvents;
  readonly dropped: DroppedEventTable;
  readonly loss: LossEvent;
  readonly texts: SealedTexts;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'now'>;
  readonly limits: Pick<StoreLimits, 'refusals'>;
}

/** In place of the API server's words, which lie in the store as they are and go to status and outbox. */
const WITHHELD = '(not kept: it may quote the Secret)';

/** The open writes that have no answer. */
export class OutboxTable implements Outbox {
  readonly #parts: OutboxParts;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #refusals: RefusalTable;
  readonly #listeners = new Set<() => void>();
  /** The Node on which losses are told; undefined without a link. */
  #nodeName: string | undefined;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#statements = prepare(parts.db);
    this.#refusals = new RefusalTable(parts.db, parts.limits.refusals);
  }

  pending(limit: number, isHeld: (key: StorageKey) => boolean = () => false): Report[] {
    const { flight, texts } = this.#parts;
    const reports: Report[] = [];
    const busy = flight.busy();
    for (const statement of [this.#statements.waiting, this.#statements.waitingEvents]) {
      for (const stored of statement.iterate()) {
        if (reports.length >= limit) return reports;
        if (busy.has(stored.object)) continue;
        busy.add(stored.object);
        const record = { ...stored, body: texts.take(stored.body, about.write(stored.object)) };
        const { resource, namespace, name } = record;
        if (isHeld({ resource, namespace, name }) || this.#namesUnnamed(record)) continue;
        flight.begin(record.number, record.object);
        reports.push(reportOf({ resource, namespace, name }, record));
      }
    }
    return reports;
  }

  answer(number: number, outcome: ReportOutcome): void {
    const { flight, transactions, objects, loss } = this.#parts;
    if (outcome.type === 'unavailable') {
      flight.landed(number);
      return;
    }
    const take = () => {
      flight.ended(number);
      const id = objects.rows.objectOfWrite(number);
      const row = id === undefined ? undefined : objects.rows.byId(id);
      const write = row?.writes.find((other) => other.number === number);
      if (row === undefined || write?.answer.state !== 'waiting') return;
      if (outcome.type === 'applied') this.#applied(row, write, outcome);
      else this.#refused(row, write, outcome);
      if (this.#nodeName !== undefined) loss.tell(this.#nodeName);
      this.changed();
    };
    // A store in memory sends its outbox once, and the one that is opened when there is room sends it again.
    transactions.run(take, { evenRefusing: true });
  }

  welcomed(nodeName: string): void {
    const { transactions, events, loss } = this.#parts;
    this.#nodeName = nodeName;
    // A reconnect at which nothing was lost costs no write.
    if (!events.hasOld() && !loss.isDue()) return;
    transactions.run(() => {
      events.dropOld();
      loss.tell(nodeName);
      this.changed();
    });
  }

  release(): void {
    this.#nodeName = undefined;
    this.#parts.flight.allLanded();
    this.#notify();
  }

  count(): number {
    return this.size().entries;
  }

  oldest(): string | undefined {
    return this.#statements.oldest.get()?.time;
  }

  size(): Size {
    return this.#parts.size.waiting();
  }

  byResource(most: number): readonly { readonly resource: string; readonly entries: number }[] {
    return this.#statements.byResource.all(most);
  }

  dropped(): DroppedEvents {
    return this.#parts.dropped.all();
  }

  onEntry(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  refusals(): readonly Refusal[] {
    return this.#refusals.newestFirst();
  }

  /** Within a transaction: something may have become pending. */
  changed(): void {
    this.#parts.transactions.afterCommit(() => this.#notify());
  }

  /** The patch of that subresource that may still take up another one: not on its way, and nothing but patches after it. */
  openPatch(row: Row, subresource: string, uid: string): OpenWrite | undefined {
    const lastOther = row.writes.findLastIndex(({ verb }) => verb !== 'patch');
    return row.writes
      .slice(lastOther + 1)
      .findLast((write) => this.#mayChange(write) && write.subresource === subresource && write.uid === uid);
  }

  /** The first half of a graceful delete, where it is not on its way. */
  openMark(row: Row, uid: string): OpenWrite | undefined {
    return row.writes.findLast((write) => write.verb === 'mark' && this.#mayChange(write) && write.uid === uid);
  }

  /** The create of that object, where the cloud cannot have heard of it. */
  unsentCreate(row: Row, uid: string): OpenWrite | undefined {
    // The cloud has one of that name, and this one has become it.
    if (row.cloud?.version.uid === uid) return undefined;
    return row.writes.find(
      (write) =>
        write.verb === 'create' &&
        write.uid === uid &&
        write.answer.state === 'waiting' &&
        !this.#parts.flight.mayHaveArrived(write.number),
    );
  }

  #namesUnnamed({ number, body }: OutboxRecord): boolean {
    return this.#statements.unnamedBefore.all(number).some(({ uid }) => body.includes(JSON.stringify(uid)));
  }

  #mayChange(write: OpenWrite): boolean {
    return write.answer.state === 'waiting' && !this.#parts.flight.isInFlight(write.number);
  }

  #applied(row: Row, write: OpenWrite, { uid, resourceVersion }: Extract<ReportOutcome, { type: 'applied' }>): void {
    const { objects } = this.#parts;
    objects.rows.setAnswered(write.number, resourceVersion);
    if (write.verb === 'create') {
      this.#named(row, write);
      this.#notGone(row, uid);
      if (write.uid !== uid) objects.replaceUid(write.uid, uid);
    }
    if (write.verb !== 'create' || write.uid === uid) objects.refresh(row.id, 'renamed');
  }

  /** The cloud has found the very object that the device has taken back without telling it: it was never gone. */
  #notGone(row: Row, uid: string): void {
    for (const other of row.writes)
      if (other.class === 'local' && other.uid === uid) this.#parts.objects.rows.removeWrite(other.number);
  }

  #refused(row: Row, write: OpenWrite, outcome: Extract<ReportOutcome, { type: 'refused' }>): void {
    const { objects, logger, clock } = this.#parts;
    const { number, verb, subresource } = write;
    const { code, reason } = outcome;
    const message = isSealedResource(row.key.resource) ? WITHHELD : outcome.message;
    if (wasDoneBefore(row, write, code)) {
      objects.rows.setAnswered(number, undefined);
      this.#named(row, write);
    } else if (isOfLostEvent(row, write, code)) {
      this.#makeAnew(row, write);
    } else {
      this.#refusals.add({ number, key: row.key, verb, subresource, code, reason, message, time: clock.now().toISOString() });
      logger.warn({ ...row.key, number, verb, subresource, code, reason }, 'report refused');
      this.#forget(row, write);
    }
    objects.refresh(row.id);
  }

  /** What the device says of it, all in one. The uid was the lost one's, and stands for that of the next until it has its own. */
  #makeAnew(row: Row, { uid, time }: OpenWrite): void {
    const { flight, objects } = this.#parts;
    const body = JSON.stringify(fold(row.cloud, row.writes));
    for (const { number } of row.writes) {
      objects.rows.removeWrite(number);
      flight.ended(number);
    }
    objects.rows.addWrite(row, {
      class: writeClass(row.key.resource, 'create'),
      verb: 'create',
      subresource: '',
      uid,
      time,
      body,
    });
    objects.rows.setProvisionalUid(row.id, uid);
  }

  /** What was not created has no later writes either. */
  #forget(row: Row, write: OpenWrite): void {
    const { flight, objects } = this.#parts;
    const { rows } = objects;
    if (write.verb !== 'create') {
      rows.removeWrite(write.number);
      return;
    }
    this.#named(row, write);
    const taken = row.cloud?.version.uid === write.uid;
    for (const other of row.writes) {
      if (other !== write && (taken || other.uid !== write.uid)) continue;
      rows.removeWrite(other.number);
      flight.ended(other.number);
    }
  }

  /** The create has its answer, and its object a uid or none: the next one may wait for its own. */
  #named(row: Row, { uid }: OpenWrite): void {
    if (row.provisionalUid !== uid) return;
    this.#parts.objects.rows.setProvisionalUid(row.id, nextProvisional(row.writes, uid));
  }

  #notify(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (err) {
        // What was written is on disk, and the writer is not to blame.
        this.#parts.logger.error({ err }, 'outbox listener failed');
      }
    }
  }
}

/**
 * A delete finds the object gone (404) or another in its place (409): that is what it wanted. An event's name is never used
 * twice, so one that exists (409) was delivered before, and the answer was lost.
 */
function wasDoneBefore({ key }: Row, { verb }: OpenWrite, code: number): boolean {
  if (verb === 'create') return code === 409 && isEvent(key.resource);
  return (verb === 'delete' || verb === 'mark') && (code === 404 || code === 409);
}

/**
 * What is counted up is not in the cluster, or is another one of that name: a cluster forgets an Event after an hour, and may have been
 * restored to before it. Whoever counts up on the device learns nothing of that.
 */
function isOfLostEvent({ key }: Row, { verb }: OpenWrite, code: number): boolean {
  return isEvent(key.resource) && verb === 'patch' && (code === 404 || code === 409);
}

function prepare(db: Database) {
  // A status is worth more than what happened on the way to it.
  const waiting = (isEvent: 'IN' | 'NOT IN') =>
    `SELECT w.number, w.object, w.class, w.verb, w.subresource, w.uid, w.time, w.body, o.resource, o.namespace, o.name
     FROM open_writes AS w INDEXED BY open_writes_waiting CROSS JOIN objects AS o ON o.id = w.object
     WHERE w.answered = 0 AND w.class <> 'local' AND o.resource ${isEvent} ('events', 'events.k8s.io/events') ORDER BY w.number`;
  return {
    waiting: db.prepare<[], OutboxRecord>(waiting('NOT IN')),
    oldest: db.prepare<[], { time: string }>(
      `SELECT time FROM open_writes INDEXED BY open_writes_waiting WHERE answered = 0 AND class <> 'local' ORDER BY number LIMIT 1`,
    ),
    waitingEvents: db.prepare<[], OutboxRecord>(waiting('IN')),
    byResource: db.prepare<[number], { resource: string; entries: number }>(
      `SELECT o.resource, count(*) AS entries FROM open_writes AS w INDEXED BY open_writes_waiting
       CROSS JOIN objects AS o ON o.id = w.object
       WHERE w.answered = 0 AND w.class <> 'local' GROUP BY o.resource ORDER BY entries DESC, o.resource LIMIT ?`,
    ),
    // Older ones only are waited for, so that two that name each other do not wait for ever. Nothing names an event.
    unnamedBefore: db.prepare<[number], { uid: string }>(
      `SELECT w.uid FROM open_writes AS w INDEXED BY open_writes_creates CROSS JOIN objects AS o ON o.id = w.object
       WHERE w.answered = 0 AND w.class <> 'local' AND w.verb = 'create' AND w.number < ?
       AND o.resource NOT IN ('events', 'events.k8s.io/events')`,
    ),
  };
}
