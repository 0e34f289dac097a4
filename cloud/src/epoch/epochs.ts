import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';

/** Of a cluster whose API server was never restored, and of agents that were made before epochs were remembered. */
export const FIRST_EPOCH = 1;
/**
 * One restoration is one epoch, so a device that brings one much later than ours is wrong or means harm, or others have gone on for
 * years without this relay: it is followed so far at once, and the device has to come again. So nobody can bring a number from
 * which there is no way on.
 */
const MAX_STEP = 1_000;
/**
 * What a device says begins a new epoch, which ends all sessions and lists everything anew, at most so often in each of the two ways
 * in which it can, in ms: a device that is broken or not ours any more must not keep the others busy. A device may bring the later
 * epoch that it was in and then hold what a second restoration has lost: that takes both. A relay that runs notices restorations
 * by itself.
 */
const CLAIM_INTERVAL_MS = 60 * 60_000;

/** Whose word it is that the API server went back. */
export type Witness = { readonly type: 'reflector' } | { readonly type: 'agent'; readonly node: string };

export interface EpochsOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  /**
   * A new epoch has begun: every session is to be ended, and nothing to be sent before every resource was listed anew; then
   * `listedAnew` is to be called with the same number. Called within `restored` and `meet`.
   */
  readonly onBegin: (epoch: number, detail: string) => void;
}

/**
 * The epoch of the cluster: 1, and one more for each time that the API server was restored from a backup (rule 2). No server keeps
 * it: relays hold it in memory, agents remember the highest in which they were in sync, and a relay that meets a higher one takes
 * it over.
 *
 * | state | meaning | left by |
 * |---|---|---|
 * | settled | what this relay knows was read in the current epoch | a restoration is noticed, a higher epoch is met → listing |
 * | listing | everything is being listed anew; whatever else is noticed of a restoration is the same one | listedAnew → settled |
 */
export class Epochs {
  readonly #options: EpochsOptions;
  /**
   * When a node's word last began an epoch, in ms since the epoch of Unix: by what it holds, and by the epoch that it brought.
   * Entries older than the interval go.
   */
  readonly #claims = { held: new Map<string, number>(), brought: new Map<string, number>() };
  #current = FIRST_EPOCH;
  #restorations = 0;
  #state: 'settled' | 'listing' = 'settled';

  constructor(options: EpochsOptions) {
    this.#options = options;
  }

  get current(): number {
    return this.#current;
  }

  /** That this relay has noticed by itself or been told of. */
  get restorations(): number {
    return this.#restorations;
  }

  /** The API server is behind where it was. Returns whether that began a new epoch. */
  restored(witness: Witness, detail: string): boolean {
    const { logger } = this.#options;
    if (this.#state === 'listing') {
      logger.info({ epoch: this.#current, witness, detail }, 'restoration noticed again');
      return false;
    }
    if (witness.type === 'agent' && !this.#mayClaim(this.#claims.held, witness.node)) {
      logger.warn({ epoch: this.#current, witness, detail }, 'restoration not believed: this node has told of one just now');
      return false;
    }
    this.#begin(this.#current + 1, 'API server was restored from a backup: a new epoch begins', { witness, detail });
    return true;
  }

  /**
   * An agent has told the epoch that it was in sync in. A higher one than ours is taken over: that agent has met a relay that has
   * noticed a restoration which we have not.
   */
  meet(node: string, claimed: number): { readonly type: 'met' } | { readonly type: 'refused'; readonly detail: string } {
    if (claimed <= this.#current) return { type: 'met' };
    if (!this.#mayClaim(this.#claims.brought, node)) {
      return { type: 'refused', detail: `epoch ${claimed} is not believed: this node has brought another one just now` };
    }
    const next = Math.min(claimed, this.#current + MAX_STEP);
    this.#begin(next, 'an agent has been in a later epoch: it is taken over', { node, claimed });
    if (next === claimed) return { type: 'met' };
    return { type: 'refused', detail: `epoch ${claimed} is far from ours, which is ${next} now: not at once` };
  }

  /** Everything was listed anew in that epoch. */
  listedAnew(epoch: number): void {
    if (epoch !== this.#current || this.#state === 'settled') return;
    this.#state = 'settled';
    this.#options.logger.info({ epoch }, 'everything was listed anew');
  }

  #begin(epoch: number, msg: string, fields: object): void {
    this.#options.logger.warn({ from: this.#current, epoch, ...fields }, msg);
    this.#current = epoch;
    this.#restorations += 1;
    this.#state = 'listing';
    this.#options.onBegin(epoch, 'the API server was restored from a backup, everything is listed anew');
  }

  #mayClaim(claims: Map<string, number>, node: string): boolean {
    const nowMs = this.#options.clock.now().getTime();
    for (const [other, sinceMs] of claims) {
      // A clock that was set back would not be there again for as long.
      if (nowMs < sinceMs || nowMs - sinceMs >= CLAIM_INTERVAL_MS) claims.delete(other);
    }
    if (claims.has(node)) return false;
    claims.set(node, nowMs);
    return true;
  }
}
