import { Pace } from '../pace.ts';
import { Backoff } from '../replicas/index.ts';
import type { Failing } from './outcome.ts';

/** How long calls wait at most while the API server takes none, in ms: a Lease of 40 s must outlive it. */
const LONGEST_WAIT_MS = 5_000;

/** A process that was busy for so long makes up for the calls that it might have made meanwhile, in ms. */
const MADE_UP_MS = 100;

export interface CallGateOptions {
  readonly callsPerSecond: number;
  /** Calls at a time. */
  readonly mostUnderWay: number;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly onFailing: (failure: Failing, failures: number, waitMs: number) => void;
  readonly onRecovered: (failures: number) => void;
}

/**
 * When a call may begin: so many a second, evenly, so many at a time. One failure may be a connection's alone; two in a row are the API
 * server's, as is one that names a wait. While the API server takes no calls, one at a time tries whether it still does not, after a
 * growing wait with jitter, and never before it was asked. Nothing queues here: who is not let in comes again.
 */
export class CallGate {
  readonly #options: CallGateOptions;
  readonly #pace: Pace;
  readonly #backoff = new Backoff(LONGEST_WAIT_MS);
  #underWay = 0;
  /** The last call failed, and the one before did not. */
  #isSuspicious = false;

  constructor(options: CallGateOptions) {
    this.#options = options;
    const { callsPerSecond } = options;
    this.#pace = new Pace(1000 / callsPerSecond, Math.max(1, Math.floor((callsPerSecond * MADE_UP_MS) / 1000)));
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** From when on a call may begin; never, while as many as may be are under way. */
  nextAtMs(): number {
    const most = this.#backoff.failures > 0 ? 1 : this.#options.mostUnderWay;
    if (this.#underWay >= most) return Number.POSITIVE_INFINITY;
    return Math.max(this.#pace.nextAtMs(), this.#backoff.nextAtMs());
  }

  begun(nowMs: number): void {
    this.#underWay += 1;
    this.#pace.done(nowMs);
  }

  /** `failure` undefined: the API server has answered, whatever it said. */
  settled(failure: Failing | undefined, nowMs: number): void {
    this.#underWay -= 1;
    const { random, onFailing, onRecovered } = this.#options;
    const { failures } = this.#backoff;
    if (failure === undefined) {
      this.#isSuspicious = false;
      this.#backoff.reset();
      if (failures > 0) onRecovered(failures);
      return;
    }
    if (failures === 0 && !this.#isSuspicious && failure.retryAfterMs === undefined) {
      this.#isSuspicious = true;
      return;
    }
    this.#isSuspicious = false;
    this.#backoff.failed(nowMs, random(), failure.retryAfterMs);
    if (this.#backoff.failures > failures) onFailing(failure, this.#backoff.failures, this.#backoff.nextAtMs() - nowMs);
  }
}
