import type { Clock } from '../clock.ts';
import type { Answer } from './answer.ts';

/** The first pause after trouble, and the longest that the relay takes by itself; each is twice the one before. In milliseconds. */
const FIRST_PAUSE_MS = 500;
const MOST_PAUSE_MS = 30_000;
/** Several relays that were told the same Retry-After do not come back in one moment; on top of it, in milliseconds. */
const RETRY_AFTER_SPREAD_MS = 1_000;
/** From nothing to the whole rate, in milliseconds: after one pause, which halves it, half of this. */
const RECOVERY_MS = 20_000;
/** The rate is never less than this part of its limit, so that recovery has something to begin with. */
const LEAST_SHARE = 1 / 64;
/**
 * Nodes whose calls must fail, one after the other and with no good answer between them, before the pool holds the API server to be
 * at fault where the answer does not say so itself: a report that the server cannot digest (HTTP 500) is its node's own trouble.
 */
const WITNESSES = 2;

/** How the API server took a call; `fault`: no answer, or one that may be about this call alone. */
export type Verdict = 'good' | 'overload' | 'fault';

/**
 * How fast reports may go to the API server, one for all nodes.
 *
 * | state | meaning | left by |
 * |---|---|---|
 * | flowing | calls begin at up to the rate, which grows to its limit while all is well | trouble → paused |
 * | paused | no call begins | time → probing |
 * | probing | one call at a time | a good answer → flowing; trouble → paused, for twice as long |
 *
 * Trouble is a 429 or 503, which the server gives when it has too much to do, or another failure of two nodes in a row. Each pause
 * halves the rate; then it grows again, evenly with time. Failures of calls that had begun before a pause are the same trouble:
 * they lengthen it where they name a longer wait, and count no further.
 */
export type PoolState = 'flowing' | 'paused' | 'probing';

export interface CallPoolOptions {
  /** Over time. As many at once after a quiet second. */
  readonly callsPerSecond: number;
  readonly clock: Clock;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  readonly onState: (state: PoolState, detail: { readonly waitMs: number; readonly reason: string }) => void;
}

/** A call that runs: to be given back with what came of it. */
export interface Call {
  readonly node: string;
  /** How many pauses there had been when it began. */
  readonly pauses: number;
}

export class CallPool {
  readonly #options: CallPoolOptions;
  #state: PoolState = 'flowing';
  /** Calls that began after the last pause. */
  #running = 0;
  #tokens: number;
  /** Calls per second, as of the last look at the clock. */
  #rate: number;
  #lookedMs: number;
  #untilMs = 0;
  #cancel = () => {};
  #pauses = 0;
  /** Pauses since the last good answer. */
  #inARow = 0;
  readonly #witnesses = new Set<string>();

  constructor(options: CallPoolOptions) {
    this.#options = options;
    this.#rate = options.callsPerSecond;
    this.#tokens = options.callsPerSecond;
    this.#lookedMs = options.clock.now().getTime();
  }

  get state(): PoolState {
    return this.#state;
  }

  get pauses(): number {
    return this.#pauses;
  }

  /** Calls per second that may begin now; 0 while paused. */
  rate(): number {
    this.#look();
    return this.#state === 'paused' ? 0 : this.#rate;
  }

  /** Of the pause that there is, in ms; 0 without one. */
  remainingMs(): number {
    return this.#state === 'paused' ? Math.max(0, this.#untilMs - this.#options.clock.now().getTime()) : 0;
  }

