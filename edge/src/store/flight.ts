import type { Database } from 'better-sqlite3';
import type { Transactions } from './transactions.ts';

/**
 * Which reports are on their way, and which may have been: in memory only. A new process sends again what has no answer, which the
 * reports' preconditions make harmless, and takes all that it finds for sent: an answer may have been lost with the last one.
 */
export class Flight {
  /** Number of the report → its object. */
  readonly #inFlight = new Map<number, number>();
  /** Was handed out once and has no answer. At most as many as the outbox has entries. */
  readonly #handedOut = new Set<number>();
  /** Up to this number everything was written by an earlier process. */
  readonly #inherited: number;

  readonly #transactions: Transactions;

  constructor(db: Database, transactions: Transactions) {
    this.#transactions = transactions;
    const last = db.prepare<[], { seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'open_writes'").get();
    this.#inherited = last?.seq ?? 0;
  }

  begin(number: number, object: number): void {
    this.#inFlight.set(number, object);
    this.#handedOut.add(number);
  }

  /** No answer comes any more, or none that ends the entry: it may be sent again. */
  landed(number: number): void {
    this.#inFlight.delete(number);
  }

  /** The link is gone. */
  allLanded(): void {
    this.#inFlight.clear();
  }

  /** Within a transaction: with it the entry is answered, or is no more. */
  ended(number: number): void {
    this.#transactions.afterCommit(() => {
      this.#inFlight.delete(number);
      this.#handedOut.delete(number);
    });
  }

  isInFlight(number: number): boolean {
    return this.#inFlight.has(number);
  }

  /** Objects with a report in flight. */
  busy(): Set<number> {
    return new Set(this.#inFlight.values());
  }

  /** Whether the cloud may have done what it says: what was sent once cannot be unsaid by leaving it out. */
  mayHaveArrived(number: number): boolean {
    return number <= this.#inherited || this.#handedOut.has(number);
  }

  /** A write has taken up another one, of which the same is true. */
  inherit(number: number, from: number): void {
    if (this.mayHaveArrived(from)) this.#handedOut.add(number);
  }
}
