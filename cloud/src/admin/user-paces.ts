import { createHash } from 'node:crypto';
import { Pace } from '../pace.ts';

/** Users whose pace is remembered, each by a hash and a number; at it the one that asked least recently goes, and begins anew. */
export const MOST_USERS = 1_024;

/** How fast each user may ask, whatever tokens it has. */
export class UserPaces {
  readonly #gapMs: number;
  readonly #burst: number;
  /** By the hash of the name; who asked least recently is first. */
  readonly #paces = new Map<string, Pace>();

  constructor(gapMs: number, burst: number) {
    this.#gapMs = gapMs;
    this.#burst = burst;
  }

  of(username: string): Pace {
    const id = createHash('sha256').update(username).digest('base64url');
    const pace = this.#paces.get(id) ?? new Pace(this.#gapMs, this.#burst);
    this.#paces.delete(id);
    this.#paces.set(id, pace);
    for (const oldest of this.#paces.keys()) {
      if (this.#paces.size <= MOST_USERS) break;
      this.#paces.delete(oldest);
    }
    return pace;
  }
}
