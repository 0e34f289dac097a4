import type { Database } from 'better-sqlite3';
import { explain } from './explain.ts';
import type { HeldSet } from './held-set.ts';
import type { RowMender, StoredRow } from './mend-row.ts';
import type { Meta } from './meta.ts';
import type { Transactions } from './transactions.ts';
import type { Recheck, RecheckStats } from './types.ts';

export interface RecheckParts {
  readonly db: Database;
  readonly transactions: Transactions;
  readonly held: HeldSet;
  readonly meta: Meta;
  readonly mender: RowMender;
}

/**
 * Walks the rows by id, one at each step, and holds each against what is remembered of it. A step begins and ends between two
 * transactions of this process, so what it finds was done by somebody else: there are no false alarms. Memory: none that grows.
 *
 * Found: whatever another connection did to the rows, and bytes that were changed in the file or the log below SQLite. Not found:
 * what is changed below the kernel's page cache while the page is in it, until it is read from the medium again; the text of an
 * open write that is still JSON, of which there is no hash; and what SQLite itself repairs by writing a newer page over it.
 */
export class RowRecheck implements Recheck {
  readonly #parts: RecheckParts;
  readonly #statements: ReturnType<typeof prepare>;
  #position = 0;
  #rows = 0;
  #rounds = 0;
  #failures = 0;

  constructor(parts: RecheckParts) {
    this.#parts = parts;
    this.#statements = prepare(parts.db);
  }

  step(): boolean {
    const { mender, held } = this.#parts;
    const after = this.#position;
    try {
      // The pages that SQLite keeps would show what it once read, and not what the file has now.
      this.#statements.dropCache.run();
      const row = mender.next(after);
      if (row?.id !== after + 1) this.#mendLost([...held.idsBetween(after, row?.id ?? Number.POSITIVE_INFINITY)]);
      if (row === undefined) return this.#endRound();
      this.#position = row.id;
      this.#rows += 1;
      if (mender.look(row) !== undefined) this.#mend([row.id]);
      return false;
    } catch (error) {
      this.#failures += 1;
      if (this.#position === after) this.#skip(after);
      throw explain(error, this.#parts.db.name);
    }
  }

  /** Of all rows at once what the digest counts: key and version. Reads no bodies. */
  checkVersions(): void {
    const { mender, held } = this.#parts;
    const present = new Set<number>();
    const damaged: number[] = [];
    for (const row of this.#statements.versions.iterate()) {
      present.add(row.id);
      if (mender.lookAtVersion(row) !== undefined) damaged.push(row.id);
    }
    this.#mendLost([...held.idsBetween(0, Number.POSITIVE_INFINITY)].filter((id) => !present.has(id)));
    this.#mend(damaged);
  }

  rows(): number {
    return this.#statements.count.get()?.rows ?? 0;
  }

  stats(): RecheckStats {
    return { rows: this.#rows, rounds: this.#rounds, failures: this.#failures, damaged: { ...this.#parts.mender.counts } };
  }

  #endRound(): true {
    this.#position = 0;
    this.#rounds += 1;
    return true;
  }

  /** Past a place that cannot be read: to the next row that is known to be there. */
  #skip(after: number): void {
    const next = Math.min(...this.#parts.held.idsBetween(after, Number.POSITIVE_INFINITY));
    if (Number.isFinite(next)) this.#position = next;
    else this.#endRound();
  }

  #mendLost(ids: readonly number[]): void {
    if (ids.length > 0) this.#write(() => this.#parts.mender.mendLost(ids));
  }

  #mend(ids: readonly number[]): void {
    if (ids.length === 0) return;
    this.#write(() => {
      for (const id of ids) this.#parts.mender.mend(id);
    });
  }

  #write(work: () => void): void {
    const { transactions, meta, held } = this.#parts;
    const mend = () => {
      work();
      meta.set('digest', held.digest);
    };
    transactions.run(mend, { evenRefusing: true });
  }
}

function prepare(db: Database) {
  return {
    dropCache: db.prepare('PRAGMA shrink_memory'),
    versions: db.prepare<[], Omit<StoredRow, 'body'>>(
      'SELECT id, resource, namespace, name, uid, resource_version, hash, refused, revision FROM objects',
    ),
    count: db.prepare<[], { rows: number }>('SELECT count(*) AS rows FROM objects'),
  };
}
