import { createPublicKey, type X509Certificate } from 'node:crypto';
import { authoritiesDigest, HawserError, type Renew, type RenewalOutcome, renewalProof, signProof } from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../api/clock.ts';
import type { Uptime } from '../autonomy/index.ts';
import { failure, type LinkFailure, type LinkState, type LinkTls } from '../link/index.ts';
import { checkAuthorities, checkIssued } from './checks.ts';
import type { ClockWatch } from './clock-watch.ts';
import { DialFaults } from './dial-faults.ts';
import { certificatesText, keyText } from './identity-files.ts';
import { type LateOutcome, type LateRenewalOptions, renewLate } from './late-renewal.ts';
import type { RelayClock } from './relay-clock.ts';
import {
  beginRenewal,
  credentialFor,
  type NotIssued,
  type Renewal,
  type RenewalEffect,
  type RenewalEvent,
  renewalStep,
  type Which,
} from './renewal.ts';
import { renewalText } from './renewal-text.ts';
import { renewalTimes } from './renewal-times.ts';
import type { Credential, Identity, IdentityFolder } from './types.ts';

export interface KeeperOptions {
  readonly folder: IdentityFolder;
  readonly identity: Identity;
  /** For late renewals. */
  readonly relays: readonly string[];
  readonly client: LateRenewalOptions['client'];
  readonly watch: ClockWatch;
  readonly relayClock: RelayClock;
  /** In OpenSSL's form; undefined: Node's default. */
  readonly ecdhCurve: string | undefined;
  readonly clock: Clock;
  readonly uptime: Uptime;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly logger: Logger;
  /** Something of `news` has changed. */
  readonly onNews: () => void;
}

/** What a keeper does with the link, once there is one. */
export interface KeptLink {
  state(): LinkState;
  redial(reason: string): void;
  send(message: Renew): void;
  /** Nothing is under way that a new link would hold up. */
  isQuiet(): boolean;
}

/** Since the process began. */
export interface RenewalStats {
  /** By what became of them; `late…` at the enrolment endpoint. */
  readonly renewals: Readonly<Partial<Record<RenewalCount, number>>>;
  /** End of the certificate that links are made with, in milliseconds since 1970. */
  readonly endsMs: number;
}

export type RenewalCount = 'issued' | NotIssued | 'promoted' | 'fallenBack' | 'lateIssued' | `late${Capitalize<NotIssued>}`;

/** For `hawser-agent status`. */
export interface RenewalNews {
  readonly endsMs: number;
  readonly authorities: readonly X509Certificate[];
  /** What the renewal is doing, in a line. */
  readonly text: string;
  /** Undefined when none was promoted in this process. */
  readonly renewedMs: number | undefined;
}

/** Keeps the device's certificate from ending, and follows the authorities that relays tell. */
export interface Keeper {
  /** With what to dial; a failure where there is nothing now. @throws HawserError `bad_config` for a folder that is broken */
  tls(): LinkTls | LinkFailure;
  /** Of the hello. */
  authorities(): string;
  linkChanged(state: LinkState): void;
  /** The relay does not want the device that has our key: it says goodbye. @returns whether there is another one that it may want */
  revoked(): boolean;
  renewed(outcome: RenewalOutcome): void;
  follow(certificates: readonly Uint8Array[]): void;
  start(link: KeptLink): void;
  stats(): RenewalStats;
  news(): RenewalNews;
  stop(): void;
}

/** How often is looked whether something is due, in milliseconds: in this part of the certificate's life, within these bounds. */
const LOOK_PART_OF_LIFE = 1 / 200;
const LOOK_BOUNDS_MS = { least: 100, most: 60_000 };
/** A dial, or the link that came of it. */
interface Dialled {
  readonly which: Which;
  readonly credential: Credential;
  isOpen: boolean;
}

