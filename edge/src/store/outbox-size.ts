import type { Database } from 'better-sqlite3';

export interface Size {
  readonly entries: number;
  /** Bytes of their bodies. */
  readonly bytes: number;
}

/**
 * - event: writes of Events that the cloud has not answered
 * - told: answered writes of Events; they last until their bound, since the cloud sends none
 * - other: all other writes that the cloud has not answered
 */
type Kind = 'event' | 'told' | 'other';

/** How much waits for the cloud. Triggers keep the sums with each write, so that asking costs one row. */
export class OutboxSize {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database) {
    this.#statements = prepare(db);
  }

  /** Of the whole outbox. */
  waiting(): Size {
    return sum(this.#of('event'), this.#of('other'));
  }

  /** Of Events that were made on the device. */
  events(): { readonly waiting: Size; readonly told: Size } {
    return { waiting: this.#of('event'), told: this.#of('told') };
  }

  /** Within a transaction: anew from the rows, after damage or by another hand. */
  recount(): void {
    this.#statements.clear.run();
    this.#statements.recount.run();
  }

  #of(kind: Kind): Size {
    return this.#statements.get.get(kind) ?? { entries: 0, bytes: 0 };
  }
}

function sum(a: Size, b: Size): Size {
  return { entries: a.entries + b.entries, bytes: a.bytes + b.bytes };
}

function prepare(db: Database) {
  return {
    get: db.prepare<[Kind], Size>('SELECT entries, bytes FROM outbox_size WHERE kind = ?'),
    clear: db.prepare<[]>('UPDATE outbox_size SET entries = 0, bytes = 0'),
    recount: db.prepare<[]>(
      `UPDATE outbox_size SET (entries, bytes) = (
         SELECT count(*), coalesce(sum(octet_length(w.body)), 0) FROM open_writes AS w JOIN objects AS o ON o.id = w.object
         WHERE w.class <> 'local' AND outbox_size.kind = CASE
           WHEN o.resource IN ('events', 'events.k8s.io/events') THEN iif(w.answered = 0, 'event', 'told')
           WHEN w.answered = 0 THEN 'other' END)`,
    ),
  };
}
