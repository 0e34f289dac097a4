/** Seconds that are remembered: longer than any benchmark. At the bound the oldest go. */
const MOST_SECONDS = 4 * 3600;

export interface RequestRate {
  /** Of the machine's monotonic clock, which all its processes share. */
  readonly second: number;
  readonly count: number;
}

/** Requests by the second in which they came: how a benchmark knows the rate that the relay asks of the API server. */
export class RequestRates {
  readonly #seconds = new Map<number, number>();
  readonly #now: () => bigint;

  /** @param now in nanoseconds. Default: the monotonic clock */
  constructor(now: () => bigint = process.hrtime.bigint) {
    this.#now = now;
  }

  note(): void {
    const second = Number(this.#now() / 1_000_000_000n);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + 1);
    if (this.#seconds.size <= MOST_SECONDS) return;
    const [oldest] = this.#seconds.keys();
    if (oldest !== undefined) this.#seconds.delete(oldest);
  }

  /** Seconds without a request are left out. */
  all(): readonly RequestRate[] {
    return [...this.#seconds].map(([second, count]) => ({ second, count }));
  }
}
