import { HawserError, type Report, type ReportOutcome } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { StorageKey } from '../api/storage.ts';
import type { Outbox } from '../store/types.ts';
import { Holds } from './holds.ts';

/**
 * Reports in flight at most; the relay takes 64 of one agent before it stops reading. At the bound the rest waits in the outbox.
 */
export const MAX_IN_FLIGHT = 32;
/** Characters of bodies in flight at most, though always one report: 64 KB is a second of a slow link. */
export const MAX_IN_FLIGHT_SIZE = 64 * 1024;
/** A report whose answer could not be kept is sent again at the earliest so long after, in milliseconds: it costs the link its bytes. */
const NOT_KEPT_WAIT_MS = 60_000;

export interface UpstreamOptions {
  readonly outbox: Pick<Outbox, 'pending' | 'answer' | 'welcomed' | 'release' | 'onEntry'>;
  /** Of the Node on which losses are told. */
  readonly nodeName: string;
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
 * | sending | the outbox goes out as far as the bounds allow; single objects may wait (see Holds) | several unavailable → paused, down |
 * | paused | the cloud could not take reports of several objects; nothing new goes out until `until` | time → sending, down |
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
  /** Objects that the cloud could not take and that wait, by `resource/namespace/name`, those that have waited for longest first; and what it said. */
  blocked(): readonly { readonly object: string; readonly why: string; readonly sinceMs: number }[];
  close(): void;
}

export interface UpstreamStats {
  readonly inFlight: number;
  /** Objects that the cloud could not take, and that wait before they are sent again. */
  readonly held: number;
  /** Since the process began. */
  readonly sent: number;
  readonly applied: number;
  readonly refused: number;
  readonly unavailable: number;
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const { outbox, clock, logger } = options;
  const inFlight = new Map<number, { readonly object: string; readonly size: number }>();
  const holds = new Holds(options.random);
  const time = () => clock.now().getTime();
  const counts = { sent: 0, applied: 0, refused: 0, unavailable: 0 };
  let state: UpstreamState = { name: 'down' };
  let size = 0;
  let cancelPump = () => {};
  let cancelPause = () => {};
  let cancelHold = () => {};
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
      const [report] = outbox.pending(1, (key) => holds.isHeld(objectOf(key), time()));
      if (report === undefined) return;
      const { operation } = report;
      const length = operation.type === 'remove' ? 0 : operation.body.length;
      inFlight.set(report.number, { object: objectOf(report), size: length });
      size += length;
      counts.sent += 1;
      options.send(report);
    }
  }

  function unavailable(object: string, retryAfterMs: number, why: string): void {
    const until = holds.unavailable(object, time(), retryAfterMs, state.name === 'paused', why);
    if (until === undefined) awaitHold();
    else if (state.name !== 'paused' || until > state.until.getTime()) pause(until);
    schedule();
  }

  function pause(until: number): void {
    cancelPause();
    state = { name: 'paused', until: new Date(until) };
    cancelPause = clock.after(until - time(), () => {
      state = { name: 'sending' };
      awaitHold();
      schedule();
    });
  }

  function awaitHold(): void {
    cancelHold();
    const until = holds.next(time());
    if (until === undefined) return;
    cancelHold = clock.after(until - time(), () => {
      awaitHold();
      schedule();
    });
  }

  function landed(number: number): string | undefined {
    const report = inFlight.get(number);
    if (report === undefined) return undefined;
    size -= report.size;
    inFlight.delete(number);
    return report.object;
  }

  function stop(): void {
    cancelPump();
    cancelPause();
    cancelHold();
    isScheduled = false;
    inFlight.clear();
    holds.clear();
    size = 0;
    state = { name: 'down' };
  }

  /** Where the disk has no room for an answer, the report has none: it is sent again, which its preconditions make harmless. */
  function keep(number: number, outcome: ReportOutcome): ReportOutcome {
    try {
      outbox.answer(number, outcome);
      return outcome;
    } catch (err) {
      if (!(err instanceof HawserError && err.code === 'too_large')) throw err;
      logger.error({ err, number }, 'answer to a report not kept: it is sent again');
      const none: ReportOutcome = { type: 'unavailable', retryAfterMs: NOT_KEPT_WAIT_MS, message: err.message };
      outbox.answer(number, none);
      return none;
    }
  }

  function tellLosses(): void {
    try {
      outbox.welcomed(options.nodeName);
    } catch (err) {
      // A full disk is no reason to lose the link: what is in the outbox goes, and the loss is told next time.
      logger.error({ err }, 'dropped events not told yet');
    }
  }

  const unsubscribe = outbox.onEntry(schedule);

  return {
    up() {
      if (state.name !== 'down') return;
      state = { name: 'sending' };
      tellLosses();
      schedule();
    },
    down() {
      if (state.name === 'down') return;
      stop();
      outbox.release();
    },
    answer(number, answered) {
      // An answer that comes after the link was lost and made again is still true: the outbox knows what it is about.
      const object = landed(number);
      const outcome = keep(number, answered);
      counts[outcome.type] += 1;
      if (outcome.type === 'unavailable') {
        logger.debug({ number, retryAfterMs: outcome.retryAfterMs, detail: outcome.message }, 'report not taken yet');
        if (state.name !== 'down' && object !== undefined) unavailable(object, outcome.retryAfterMs, outcome.message);
        return;
      }
      if (object !== undefined) holds.answered(object);
      schedule();
    },
    state: () => state,
    blocked: () => holds.waiting(time()),
    stats: () => ({ inFlight: inFlight.size, held: holds.count(time()), ...counts }),
    close() {
      unsubscribe();
      stop();
    },
  };
}

function objectOf({ resource, namespace, name }: StorageKey): string {
  return `${resource}/${namespace}/${name}`;
}
