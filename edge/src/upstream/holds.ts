import { fullJitter } from '../link/index.ts';

/** So many different objects in a row without another answer in between: it is not them, it is the API server or the relay. */
export const PAUSE_AFTER = 3;
/** Objects that are held at most; with one more everything waits. Some 100 bytes each. */
const MAX_HELD = 256;
/** Waits after "unavailable", in milliseconds; the relay may ask for more. */
const BACKOFF = { baseMs: 1_000, capMs: 60_000 };
/** Most that is believed of the relay's wish to wait, in milliseconds. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

interface Hold {
  /** In a row. */
  readonly failures: number;
  /** When the first of them was, in milliseconds since 1970. */
  readonly since: number;
  /** What the cloud said the last time. */
  readonly why: string;
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Milliseconds. The clock may be set back: a wait that seems to be longer is over. */
  readonly forMs: number;
}

/**
 * Who waits how long after "unavailable". One object that the cloud cannot take now (a webhook of its kind is down, it is written to all the
 * time) waits alone, and the others go on; when several cannot be taken in a row, all wait. Waits double with each failure, of the object or
 * of all, and begin anew with an answer that is one. Objects are named by any text; times are milliseconds since 1970.
 */
export class Holds {
  readonly #random: () => number;
  readonly #held = new Map<string, Hold>();
  /** Different objects that were unavailable since the last answer that was one. */
  readonly #streak = new Set<string>();
  #pauses = 0;

  /** @param random at least 0, below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * The cloud could not take that object's report, and said why.
   * @param isPaused all wait already: what was on its way then says nothing new, and does not make the wait double
   * @returns until when all wait; undefined: only this object
   */
  unavailable(object: string, now: number, retryAfterMs: number, isPaused: boolean, why = ''): number | undefined {
    const asked = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
    const before = this.#held.get(object);
    const failures = (before?.failures ?? 0) + 1;
    const since = before?.since ?? now;
    const forMs = Math.max(asked, this.#backoff(failures - 1));
    const isFull = !this.#hold(object, { failures, since, why, until: now + forMs, forMs }, now);
    if (this.#streak.size < PAUSE_AFTER) this.#streak.add(object);
    if (isPaused) return now + asked;
    if (!isFull && this.#streak.size < PAUSE_AFTER) return undefined;
    this.#pauses += 1;
    return now + Math.max(asked, this.#backoff(this.#pauses - 1));
  }

  /** The cloud has taken or refused that object's report. */
  answered(object: string): void {
    this.#held.delete(object);
    this.#streak.clear();
    this.#pauses = 0;
  }

  isHeld(object: string, now: number): boolean {
    return isWaiting(this.#held.get(object), now);
  }

  /** When the next one may be sent again; undefined when none waits. */
  next(now: number): number | undefined {
    let earliest: number | undefined;
    for (const hold of this.#held.values()) {
      if (isWaiting(hold, now) && hold.until < (earliest ?? Number.POSITIVE_INFINITY)) earliest = hold.until;
    }
    return earliest;
  }

  /** Those that wait, the one that has waited for longest first. */
  waiting(now: number): readonly { readonly object: string; readonly why: string; readonly sinceMs: number }[] {
    return [...this.#held]
      .filter(([, hold]) => isWaiting(hold, now))
      .map(([object, { why, since }]) => ({ object, why, sinceMs: since }))
      .sort((a, b) => a.sinceMs - b.sinceMs);
  }

  count(now: number): number {
    return [...this.#held.values()].filter((hold) => isWaiting(hold, now)).length;
  }

  /** With the link all waits end: the next relay may have another API server, and this one's is asked again. */
  clear(): void {
    this.#held.clear();
    this.#streak.clear();
  }

  #backoff(failures: number): number {
    return fullJitter(BACKOFF, failures, this.#random);
  }

  #hold(object: string, hold: Hold, now: number): boolean {
    if (this.#held.size >= MAX_HELD && !this.#held.has(object)) {
      // Their wait is over, and their report may be no more.
      for (const [other, before] of this.#held) if (!isWaiting(before, now)) this.#held.delete(other);
      if (this.#held.size >= MAX_HELD) return false;
    }
    this.#held.set(object, hold);
    return true;
  }
}

function isWaiting(hold: Hold | undefined, now: number): boolean {
  return hold !== undefined && hold.until > now && hold.until - now <= hold.forMs;
}
