import type { RenewalTimes } from './renewal-times.ts';

/** Which of the folder's credentials a link is made with. */
export type Which = 'current' | 'next';

/**
 * How a device's certificate follows the one before it.
 *
 * | state | meaning | link is dialled with | left by |
 * |---|---|---|---|
 * | idle | the certificate serves, and the next one is not asked for yet | current | its time has come, on an open link → asked |
 * | asked | `Renew` is out on the open link | current | issued → nextThere; refused, unavailable, no answer, link gone → waiting |
 * | waiting | not now: asked again at `until` | current | time, on an open link → asked |
 * | nextThere | the next certificate is written, and the link is still the old one's, or there is none | next | dialling → tryingNext; a quiet moment near the old one's end → nextThere, with the link made anew |
 * | tryingNext | a link is being made with it | next | welcomed → idle (promoted); refused → fallenBack; another failure → nextThere |
 * | fallenBack | the relay did not take the next one; both are kept, see below | current | welcomed → waiting (another is asked for) |
 * | ended | the relay says that ours has ended: a late renewal is under way | none | issued → nextThere; refused, unavailable → endedWaiting |
 * | endedWaiting | dialled again at `until`, and where that is refused, ended again | none, and after `until` as if idle or nextThere | time → idle or nextThere |
 *
 * From all of them: a dial that fails since the certificate has ended → ended, but for tryingNext, which falls back first; one with the
 * current certificate that is refused, while a next one is there → nextThere.
 *
 * A key is given up only when it is certain that the relay goes by the other one. It takes the next key in place of the old one when it
 * has welcomed a link with it, which the device may never hear of; and a refusal may come from a replica that lags, or from something
 * between. So a next certificate that was refused stays, and is tried again where the old one is refused too. It goes when another takes
 * its place: that was certified for the old key, which the relay went by then.
 */
export type RenewalState =
  /** A clock that jumps asks for no more than a few in the life of one: none before `restUntil`. */
  | { readonly name: 'idle'; readonly restUntil: number }
  | { readonly name: 'asked'; readonly until: number }
  | { readonly name: 'waiting'; readonly until: number }
  | { readonly name: 'nextThere' }
  | { readonly name: 'tryingNext' }
  | { readonly name: 'fallenBack' }
  | { readonly name: 'ended' }
  | { readonly name: 'endedWaiting'; readonly until: number };

export interface Renewal {
  readonly state: RenewalState;
  /** Attempts that have failed since a relay has taken a next certificate. */
  readonly failures: number;
}

/**
 * What an attempt came to. `later`: no answer, or not now; `refused`: for good as far as the relay is concerned; `unusable`: an answer
 * that does not pass our checks.
 */
export type NotIssued = 'later' | 'refused' | 'unusable';

/** Why a dial failed, as far as it concerns certificates: the relay does not take ours, it says or we know that it has ended, or neither. */
export type DialFault = 'refused' | 'ended' | 'other';

export type RenewalEvent =
  | { readonly type: 'tick'; readonly link: 'open' | 'busy' | 'none' }
  | { readonly type: 'issued' }
  | { readonly type: 'notIssued'; readonly why: NotIssued; readonly retryAfterMs: number }
  | { readonly type: 'dialling' }
  | { readonly type: 'welcomed'; readonly with: Which }
  | { readonly type: 'dialFailed'; readonly with: Which; readonly fault: DialFault }
  /** A link that was open is gone. */
  | { readonly type: 'down' };

/** `redial`: ends an open link for a new one, or dials at once where the next dial waits. */
export type RenewalEffect = 'ask' | 'promote' | 'redial' | 'renewLate';

export interface RenewalFacts {
  /** In milliseconds since 1970: the best that is known of the time, see DeviceTime. */
  readonly timeMs: number;
  /** In milliseconds, by the clock that nobody can set: waits are counted by it. */
  readonly upMs: number;
  /** Of the current certificate. */
  readonly times: RenewalTimes;
  readonly hasNext: boolean;
  /** At least 0, below 1. */
  readonly random: number;
}

/**
 * A relay that does not answer by then will not, in milliseconds. Far above the time in which it gives up its API server: a second request
 * while one is under way breaks the protocol.
 */
export const ANSWER_TIMEOUT_MS = 5 * 60_000;

/**
 * Waits between attempts, in milliseconds: the first, doubled with each failure, up to the longest; and never more than a part of the
 * certificate's life, so that one of hours is not lost by a wait of hours.
 */
const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 3_600_000;
/** Who was refused will be refused again: a person has to do something about it. */
const REFUSED_WAIT_MS = 6 * 3_600_000;
const LONGEST_PART_OF_LIFE = 0.02;
/** No renewal follows another sooner, in parts of the life: below what `renewalTimes` leaves between two. */
const REST_PART_OF_LIFE = 0.3;
/** Doublings beyond which the longest holds long since. */
const MAX_DOUBLINGS = 20;

