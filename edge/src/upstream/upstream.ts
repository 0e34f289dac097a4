import type { Report, ReportOutcome } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import { fullJitter } from '../link/index.ts';
import type { Outbox } from '../store/types.ts';

/**
 * Reports in flight at most; the relay takes 64 of one agent before it stops reading. At the bound the rest waits in the outbox.
 */
export const MAX_IN_FLIGHT = 32;
/** Characters of bodies in flight at most, though always one report: 64 KB is a second of a slow link. */
export const MAX_IN_FLIGHT_SIZE = 64 * 1024;
/** Waits after "unavailable", in milliseconds; the relay may ask for more. */
const UNAVAILABLE_BACKOFF = { baseMs: 1_000, capMs: 60_000 };
/** Most that is believed of the relay's wish to wait, in milliseconds. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

export interface UpstreamOptions {
  readonly outbox: Pick<Outbox, 'pending' | 'answer' | 'release' | 'onEntry'>;
  readonly send: (report: Report) => void;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * | state | meaning | left by |
 * |---|---|---|
 * | down | no session: nothing is sent, nothing is in flight | up → sending |
 * | sending | the outbox goes out as far as the bounds allow | unavailable → paused, down |
 * | paused | the cloud could not take a report; nothing new goes out until `until` | time → sending, down |
 */
export type UpstreamState =
  | { readonly name: 'down' }
  | { readonly name: 'sending' }
  | { readonly name: 'paused'; readonly until: Date };

/** Takes the outbox up over the link, session by session. What is lost on the way is still in the outbox. */
export interface Upstream {
  /** A relay has welcomed us. */
  up(): void;
  /** The session is gone; what was in flight is sent again in the next one. */
  down(): void;
  answer(number: number, outcome: ReportOutcome): void;
  state(): UpstreamState;
  stats(): UpstreamStats;
  close(): void;
}

export interface UpstreamStats {
  readonly inFlight: number;
  /** Since the process began. */
  readonly sent: number;
  readonly applied: number;
  readonly refused: number;
  readonly unavailable: number;
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const { outbox, clock, logger } = options;
  /** Number of the report → size of its body. */
  const inFlight = new Map<number, number>();
  const counts = { sent: 0, applied: 0, refused: 0, unavailable: 0 };
  let state: UpstreamState = { name: 'down' };
  let size = 0;
  let pauses = 0;
  let cancelPump = () => {};
  let cancelPause = () => {};
  let isScheduled = false;

  /** Writes that are made in one turn of the event loop go out together, merged where they can be. */
  function schedule(): void {
    if (isScheduled || state.name !== 'sending') return;
    isScheduled = true;
    cancelPump = clock.after(0, () => {
      isScheduled = false;
      pump();
    });
  }

  function pump(): void {
    while (state.name === 'sending' && inFlight.size < MAX_IN_FLIGHT && (size < MAX_IN_FLIGHT_SIZE || inFlight.size === 0)) {
      const [report] = outbox.pending(1);
      if (report === undefined) return;
      const { operation } = report;
      const length = operation.type === 'remove' ? 0 : operation.body.length;
      inFlight.set(report.number, length);
      size += length;
      counts.sent += 1;
      options.send(report);
    }
  }

  function pause(retryAfterMs: number): void {
    const backoff = fullJitter(UNAVAILABLE_BACKOFF, pauses, options.random);
    const waitMs = Math.max(Math.min(retryAfterMs, MAX_RETRY_AFTER_MS), backoff);
    pauses += 1;
    cancelPause();
    state = { name: 'paused', until: new Date(clock.now().getTime() + waitMs) };
    cancelPause = clock.after(waitMs, () => {
      state = { name: 'sending' };
      schedule();
    });
  }

  function forget(number: number): void {
    size -= inFlight.get(number) ?? 0;
    inFlight.delete(number);
  }

  function stop(): void {
    cancelPump();
    cancelPause();
    isScheduled = false;
    inFlight.clear();
    size = 0;
    state = { name: 'down' };
  }

  const unsubscribe = outbox.onEntry(schedule);

  return {
    up() {
      if (state.name !== 'down') return;
      state = { name: 'sending' };
      schedule();
    },
    down() {
      if (state.name === 'down') return;
      stop();
      outbox.release();
    },
    answer(number, outcome) {
      // An answer that comes after the link was lost and made again is still true: the outbox knows what it is about.
      forget(number);
      outbox.answer(number, outcome);
      counts[outcome.type] += 1;
      if (outcome.type === 'unavailable') {
        logger.debug({ number, retryAfterMs: outcome.retryAfterMs, detail: outcome.message }, 'report not taken yet');
        if (state.name !== 'down') pause(outcome.retryAfterMs);
        return;
      }
      pauses = 0;
      schedule();
    },
    state: () => state,
    stats: () => ({ inFlight: inFlight.size, ...counts }),
    close() {
      unsubscribe();
      stop();
    },
  };
}