  /**
   * When a call may begin: 0 now, otherwise after so many ms, and then it is to be asked again. Undefined: not before `onState`,
   * or before a call ends.
   */
  waitMs(): number | undefined {
    if (this.#state === 'paused' || (this.#state === 'probing' && this.#running > 0)) return undefined;
    this.#look();
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.#rate) * 1000);
  }

  /** A call begins. One that follows from another, such as a read after a conflict, does not wait: it makes the next one wait longer. */
  begin(node: string): Call {
    this.#look();
    this.#tokens -= 1;
    this.#running += 1;
    return { node, pauses: this.#pauses };
  }

  end(call: Call, verdict: Verdict, retryAfterMs: number | undefined, reason: string): void {
    if (call.pauses === this.#pauses) this.#running -= 1;
    if (verdict === 'good') this.#good(call);
    else if (verdict === 'overload') this.#trouble(call, retryAfterMs, reason);
    else {
      this.#witnesses.add(call.node);
      if (this.#state === 'probing' || this.#witnesses.size >= WITNESSES) this.#trouble(call, retryAfterMs, reason);
    }
  }

  /** Calls off the timer. */
  close(): void {
    this.#cancel();
  }

  #good(call: Call): void {
    this.#witnesses.clear();
    // One that began before the pause says nothing about now.
    if (this.#state !== 'probing' || call.pauses !== this.#pauses) return;
    this.#inARow = 0;
    this.#become('flowing', 0, 'the API server answers again');
  }

  #trouble(call: Call, retryAfterMs: number | undefined, reason: string): void {
    if (call.pauses !== this.#pauses) {
      if (this.#state === 'paused' && retryAfterMs !== undefined && retryAfterMs > this.remainingMs()) {
        this.#pauseFor(this.#withSpread(retryAfterMs), reason);
      }
      return;
    }
    const { callsPerSecond, random } = this.#options;
    this.#look();
    this.#witnesses.clear();
    this.#pauses += 1;
    this.#running = 0;
    this.#rate = Math.max(this.#rate / 2, callsPerSecond * LEAST_SHARE);
    this.#tokens = Math.min(this.#tokens, 1);
    const step = Math.min(FIRST_PAUSE_MS * 2 ** this.#inARow, MOST_PAUSE_MS);
    this.#inARow += 1;
    const ownMs = Math.ceil(step * (0.5 + random() / 2));
    this.#pauseFor(retryAfterMs === undefined ? ownMs : Math.max(ownMs, this.#withSpread(retryAfterMs)), reason);
  }

  #withSpread(retryAfterMs: number): number {
    return retryAfterMs + Math.floor(this.#options.random() * Math.min(RETRY_AFTER_SPREAD_MS, retryAfterMs));
  }

  #pauseFor(waitMs: number, reason: string): void {
    const { clock } = this.#options;
    this.#cancel();
    this.#untilMs = clock.now().getTime() + waitMs;
    this.#cancel = clock.after(waitMs, () => {
      // Of the pause nothing is saved up, nor does the rate grow in it.
      this.#lookedMs = clock.now().getTime();
      this.#become('probing', 0, reason);
    });
    this.#become('paused', waitMs, reason);
  }

  #become(state: PoolState, waitMs: number, reason: string): void {
    this.#state = state;
    this.#options.onState(state, { waitMs, reason });
  }

  /** Brings tokens and rate up to date. A clock that was set back costs nothing but what would have come meanwhile. */
  #look(): void {
    const { callsPerSecond, clock } = this.#options;
    const nowMs = clock.now().getTime();
    const passedMs = Math.max(0, nowMs - this.#lookedMs);
    this.#lookedMs = nowMs;
    if (passedMs === 0 || this.#state === 'paused') return;
    this.#tokens = Math.min(callsPerSecond, this.#tokens + (this.#rate * passedMs) / 1000);
    if (this.#state === 'flowing') this.#rate = Math.min(callsPerSecond, this.#rate + (callsPerSecond * passedMs) / RECOVERY_MS);
  }
}

/**
 * What an answer says about the API server.
 * - 429 and 503 are its own word for too much to do; a 429 to an eviction is not: it is the word of a PodDisruptionBudget.
 * - other 5xx, no answer, and a refusal of the relay's credentials may be about this call alone
 */
export function verdictOf(answer: Answer, isEviction: boolean): Verdict {
  if (answer.type === 'relayRefused') return answer.code === 401 ? 'fault' : 'good';
  if (answer.type !== 'unavailable') return 'good';
  if (answer.code === 429 && isEviction) return 'good';
  return answer.code === 429 || answer.code === 503 ? 'overload' : 'fault';
}
