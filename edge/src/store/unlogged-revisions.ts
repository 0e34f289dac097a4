import type { ChangeLog } from './change-log.ts';
import type { Meta } from './meta.ts';
import type { Transactions } from './transactions.ts';

/** So many revisions are reserved at a time: one write to the disk for about three hours of Lease renewals. */
const RESERVED_AT_A_TIME = 1_000;

/**
 * Revisions of changes that the database does not hold. None is used twice, not even after a crash: the file says up to which one they
 * may have been given out, and a store that is opened goes on behind that.
 */
export class UnloggedRevisions {
  readonly #log: ChangeLog;
  readonly #meta: Meta;
  readonly #transactions: Transactions;
  #reserved: number;

  constructor(log: ChangeLog, meta: Meta, transactions: Transactions) {
    this.#log = log;
    this.#meta = meta;
    this.#transactions = transactions;
    this.#reserved = reservedIn(meta);
    log.skipTo(this.#reserved);
  }

  /** @throws HawserError as a transaction does, when more have to be reserved; then none was given out */
  take(): number {
    const next = this.#log.revision + 1;
    if (next > this.#reserved) {
      const reserved = next + RESERVED_AT_A_TIME - 1;
      const reserve = () => this.#meta.set('reserved_revision', String(reserved));
      this.#transactions.run(reserve, { evenRefusing: true });
      this.#reserved = reserved;
    }
    this.#log.skipTo(next);
    return next;
  }
}

/** What is no number there was damaged; then the revisions of the last run may come again, as those of a lost file would. */
function reservedIn(meta: Meta): number {
  const reserved = Number(meta.get('reserved_revision') ?? '0');
  return Number.isSafeInteger(reserved) && reserved > 0 ? reserved : 0;
}
