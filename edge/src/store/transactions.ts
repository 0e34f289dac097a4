import type { Database } from 'better-sqlite3';
import { explain } from './explain.ts';

/** Something that keeps in memory what follows from the tables. */
export interface Derived {
  /** Makes it anew from the tables. */
  reload(): void;
}

/**
 * All writing goes through here: one transaction per call, and what waits for the commit (listeners) runs after it, in order,
 * even where a listener writes again. A transaction that fails leaves neither the tables nor what is derived from them changed.
 */
export class Transactions {
  readonly #db: Database;
  readonly #derived: Derived[] = [];
  #afterCommit: (() => void)[] = [];
  readonly #due: (() => void)[] = [];
  #running = false;
  #refusal: (() => Error) | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Reloads it now and after each transaction that fails. */
  derive(derived: Derived): void {
    this.#derived.push(derived);
    derived.reload();
  }

  /**
   * From now on nothing is taken: every transaction throws that before it begins, but for those of what is worth what it is until the process
   * ends (how the agent is, what follows from what it holds): `evenRefusing`.
   */
  refuse(refusal: () => Error): void {
    this.#refusal = refusal;
  }

  /** @throws HawserError `too_large` when the disk is full, `store_damaged`, `bad_config`; and whatever `work` throws */
  run<T>(work: () => T, { evenRefusing = false } = {}): T {
    if (this.#refusal !== undefined && !evenRefusing) throw this.#refusal();
    let result: T;
    try {
      result = this.#db.transaction(work).immediate();
    } catch (error) {
      this.#afterCommit = [];
      for (const derived of this.#derived) derived.reload();
      throw explain(error, this.#db.name);
    }
    this.#due.push(...this.#afterCommit);
    this.#afterCommit = [];
    this.#runDue();
    return result;
  }

  /** Within `run`: calls `effect` once the transaction is on disk, and never if it fails. */
  afterCommit(effect: () => void): void {
    this.#afterCommit.push(effect);
  }

  /** Outside of `run`, after a change that needed no transaction: calls `effect` behind those that wait. */
  inTurn(effect: () => void): void {
    this.#due.push(effect);
    this.#runDue();
  }

  #runDue(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let effect = this.#due.shift(); effect !== undefined; effect = this.#due.shift()) effect();
    } finally {
      this.#running = false;
    }
  }
}
