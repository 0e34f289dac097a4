import type { Database } from 'better-sqlite3';
import type { DroppedEvents, DropReason } from './types.ts';

interface DroppedRecord {
  readonly reason: DropReason;
  readonly total: number;
  readonly untold: number;
  readonly since: string | null;
}

/** What was lost since the last time that the cloud was told of it. */
export interface UntoldLoss {
  readonly count: number;
  readonly byReason: Readonly<Record<DropReason, number>>;
  /** RFC 3339: when the oldest of them was made; undefined where an older agent did not note it. */
  readonly since: string | undefined;
}

/** Events that went before the cloud had them, by the bound that they were over. */
export class DroppedEventTable {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database) {
    this.#statements = prepare(db);
  }

  /** Within a transaction. @param madeAt RFC 3339, of the Event that went */
  add(reason: DropReason, madeAt: string): void {
    this.#statements.add.run(reason, madeAt, madeAt);
  }

  all(): DroppedEvents {
    const records = this.#statements.all.all();
    return { total: byReason(records, ({ total }) => total), untold: this.untold()?.count ?? 0 };
  }

  /** Undefined when the cloud knows of all. */
  untold(): UntoldLoss | undefined {
    const records = this.#statements.all.all();
    const counts = byReason(records, ({ untold }) => untold);
    const count = counts.count + counts.bytes + counts.age;
    if (count === 0) return undefined;
    const times = records.flatMap(({ untold, since }) => (untold > 0 && since !== null ? [since] : [])).sort();
    return { count, byReason: counts, since: times[0] };
  }

  /** Within the transaction that puts the telling of it into the outbox. */
  told(): void {
    this.#statements.told.run();
  }
}

function byReason(records: readonly DroppedRecord[], read: (record: DroppedRecord) => number): Record<DropReason, number> {
  const counts: Record<DropReason, number> = { count: 0, bytes: 0, age: 0 };
  for (const record of records) counts[record.reason] += read(record);
  return counts;
}

function prepare(db: Database) {
  return {
    add: db.prepare<[DropReason, string, string]>(
      `INSERT INTO dropped_events (reason, total, untold, since) VALUES (?, 1, 1, ?)
       ON CONFLICT (reason) DO UPDATE SET total = total + 1, untold = untold + 1, since = min(coalesce(since, ?), excluded.since)`,
    ),
    all: db.prepare<[], DroppedRecord>('SELECT reason, total, untold, since FROM dropped_events'),
    told: db.prepare<[]>('UPDATE dropped_events SET untold = 0, since = NULL'),
  };
}
