import type { Clock } from '../../clock.ts';

/** Names that are counted at a time; at the bound the one that was seen longest ago is forgotten. 100 bytes each. */
const MAX_NAMES = 10_000;

export interface AttemptsOptions {
  /** So many at once after a quiet time, and so many in each `periodMs` over time. */
  readonly most: number;
  readonly periodMs: number;
  readonly clock: Pick<Clock, 'now'>;
}

interface Bucket {
  /** Attempts that were made, less what time has let go. */
  made: number;
  atMs: number;
}

/** Counts attempts by a name, such as an address or the id of a token: a leaky bucket for each. */
export class Attempts {
  readonly #options: AttemptsOptions;
  /** The one that was seen last stands last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** How many names are counted now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Milliseconds until there is room for one more; 0 when there is. */
  waitMs(name: string): number {
    const { most, periodMs } = this.#options;
    const made = this.#made(name);
    return made + 1 <= most ? 0 : Math.ceil((made + 1 - most) * (periodMs / most));
  }

  /** One more was made. */
  add(name: string): void {
    const made = Math.min(this.#made(name) + 1, this.#options.most);
    this.#buckets.delete(name);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size >= MAX_NAMES && oldest !== undefined) this.#buckets.delete(oldest);
    this.#buckets.set(name, { made, atMs: this.#nowMs() });
  }

  #made(name: string): number {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return 0;
    const { most, periodMs } = this.#options;
    // A clock that went back lets nothing go.
    const elapsedMs = Math.max(this.#nowMs() - bucket.atMs, 0);
    return Math.max(bucket.made - (elapsedMs * most) / periodMs, 0);
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}
