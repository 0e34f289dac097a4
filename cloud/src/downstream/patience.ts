import type { Clock } from '../clock.ts';

/** What the agent has to answer. */
export interface Awaited {
  /** In words: "the ack of batch 7". */
  readonly what: string;
  /** In ms since the epoch: since the agent could have begun with it. */
  readonly since: number;
  /** Bytes that have to cross the link for it. */
  readonly bytes: number;
}

/** A link that is slower than this is none on which a device can be kept in sync; in bytes a second. */
const SLOWEST_LINK = 256;

export interface PatienceOptions {
  readonly clock: Clock;
  /** Without an answer, beside the time that its bytes take on the slowest link; in ms. */
  readonly answerMs: number;
  readonly onOver: () => void;
}

/**
 * Waits for an agent's answers, and not for ever: one that reads and never answers keeps its session and helps nobody. Each answer
 * begins the wait for the next one anew, so a slow link that makes progress is never cut. One timer, which is set anew when it
 * fires, or when what is awaited now is due before it.
 */
export class Patience {
  readonly #options: PatienceOptions;
  #awaited: Awaited | undefined;
  #over: string | undefined;
  #timer: { readonly due: number; readonly cancel: () => void } | undefined;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** What was not answered in time; undefined while there is patience. */
  get over(): string | undefined {
    return this.#over;
  }

  /** To be told whenever it may have changed; undefined: nothing is awaited. */
  await(awaited: Awaited | undefined): void {
    this.#awaited = awaited;
    if (awaited === undefined || this.#over !== undefined) return;
    if (this.#timer === undefined || this.#dueOf(awaited) < this.#timer.due) this.#arm(awaited);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#awaited = undefined;
  }

  #allowedMs({ bytes }: Awaited): number {
    return this.#options.answerMs + Math.ceil((bytes / SLOWEST_LINK) * 1000);
  }

  #dueOf(awaited: Awaited): number {
    return awaited.since + this.#allowedMs(awaited);
  }

  #arm(awaited: Awaited): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    const due = this.#dueOf(awaited);
    // Not longer than is allowed, should the clock have been set back.
    const left = Math.min(Math.max(0, due - clock.now().getTime()), this.#allowedMs(awaited));
    this.#timer = { due, cancel: clock.after(left, () => this.#look()) };
  }

  #look(): void {
    this.#timer = undefined;
    const awaited = this.#awaited;
    if (awaited === undefined) return;
    const now = this.#options.clock.now().getTime();
    if (now < this.#dueOf(awaited)) {
      this.#arm(awaited);
      return;
    }
    this.#over = `${awaited.what} did not come within ${Math.round((now - awaited.since) / 1000)} s`;
    this.#options.onOver();
  }
}
