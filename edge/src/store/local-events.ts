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
    const { limits, size } = this.#parts;
    const over = (): DropReason | undefined => {
      const { waiting, told } = size.events();
      if ((this.#statements.count.get()?.events ?? 0) > limits.events) return 'count';
      return waiting.bytes + told.bytes > limits.eventBytes ? 'bytes' : undefined;
    };
    while (size.events().told.entries > 0 && over() !== undefined) {
      const told = this.#statements.told.get(written);
      if (told === undefined) break;
      this.#remove(told.id);
    }
    this.makeRoom(written, (oldest) => over() ?? (isOlder(oldest, this.#cutoff()) ? 'age' : undefined));
  }

  /** Drops the oldest that waits, but not that one, as long as `over` says why. */
  makeRoom(spared: number, over: (oldest: Waiting) => DropReason | undefined): void {
    for (;;) {
      const oldest = this.#oldest(spared);
      const reason = oldest && over(oldest);
      if (oldest === undefined || reason === undefined) return;
      this.#drop(oldest, reason);
    }
  }

  /** Drops what has waited too long, wherever it stands. */
  dropOld(): void {
    const { flight, loss } = this.#parts;
    const busy = flight.busy();
    for (const event of this.#statements.older.all(this.#cutoff(), CLOCK_WAS_SET)) {
      if (event.id !== loss.object() && !busy.has(event.id)) this.#drop(event, 'age');
    }
  }

  /** Reads only, outside of a transaction too. */
  hasOld(): boolean {
    return this.#statements.older.get(this.#cutoff(), CLOCK_WAS_SET) !== undefined;
  }

  #cutoff(): string {
    const { clock, limits } = this.#parts;
    return new Date(clock.now().getTime() - limits.eventAgeMs).toISOString();
  }

  /** By what was written last to each. */
  #oldest(spared: number): Waiting | undefined {
    const { flight, loss } = this.#parts;
    const kept = flight.busy().add(spared);
    const telling = loss.object();
    if (telling !== undefined) kept.add(telling);
    return this.#statements.oldest.all(kept.size + 1).find(({ id }) => !kept.has(id));
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
  const local = "o.resource IN ('events', 'events.k8s.io/events') AND o.uid IS NULL";
  const isNewest = `NOT EXISTS (
    SELECT 1 FROM open_writes AS later WHERE later.object = w.object AND later.number > w.number AND later.answered = 0)`;
  const waiting = `FROM open_writes AS w INDEXED BY open_writes_waiting CROSS JOIN objects AS o ON o.id = w.object
    WHERE w.answered = 0 AND w.class <> 'local' AND ${local} AND ${isNewest}`;
  return {
    count: db.prepare<[], { events: number }>(
      `SELECT count(*) AS events FROM objects AS o INDEXED BY objects_local_events WHERE ${local}`,
    ),
    told: db.prepare<[number], { id: number }>(
      `SELECT o.id FROM objects AS o INDEXED BY objects_local_events WHERE ${local} AND o.id <> ?
       AND NOT EXISTS (SELECT 1 FROM open_writes AS w WHERE w.object = o.id AND w.answered = 0) ORDER BY o.id LIMIT 1`,
    ),
    oldest: db.prepare<[number], Waiting>(`SELECT o.id, w.time ${waiting} ORDER BY w.number LIMIT ?`),
    older: db.prepare<[string, string], Waiting>(
      `SELECT o.id, w.time ${waiting} AND w.time < ? AND w.time >= ? ORDER BY w.number`,
    ),
  };
}
