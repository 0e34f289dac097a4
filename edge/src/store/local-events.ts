import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { DroppedEventTable } from './dropped-events.ts';
import type { Flight } from './flight.ts';
import type { LossEvent } from './loss-event.ts';
import type { Objects } from './objects.ts';
import type { OutboxSize } from './outbox-size.ts';
import type { DropReason, StoreLimits } from './types.ts';

export interface LocalEventsParts {
  readonly db: Database;
  readonly objects: Objects;
  readonly flight: Flight;
  readonly size: OutboxSize;
  readonly dropped: DroppedEventTable;
  readonly loss: LossEvent;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'now'>;
  readonly limits: Pick<StoreLimits, 'events' | 'eventBytes' | 'eventAgeMs'>;
}

/** An Event of the device that the cloud has not been told of, or not of all. */
interface Waiting {
  readonly id: number;
  /** RFC 3339: of its newest write. */
  readonly time: string;
}

/** Before this a device's clock had not been set when it wrote: how old that is nobody knows. */
const CLOCK_WAS_SET = '2020';

/**
 * Keeps the Events that were made on the device within their bounds. First go those that the cloud has, then the oldest of the others,
 * with what was still to be told of them; these are counted. What is in flight stays, and so does the Event that tells of a loss.
 * Everything here runs within a transaction.
 */
export class LocalEvents {
  readonly #parts: LocalEventsParts;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(parts: LocalEventsParts) {
    this.#parts = parts;
    this.#statements = prepare(parts.db);
  }

  /** After a write of the Event in that row, which stays. */
  prune(written: number): void {
    this.dropOld();
    const { limits, size } = this.#parts;
    const count = () => this.#statements.count.get()?.events ?? 0;
    const bytes = () => size.events().waiting.bytes + size.events().told.bytes;
    const told = this.#statements.told.all(written, Math.max(0, count() - limits.events));
    for (const { id } of told) this.#remove(id);
    while (bytes() > limits.eventBytes) {
      const [oldest] = this.#statements.told.all(written, 1);
      if (oldest === undefined) break;
      this.#remove(oldest.id);
    }
    this.makeRoom(written, () => {
      if (count() > limits.events) return 'count';
      return bytes() > limits.eventBytes ? 'bytes' : undefined;
    });
  }

  /** Drops the oldest that wait, but not that one, until `over` says undefined or none is left. */
  makeRoom(spared: number, over: () => DropReason | undefined): void {
    let reason = over();
    for (const event of reason === undefined ? [] : this.#droppable(spared)) {
      if (reason === undefined) return;
      this.#drop(event, reason);
      reason = over();
    }
  }

  /** Drops what is older than its bound. */
  dropOld(): void {
    const cutoff = this.#cutoff();
    const events = this.hasOld() ? this.#droppable(undefined) : [];
    for (const event of events) if (isOlder(event, cutoff)) this.#drop(event, 'age');
  }

  /** Reads only, outside of a transaction too. */
  hasOld(): boolean {
    return this.#statements.older.get(this.#cutoff(), CLOCK_WAS_SET) !== undefined;
  }

  #cutoff(): string {
    const { clock, limits } = this.#parts;
    return new Date(clock.now().getTime() - limits.eventAgeMs).toISOString();
  }

  /** Oldest first: in the order of what was written last to each. */
  #droppable(spared: number | undefined): Waiting[] {
    const { flight, loss } = this.#parts;
    const telling = loss.object();
    const busy = flight.busy();
    return this.#statements.waiting.all().filter(({ id }) => id !== spared && id !== telling && !busy.has(id));
  }

  #drop({ id, time }: Waiting, reason: DropReason): void {
    const { dropped, logger } = this.#parts;
    this.#remove(id);
    dropped.add(reason, time);
    const total = dropped.all().total[reason];
    // Once per power of two: this happens for weeks or not at all.
    if ((total & (total - 1)) === 0) logger.warn({ reason, total }, 'events dropped');
  }

  #remove(id: number): void {
    const { objects, flight } = this.#parts;
    for (const { number } of objects.rows.byId(id).writes) {
      objects.rows.removeWrite(number);
      flight.ended(number);
    }
    objects.refresh(id);
  }
}

function isOlder({ time }: Waiting, cutoff: string): boolean {
  return time < cutoff && time >= CLOCK_WAS_SET;
}

function prepare(db: Database) {
  const local = `objects AS o WHERE o.resource IN ('events', 'events.k8s.io/events') AND o.uid IS NULL`;
  const waiting = 'SELECT 1 FROM open_writes AS w WHERE w.object = o.id AND w.answered = 0';
  return {
    count: db.prepare<[], { events: number }>(`SELECT count(*) AS events FROM ${local}`),
    told: db.prepare<[number, number], { id: number }>(
      `SELECT o.id FROM ${local} AND o.id <> ? AND NOT EXISTS (${waiting}) ORDER BY o.id LIMIT ?`,
    ),
    waiting: db.prepare<[], Waiting>(
      `SELECT o.id, max(w.number) AS newest, w.time FROM objects AS o JOIN open_writes AS w ON w.object = o.id
       WHERE o.resource IN ('events', 'events.k8s.io/events') AND o.uid IS NULL AND w.answered = 0
       GROUP BY o.id ORDER BY newest`,
    ),
    older: db.prepare<[string, string], { id: number }>(
      `SELECT o.id FROM ${local} AND EXISTS (${waiting} AND w.time < ? AND w.time >= ?) LIMIT 1`,
    ),
  };
}
