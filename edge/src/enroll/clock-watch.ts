import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { Reading, Uptime } from '../autonomy/index.ts';
import {
  type ClockVerdict,
  judgeClock,
  leastTime,
  mostTime,
  type NotedTime,
  readNotedTime,
  type TakenCertificate,
  writeNotedTime,
} from './device-time.ts';

/** Names of the facts in the store. */
export const CLOCK_FACTS = {
  /** See `NotedTime`. */
  noted: 'clock.noted',
  /** `right`, `behind`, `ahead` */
  verdict: 'clock.verdict',
  /** What the clock said when that was found, RFC 3339; empty where it is right. */
  said: 'clock.said',
} as const;

/** The time is noted so often, in milliseconds: it costs one write of the flash, and what is lost over a boot is not more. */
const NOTE_EVERY_MS = 3_600_000;

export interface ClockWatchOptions {
  readonly store: {
    fact(name: string): string | undefined;
    setFacts(facts: Readonly<Record<string, string>>): void;
  };
  readonly clock: Clock;
  readonly uptime: Uptime;
  /** Latest beginning of the certificates that the device holds. In milliseconds since 1970. */
  readonly certifiedMs: number;
  readonly logger: Logger;
}

/** What a relay has shown about the time, by welcoming us. */
export interface Welcomed {
  /** End of our certificate: the relay took it. In milliseconds since 1970. */
  readonly endsMs: number;
  /** Whether the relay's chain was valid at what our clock said. */
  readonly isRelayInTime: boolean;
}

/** Whether the device's clock can be believed; and the best that is known of the time. */
export interface ClockWatch {
  verdict(): ClockVerdict;
  /** In milliseconds since 1970: what the clock says, or where that is wrong, the least that the time can be. */
  nowMs(): number;
  /** What the clock says, right or wrong. */
  wall(): Date;
  /** The same; undefined where no check may go by it. */
  trusted(): Date | undefined;
  /** A certificate that our authority has signed begins then: so much is certain. */
  certified(beginsMs: number): void;
  welcomed(seen: Welcomed): void;
  /** What the clock of a relay that is trusted says now. In milliseconds since 1970. */
  heard(timeMs: number): void;
  /**
   * The clock less the relay's, in milliseconds: as it was at the last dial, and with what the clock has been set or has drifted by since, which
   * the clock that nobody can set tells. Undefined where no relay has told its time since the start.
   */
  offsetMs(): number | undefined;
  stop(): void;
}

/** The store may be on a full disk, which is no reason to lose a link: what cannot be noted is logged. */
export function watchClock({ store, clock, uptime, certifiedMs, logger }: ClockWatchOptions): ClockWatch {
  let certified = certifiedMs;
  let noted: NotedTime = begin();
  let taken: TakenCertificate | undefined;
  let heard: { readonly timeMs: number; readonly uptimeMs: number } | undefined;
  let told: ClockVerdict = 'right';
  let cancel = clock.after(NOTE_EVERY_MS, noteAgain);

  /** From here on what passes counts, over the boot before which the last note was made, too. */
  function begin(): NotedTime {
    const now = reading();
    return { ...now, timeMs: leastTime(readNotedTime(store.fact(CLOCK_FACTS.noted)), now, certified) };
  }

  function reading(): Reading {
    return { bootId: uptime.bootId, uptimeMs: uptime.now(), wallMs: clock.now().getTime() };
  }

  function judge(): ClockVerdict {
    const now = reading();
    const leastMs = leastTime(noted, now, certified);
    const verdict = judgeClock(now.wallMs, leastMs, mostTime(taken, now));
    if (verdict !== told) tell(verdict, now.wallMs, leastMs);
    return verdict;
  }

  function tell(verdict: ClockVerdict, wallMs: number, leastMs: number): void {
    told = verdict;
    const said = new Date(wallMs).toISOString();
    const fields = { clock: said, least: new Date(leastMs).toISOString(), verdict };
    if (verdict === 'right') logger.info(fields, 'the clock of this device is right again');
    else logger.error(fields, 'the clock of this device is wrong');
    keep({ [CLOCK_FACTS.verdict]: verdict, [CLOCK_FACTS.said]: verdict === 'right' ? '' : said });
  }

  /** The clock's own word is noted only where a relay has confirmed it: a clock that was ahead for an hour would be wrong ever after. */
  function note(timeMs: number, { bootId, uptimeMs }: Reading): void {
    noted = { timeMs, bootId, uptimeMs };
    keep({ [CLOCK_FACTS.noted]: writeNotedTime(noted) });
  }

  function noteAgain(): void {
    const now = reading();
    note(leastTime(noted, now, certified), now);
    judge();
    cancel = clock.after(NOTE_EVERY_MS, noteAgain);
  }

  function keep(facts: Readonly<Record<string, string>>): void {
    try {
      store.setFacts(facts);
    } catch (err) {
      logger.error({ err }, 'time not noted');
    }
  }

  keep({ [CLOCK_FACTS.verdict]: 'right', [CLOCK_FACTS.said]: '' });
  judge();
  return {
    verdict: judge,
    nowMs() {
      const verdict = judge();
      const now = reading();
      return verdict === 'right' ? now.wallMs : leastTime(noted, now, certified);
    },
    wall: () => clock.now(),
    trusted: () => (judge() === 'right' ? clock.now() : undefined),
    certified(beginsMs) {
      certified = Math.max(certified, beginsMs);
      judge();
    },
    welcomed({ endsMs, isRelayInTime }) {
      const now = reading();
      taken = { endsMs, at: now };
      // A clock that was ahead at an earlier welcome has left a note that is ahead too; the relay's certificate says that it is not now.
      if (isRelayInTime && judgeClock(now.wallMs, certified, mostTime(taken, now)) === 'right') note(now.wallMs, now);
      judge();
    },
    heard(timeMs) {
      heard = { timeMs, uptimeMs: uptime.now() };
    },
    offsetMs() {
      if (heard === undefined) return undefined;
      return clock.now().getTime() - (heard.timeMs + uptime.now() - heard.uptimeMs);
    },
    stop: () => cancel(),
  };
}
