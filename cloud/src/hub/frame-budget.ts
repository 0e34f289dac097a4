import type { Clock } from '../clock.ts';

/**
 * So many seconds' worth of frames at once. A device that comes back brings a full outbox (10,000 reports, at the pace of their answers), an
 * inventory of 40 frames and some hundred questions; with 500 a second this is room for 10,000 beside what time brings.
 */
export const BURST_SECONDS = 20;
/** Nodes whose last link has ended within that time and whose budget is remembered; at the bound the one that ended first is forgotten. */
const MOST_ENDED = 20_000;

/**
 * How many frames a node may still send: BURST_SECONDS' worth at first, and so many in each second (a token bucket). Looks at the clock only when
 * what it knew of is used up, and allocates nothing.
 */
export class FrameBudget {
  readonly #perSecond: number;
  readonly #clock: Pick<Clock, 'now'>;
  #left: number;
  #lookedMs: number;

  constructor(perSecond: number, clock: Pick<Clock, 'now'>) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#left = perSecond * BURST_SECONDS;
    this.#lookedMs = clock.now().getTime();
  }

  /** @returns whether there was one left */
  take(): boolean {
    if (this.#left === 0) this.#look();
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }

  /** The one that was taken last did not count. */
  giveBack(): void {
    this.#left += 1;
  }

  #look(): void {
    const nowMs = this.#clock.now().getTime();
    const grown = Math.floor(((nowMs - this.#lookedMs) / 1000) * this.#perSecond);
    if (grown > 0) this.#left = Math.min(grown, this.#perSecond * BURST_SECONDS);
    // A clock that was set back must not stop a device for as long.
    if (grown !== 0) this.#lookedMs = nowMs;
  }
}

/**
 * The budget of each node, which a further link of the same node goes on with: otherwise whoever dials anew without end would have none.
 * Remembered for as long as a budget may take to be whole again.
 */
export class FrameBudgets {
  readonly #perSecond: number;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #live = new Map<string, { readonly budget: FrameBudget; links: number }>();
  /** In the order in which their links ended. */
  readonly #ended = new Map<string, { readonly budget: FrameBudget; readonly sinceMs: number }>();

  constructor(perSecond: number, clock: Pick<Clock, 'now'>) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** A link of that node begins. */
  open(node: string): FrameBudget {
    const live = this.#live.get(node);
    if (live !== undefined) {
      live.links += 1;
      return live.budget;
    }
    this.#forget();
    const budget = this.#ended.get(node)?.budget ?? new FrameBudget(this.#perSecond, this.#clock);
    this.#ended.delete(node);
    this.#live.set(node, { budget, links: 1 });
    return budget;
  }

  /** Once for each `open`. */
  close(node: string): void {
    const live = this.#live.get(node);
    if (live === undefined) return;
    live.links -= 1;
    if (live.links > 0) return;
    this.#live.delete(node);
    this.#ended.set(node, { budget: live.budget, sinceMs: this.#clock.now().getTime() });
    this.#forget();
  }

  /** Those of nodes without a link. */
  get remembered(): number {
    return this.#ended.size;
  }

  #forget(): void {
    const nowMs = this.#clock.now().getTime();
    for (const [node, { sinceMs }] of this.#ended) {
      const isWhole = nowMs - sinceMs >= BURST_SECONDS * 1000 || nowMs < sinceMs;
      if (!isWhole && this.#ended.size <= MOST_ENDED) return;
      this.#ended.delete(node);
    }
  }
}
