/** A small seeded generator (mulberry32): the same seed gives the same schedule on every machine. */
export class Random {
  #state: number;

  /** @param seed of which the lower 32 bits count */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0, below 1. */
  readonly next = (): number => this.integer(0x1_0000_0000) / 0x1_0000_0000;

  /** A whole number, at least 0 and below `below`, which is at most 2^32. */
  integer(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.integer(times) === 0;
  }

  /** One of them; undefined of none. */
  pick<T>(from: readonly T[]): T | undefined {
    return from[this.integer(from.length)];
  }

  /** Each of them or not. */
  some<T>(from: readonly T[]): T[] {
    return from.filter(() => this.oneIn(2));
  }
}

/** Another seed for each place. */
export function derivedSeed(seed: number, place: number): number {
  return new Random((seed ^ Math.imul(place + 1, 0x9e3779b1)) >>> 0).integer(0x1_0000_0000);
}
