import type { Database } from 'better-sqlite3';
import type { Logger } from 'pino';
import type { Meta } from './meta.ts';
import type { Objects } from './objects.ts';
import type { StoreLimits } from './types.ts';

/** How many Events were lost because the device made more than fit while the cloud could not be told. */
const DROPPED_FACT = 'events.dropped';

const LOCAL_EVENTS = `FROM objects WHERE resource IN ('events', 'events.k8s.io/events') AND uid IS NULL`;

/** Keeps the number of Events that were made on the device within its bound. */
export class LocalEvents {
  readonly #objects: Objects;
  readonly #meta: Meta;
  readonly #logger: Logger;
  readonly #limit: number;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database, objects: Objects, meta: Meta, logger: Logger, limits: Pick<StoreLimits, 'events'>) {
    this.#objects = objects;
    this.#meta = meta;
    this.#logger = logger;
    this.#limit = limits.events;
    this.#statements = prepare(db);
  }

  /** Within a transaction: the oldest go, with what was still to be told of them. */
  prune(): void {
    const excess = (this.#statements.count.get()?.events ?? 0) - this.#limit;
    for (const { id } of excess > 0 ? this.#statements.oldest.all(excess) : []) this.#drop(id);
  }

  #drop(id: number): void {
    const { writes } = this.#objects.rows.byId(id);
    for (const { number } of writes) this.#objects.rows.removeWrite(number);
    this.#objects.refresh(id);
    if (!writes.some(({ answer }) => answer.state === 'waiting')) return;
    const dropped = Number(this.#meta.fact(DROPPED_FACT) ?? '0') + 1;
    this.#meta.setFact(DROPPED_FACT, String(dropped));
    // Once per power of two: this happens for weeks or not at all.
    if ((dropped & (dropped - 1)) === 0) this.#logger.warn({ dropped, limit: this.#limit }, 'events dropped');
  }
}

function prepare(db: Database) {
  return {
    count: db.prepare<[], { events: number }>(`SELECT count(*) AS events ${LOCAL_EVENTS}`),
    oldest: db.prepare<[number], { id: number }>(`SELECT id ${LOCAL_EVENTS} ORDER BY id LIMIT ?`),
  };
}
