import { createHash, type X509Certificate } from 'node:crypto';

/** The part of a certificate's life after which the next one is asked for: chosen between these two. */
const EARLIEST_PART = 0.7;
const LATEST_PART = 0.9;
/**
 * With this part of its life left, a link that was made with the old certificate is made anew with the next one, in a quiet moment: most
 * links break by themselves long before.
 */
const REDIAL_PART = 0.05;
/** With this part left it is made anew in any moment. */
const FORCED_REDIAL_PART = 0.025;
/** Digits of the hash that the choice is made from: as many as a double holds exactly. */
const CHOICE_DIGITS = 12;

/** When what is to be done about a certificate. In milliseconds since 1970. */
export interface RenewalTimes {
  readonly beginsMs: number;
  /** The next one is asked for. */
  readonly renewMs: number;
  /** A link made with this one is made anew in the next quiet moment, if the next one is there. */
  readonly redialMs: number;
  /** … in any moment. */
  readonly forcedRedialMs: number;
  readonly endsMs: number;
}

/**
 * The choice is made from the hash of the certificate (its key and serial number are in it): another one for each device, so that a fleet
 * that joined on one day does not renew in one moment, and the same after each start, so that nobody is put off by restarts.
 */
export function renewalTimes(certificate: X509Certificate): RenewalTimes {
  const beginsMs = certificate.validFromDate.getTime();
  const endsMs = certificate.validToDate.getTime();
  const lifeMs = endsMs - beginsMs;
  const part = EARLIEST_PART + (LATEST_PART - EARLIEST_PART) * choiceOf(certificate);
  return {
    beginsMs,
    renewMs: beginsMs + Math.floor(part * lifeMs),
    redialMs: endsMs - Math.floor(REDIAL_PART * lifeMs),
    forcedRedialMs: endsMs - Math.floor(FORCED_REDIAL_PART * lifeMs),
    endsMs,
  };
}

/** At least 0, below 1. */
function choiceOf({ raw }: X509Certificate): number {
  const hash = createHash('sha256').update(raw).digest('hex').slice(0, CHOICE_DIGITS);
  return Number.parseInt(hash, 16) / 16 ** CHOICE_DIGITS;
}