const NO_REST = Number.NEGATIVE_INFINITY;

/** Where a process begins, from what its folder holds. */
export function beginRenewal(hasNext: boolean): Renewal {
  return { state: hasNext ? { name: 'nextThere' } : { name: 'idle', restUntil: NO_REST }, failures: 0 };
}

/** With what a link is dialled; undefined: with nothing now. */
export function credentialFor({ state }: Renewal): Which | undefined {
  switch (state.name) {
    case 'nextThere':
    case 'tryingNext':
      return 'next';
    case 'ended':
    case 'endedWaiting':
      return undefined;
    default:
      return 'current';
  }
}

/** Pure: what follows from an event, and what is to be done. */
export function renewalStep(
  renewal: Renewal,
  event: RenewalEvent,
  facts: RenewalFacts,
): { readonly renewal: Renewal; readonly effects: readonly RenewalEffect[] } {
  const { state, failures } = renewal;
  const enter = (entered: RenewalState, ...effects: readonly RenewalEffect[]) => ({
    renewal: { state: entered, failures },
    effects,
  });
  const fail = (name: 'waiting' | 'endedWaiting', waitMs: number) => ({
    renewal: { state: { name, until: facts.upMs + waitMs }, failures: failures + 1 },
    effects: [],
  });
  const stay = { renewal, effects: [] };
  const lifeMs = facts.times.endsMs - facts.times.beginsMs;

  switch (event.type) {
    case 'tick':
      switch (state.name) {
        case 'idle':
          return event.link !== 'none' && facts.timeMs >= facts.times.renewMs && facts.upMs >= state.restUntil ? ask() : stay;
        case 'waiting':
          return event.link !== 'none' && facts.upMs >= state.until ? ask() : stay;
        case 'asked':
          return facts.upMs >= state.until ? fail('waiting', waitAfter('later', 0)) : stay;
        case 'nextThere':
          return isRedialDue(event.link) ? enter(state, 'redial') : stay;
        case 'endedWaiting':
          return facts.upMs >= state.until ? enter(beginRenewal(facts.hasNext).state, 'redial') : stay;
        default:
          return stay;
      }
    case 'issued':
      if (state.name === 'asked') return enter({ name: 'nextThere' });
      return state.name === 'ended' ? enter({ name: 'nextThere' }, 'redial') : stay;
    case 'notIssued':
      if (state.name === 'asked') return fail('waiting', waitAfter(event.why, event.retryAfterMs));
      if (state.name === 'ended') return fail('endedWaiting', waitAfter(event.why, event.retryAfterMs));
      return stay;
    case 'dialling':
      return state.name === 'nextThere' ? enter({ name: 'tryingNext' }) : stay;
    case 'welcomed':
      if (event.with === 'next') {
        const rested: RenewalState = { name: 'idle', restUntil: facts.upMs + REST_PART_OF_LIFE * lifeMs };
        return { renewal: { state: rested, failures: 0 }, effects: ['promote'] };
      }
      return state.name === 'fallenBack' ? fail('waiting', waitAfter('later', 0)) : stay;
    case 'dialFailed':
      return dialFailed(event.with, event.fault);
    case 'down':
      // Whether the relay has certified the key is not known: the same one is asked for again.
      return state.name === 'asked' ? fail('waiting', waitAfter('later', 0)) : stay;
  }

  function ask() {
    return enter({ name: 'asked', until: facts.upMs + ANSWER_TIMEOUT_MS }, 'ask');
  }

  function dialFailed(using: Which, fault: DialFault) {
    if (using === 'next') {
      if (state.name !== 'tryingNext') return stay;
      return enter({ name: fault === 'other' ? 'nextThere' : 'fallenBack' });
    }
    if (fault === 'other' || credentialFor(renewal) === undefined) return stay;
    if (fault === 'ended') return enter({ name: 'ended' }, 'renewLate');
    return facts.hasNext ? enter({ name: 'nextThere' }) : stay;
  }

  /** A link of the old certificate that would be the last one. */
  function isRedialDue(link: 'open' | 'busy' | 'none'): boolean {
    const { redialMs, forcedRedialMs } = facts.times;
    return (link === 'open' && facts.timeMs >= redialMs) || (link === 'busy' && facts.timeMs >= forcedRedialMs);
  }

  /** From half of the bound up to it, so that devices that were put off together do not come back together. */
  function waitAfter(why: NotIssued, retryAfterMs: number): number {
    const doubled = FIRST_WAIT_MS * 2 ** Math.min(failures, MAX_DOUBLINGS);
    const asked = why === 'refused' ? REFUSED_WAIT_MS : Math.max(Math.min(doubled, LONGEST_WAIT_MS), retryAfterMs);
    const bound = Math.min(asked, LONGEST_PART_OF_LIFE * lifeMs);
    return Math.ceil(bound * (0.5 + facts.random / 2));
  }
}
