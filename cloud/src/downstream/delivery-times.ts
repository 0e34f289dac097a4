import type { ObjectKey } from '@hawser/protocol';
import type { Clock } from '../clock.ts';

/**
 * When each object of a session that the agent has not acknowledged began to differ. A session that is settled holds nothing here;
 * the size is bounded as that of its dirty keys is. Times are ms since the epoch.
 */
export class DeliveryTimes {
  readonly #clock: Pick<Clock, 'now'>;
  /** Oldest change of each key that has not been acknowledged; made when there is one. */
  #since: Map<ObjectKey, number> | undefined;
  /** Of keys under way, the oldest change since they were sent. */
  #sinceSent: Map<ObjectKey, number> | undefined;
  /** What the agent holds has not been known since then: anything may differ. */
  #unknown: number | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** What the agent holds is not known from here on. */
  lost(): void {
    this.#since = undefined;
    this.#sinceSent = undefined;
    this.#unknown ??= this.#now();
  }

  /** It is known again; whatever is found to differ has done so since it was lost. */
  found(different: Iterable<ObjectKey>): void {
    const since = this.#unknown ?? this.#now();
    this.#unknown = undefined;
    for (const key of different) this.#mark(key, since);
  }

  /** @param isUnderWay an earlier version of it is */
  marked(key: ObjectKey, isUnderWay: boolean): void {
    if (!isUnderWay) {
      this.#mark(key, this.#now());
      return;
    }
    this.#sinceSent ??= new Map();
    if (!this.#sinceSent.has(key)) this.#sinceSent.set(key, this.#now());
  }

  /** There is nothing to be sent for that key after all. */
  settled(key: ObjectKey): void {
    this.#drop(key);
  }

  /** Of one batch. @returns how long its oldest change took, in ms; undefined where none was marked */
  acknowledged(keys: Iterable<ObjectKey>): number | undefined {
    let oldest: number | undefined;
    for (const key of keys) {
      const since = this.#since?.get(key);
      this.#drop(key);
      if (since !== undefined) oldest = Math.min(oldest ?? since, since);
      const again = this.#sinceSent?.get(key);
      if (again === undefined) continue;
      this.#sinceSent?.delete(key);
      this.#mark(key, again);
    }
    if (this.#sinceSent?.size === 0) this.#sinceSent = undefined;
    return oldest === undefined ? undefined : Math.max(0, this.#now() - oldest);
  }

  /** How long the oldest difference has been there, in ms; 0 when there is none. */
  lag(): number {
    let oldest = this.#unknown;
    for (const since of this.#since?.values() ?? []) oldest = Math.min(oldest ?? since, since);
    return oldest === undefined ? 0 : Math.max(0, this.#now() - oldest);
  }

  #mark(key: ObjectKey, since: number): void {
    this.#since ??= new Map();
    if (!this.#since.has(key)) this.#since.set(key, since);
  }

  /** A map that has been emptied is let go: there are as many as sessions. */
  #drop(key: ObjectKey): void {
    this.#since?.delete(key);
    if (this.#since?.size === 0) this.#since = undefined;
  }

  #now(): number {
    return this.#clock.now().getTime();
  }
}
