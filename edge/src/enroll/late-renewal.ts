import type { Logger } from 'pino';
import type { LinkFailure } from '../link/index.ts';
import { checkAuthorities, checkIssued } from './checks.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { EnrolClient, EnrolledDevice, EnrolOutcome } from './enrol-client.ts';
import type { NotIssued } from './renewal.ts';
import type { Credential, Identity, IdentityFolder } from './types.ts';

export interface LateRenewalOptions {
  readonly folder: IdentityFolder;
  /** A client that trusts these authorities, at the time that is to be gone by. */
  readonly client: (authorities: Identity['authorities'], signal: AbortSignal) => EnrolClient;
  readonly watch: Pick<ClockWatch, 'trusted'>;
  readonly logger: Logger;
}

/** `text`: for the person at the device. */
export type LateOutcome =
  | { readonly type: 'issued'; readonly url: string }
  | { readonly type: 'notIssued'; readonly why: NotIssued; readonly retryAfterMs: number; readonly text: string };

/** Refusals that another of our keys may not meet: the relay goes by one of them, and we may not know which. */
const OF_THE_KEY: ReadonlySet<string> = new Set(['otherKey', 'notOurs', 'beyondGrace']);
/** Refusals that a person has to do something about. */
const FOR_GOOD: ReadonlySet<string> = new Set([...OF_THE_KEY, 'revoked']);

/**
 * A certificate that has ended is followed by a new one, at the enrolment endpoint: each address in turn until one answers, with each key
 * that the folder has, the newest first. What comes is written as `next`, as that of a renewal in time.
 */
export async function renewLate(
  identity: Identity,
  relays: readonly string[],
  { folder, client, watch, logger }: LateRenewalOptions,
  signal: AbortSignal,
): Promise<LateOutcome> {
  const key = folder.requestKey();
  const asking = client(identity.authorities, signal);
  let last: LateOutcome = { type: 'notIssued', why: 'later', retryAfterMs: 0, text: 'there is no relay to ask' };
  for (const credential of credentialsOf(identity)) {
    for (const url of relays) {
      const outcome = await asking.renew(url, { credential, key });
      if (outcome.type === 'enrolled') {
        keep(outcome.device, identity, key, folder, watch.trusted());
        return { type: 'issued', url };
      }
      last = notIssued(outcome);
      logger.debug({ url, text: last.text }, 'late renewal not given');
      if (outcome.type !== 'refused') continue;
      if (!FOR_GOOD.has(outcome.reason)) continue;
      if (OF_THE_KEY.has(outcome.reason)) break;
      return last;
    }
  }
  return last;
}

function credentialsOf({ current, next }: Identity): readonly Credential[] {
  return next === undefined ? [current] : [next, current];
}

/** The authorities first: with them alone the device is as well off as before. @throws HawserError for what does not pass */
function keep(
  { certificates, authorities }: EnrolledDevice,
  { nodeName }: Identity,
  key: Credential['key'],
  folder: IdentityFolder,
  now: Date | undefined,
): void {
  const trusted = checkAuthorities(
    authorities.map(({ raw }) => raw),
    now,
  );
  const issued = checkIssued({ certificates: certificates.map(({ raw }) => raw), nodeName, key, authorities: trusted, now });
  folder.writeAuthorities(trusted);
  folder.writeNext(issued);
}

function notIssued(outcome: Exclude<EnrolOutcome, { type: 'enrolled' }>): Extract<LateOutcome, { type: 'notIssued' }> {
  if (outcome.type === 'failed') return { type: 'notIssued', why: 'later', retryAfterMs: 0, text: words(outcome.failure) };
  const { reason, message, retryAfterMs } = outcome;
  const why = FOR_GOOD.has(reason) ? 'refused' : 'later';
  return { type: 'notIssued', why, retryAfterMs, text: `${reason}: ${message}` };
}

function words({ kind, detail }: LinkFailure): string {
  return `${kind}: ${detail}`;
}