export function createKeeper(options: KeeperOptions): Keeper {
  const { folder, relays, watch, relayClock, clock, uptime, logger } = options;
  const ending = new AbortController();
  let identity = options.identity;
  let renewal: Renewal = beginRenewal(identity.next !== undefined);
  let dialled: Dialled | undefined;
  let link: KeptLink | undefined;
  let isRevoked = false;
  const faults = new DialFaults();
  let why = '';
  let renewedMs: number | undefined;
  let cancelLook = () => {};
  const counts: Record<RenewalCount, number> = {
    ...{ issued: 0, later: 0, refused: 0, unusable: 0, promoted: 0, fallenBack: 0 },
    ...{ lateIssued: 0, lateLater: 0, lateRefused: 0, lateUnusable: 0 },
  };

  function step(event: RenewalEvent): void {
    const before = renewal.state.name;
    const { renewal: after, effects } = renewalStep(renewal, event, {
      timeMs: watch.nowMs(),
      upMs: uptime.now(),
      times: renewalTimes(identity.current.certificates[0]),
      hasNext: identity.next !== undefined,
      random: options.random(),
    });
    renewal = after;
    if (before === 'tryingNext' && after.state.name === 'fallenBack') {
      counts.fallenBack += 1;
      logger.warn({ event }, 'the relay does not take the renewed certificate: the one before it serves again');
    }
    for (const effect of effects) perform(effect);
    if (after.state.name !== before) options.onNews();
  }

  function perform(effect: RenewalEffect): void {
    switch (effect) {
      case 'ask':
        attempt(() => ask());
        return;
      case 'promote':
        promote();
        return;
      case 'redial':
        link?.redial('another certificate is to be used');
        return;
      case 'renewLate':
        void late();
        return;
    }
  }

  /** What cannot be done now, on a full disk for one, is an attempt that failed. */
  function attempt(work: () => void): void {
    try {
      work();
    } catch (err) {
      logger.error({ err }, 'certificate not renewed');
      notIssued(err instanceof HawserError && err.code === 'malformed_request' ? 'unusable' : 'later', 0, textOf(err));
    }
  }

  function ask(): void {
    if (dialled === undefined || link === undefined) throw new HawserError('unreachable', 'there is no link');
    // Written before it is asked for: if the answer is lost, the same is asked for again.
    const key = folder.requestKey();
    const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
    const proof = signProof(renewalProof(dialled.credential.certificates[0]), key);
    link.send({ type: 'renew', publicKey, proof });
    logger.info({ ends: timeText(identity.current.certificates[0].validToDate.getTime()) }, 'renewal asked for');
  }

  function notIssued(reason: NotIssued, retryAfterMs: number, text: string): void {
    counts[reason] += 1;
    why = text;
    step({ type: 'notIssued', why: reason, retryAfterMs });
  }

  function promote(): void {
    try {
      folder.promoteNext();
      reload();
      renewedMs = watch.nowMs();
      counts.promoted += 1;
      why = '';
      logger.info({ ends: timeText(endsMs()) }, 'certificate renewed');
    } catch (err) {
      // The next look tries again; until then `next` is the one that is dialled with where the current one is refused.
      logger.error({ err }, 'renewed certificate not put in place of the one before it');
    }
  }

  async function late(): Promise<void> {
    logger.warn(
      { ends: timeText(endsMs()) },
      hasEnded()
        ? "this device's certificate has ended: asked for another at the enrolment endpoint"
        : "relays do not take this device's certificate: asked for another at the enrolment endpoint",
    );
    let outcome: LateOutcome;
    try {
      outcome = await renewLate(identity, relays, { folder, client: options.client, watch, logger }, ending.signal);
      // Who runs "hawser-agent join" meanwhile may have left another device's identity.
      if (outcome.type === 'issued' && !ending.signal.aborted) reload();
    } catch (err) {
      if (ending.signal.aborted) return;
      logger.error({ err }, 'certificate not renewed');
      outcome = { type: 'notIssued', why: 'unusable', retryAfterMs: 0, text: textOf(err) };
    }
    if (ending.signal.aborted) return;
    if (outcome.type === 'issued') {
      counts.lateIssued += 1;
      logger.info({ url: outcome.url }, 'late renewal given');
      step({ type: 'issued' });
      return;
    }
    const { retryAfterMs, text } = outcome;
    counts[LATE_COUNTS[outcome.why]] += 1;
    const isNews = text !== why;
    why = text;
    logger[isNews ? 'error' : 'debug']({ why: text }, 'late renewal not given: pods go on, and the device has no link');
    step({ type: 'notIssued', why: outcome.why, retryAfterMs });
  }

  /** What the folder holds now. @throws HawserError `bad_config` for one that is broken, or another device's */
  function reload(): void {
    const read = folder.read();
    if (read === undefined) throw new HawserError('bad_config', 'the identity of this device is gone: join again');
    if (read.nodeName !== identity.nodeName) {
      throw new HawserError(
        'bad_config',
        `the identity is of ${read.nodeName} now, and this agent runs as ${identity.nodeName}: restart it`,
      );
    }
    identity = read;
    for (const { certificates } of [read.current, read.next ?? read.current]) {
      watch.certified(certificates[0].validFromDate.getTime());
    }
  }

  function endsMs(): number {
    return identity.current.certificates[0].validToDate.getTime();
  }

  /** A late renewal is also asked for after relays have cut a valid one off, as they do with one that they do not take. */
  function hasEnded(): boolean {
    return watch.nowMs() > endsMs();
  }

  function failed(reason: LinkFailure): void {
    if (dialled === undefined) return;
    const { which, credential, isOpen } = dialled;
    const isPast = watch.nowMs() > credential.certificates[0].validToDate.getTime();
    const fault = faults.failed({ kind: reason.kind, which, hasEnded: isPast, isUnwanted: isRevoked });
    dialled = undefined;
    isRevoked = false;
    relayClock.failed(reason.kind);
    step(isOpen ? { type: 'down' } : { type: 'dialFailed', with: which, fault });
  }

  function look(): void {
    if (dialled?.which === 'next' && dialled.isOpen && identity.next !== undefined) promote();
    const isOpen = link?.state().name === 'open';
    step({ type: 'tick', link: !isOpen ? 'none' : link?.isQuiet() ? 'open' : 'busy' });
    scheduleLook();
  }

  function scheduleLook(): void {
    const { beginsMs, endsMs: end } = renewalTimes(identity.current.certificates[0]);
    const part = (end - beginsMs) * LOOK_PART_OF_LIFE;
    cancelLook = clock.after(Math.min(LOOK_BOUNDS_MS.most, Math.max(LOOK_BOUNDS_MS.least, part)), look);
  }

  return {
    tls() {
      dialled = undefined;
      const before = identity.current.certificates[0].fingerprint256;
      reload();
      // Another join, made beside us, begins everything anew.
      if (identity.current.certificates[0].fingerprint256 !== before) renewal = beginRenewal(identity.next !== undefined);
      const which = credentialFor(renewal);
      if (which === undefined) {
        const waitMs = renewal.state.name === 'endedWaiting' ? renewal.state.until - uptime.now() : Number.POSITIVE_INFINITY;
        const because = why === '' ? '' : `: ${why}`;
        return hasEnded()
          ? failure('ownCertificateEnded', `this device's certificate ended ${timeText(endsMs())}${because}`, waitMs)
          : failure('ownCertificate', `no relay takes this device's certificate${because}`, waitMs);
      }
      const credential = (which === 'next' ? identity.next : undefined) ?? identity.current;
      dialled = { which: credential === identity.current ? 'current' : 'next', credential, isOpen: false };
      step({ type: 'dialling' });
      return relayClock.apply({
        cert: certificatesText(credential.certificates),
        key: keyText(credential.key),
        ca: certificatesText(identity.authorities),
        ecdhCurve: options.ecdhCurve,
      });
    },
    authorities: () => authoritiesDigest(identity.authorities),
    linkChanged(state) {
      if (state.name === 'open' && dialled !== undefined && !dialled.isOpen) {
        dialled.isOpen = true;
        faults.opened();
        const ends = dialled.credential.certificates[0].validToDate.getTime();
        watch.welcomed({ endsMs: ends, isRelayInTime: relayClock.opened() });
        step({ type: 'welcomed', with: dialled.which });
      } else if (state.name === 'waiting') failed(state.reason);
    },
    revoked() {
      isRevoked = true;
      return identity.next !== undefined;
    },
    renewed(outcome) {
      if (renewal.state.name !== 'asked') return;
      if (outcome.type === 'unavailable') return notIssued('later', outcome.retryAfterMs, outcome.message);
      if (outcome.type === 'refused') {
        logger.error({ code: outcome.code, reason: outcome.reason, message: outcome.message }, 'renewal refused');
        return notIssued('refused', 0, `${outcome.reason}: ${outcome.message}`);
      }
      attempt(() => {
        const { nodeName, authorities } = identity;
        const { certificates } = outcome;
        const issued = checkIssued({ certificates, nodeName, key: folder.requestKey(), authorities, now: watch.trusted() });
        folder.writeNext(issued);
        reload();
        counts.issued += 1;
        why = '';
        logger.info({ ends: timeText(issued[0].validToDate.getTime()) }, 'the next certificate is here');
        step({ type: 'issued' });
      });
    },
    follow(certificates) {
      try {
        const authorities = checkAuthorities(certificates, watch.trusted());
        folder.writeAuthorities(authorities);
        identity = { ...identity, authorities };
        logger.info({ authorities: authoritiesDigest(authorities) }, 'authorities followed');
        options.onNews();
      } catch (err) {
        logger.error({ err }, 'authorities not followed: those before them stay');
      }
    },
    start(kept) {
      link = kept;
      scheduleLook();
      options.onNews();
    },
    stats: () => ({ renewals: { ...counts }, endsMs: endsMs() }),
    news: () => ({
      endsMs: endsMs(),
      authorities: identity.authorities,
      text: renewalText(renewal.state, {
        why,
        renewMs: renewalTimes(identity.current.certificates[0]).renewMs,
        hasEnded: hasEnded(),
      }),
      renewedMs,
    }),
    stop() {
      ending.abort();
      cancelLook();
    },
  };
}

const LATE_COUNTS = { later: 'lateLater', refused: 'lateRefused', unusable: 'lateUnusable' } as const;

function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
