import type { X509Certificate } from 'node:crypto';
import { type Enrolled, HawserError, type Refusal, type RefusalReason } from '@hawser/protocol';
import type { Bound } from '../../ops/bounds.ts';
import type { IssuedChain } from '../types.ts';

/** What came of a request for a certificate. */
export type Outcome = EnrolledOutcome | RefusedOutcome;

export interface EnrolledOutcome {
  readonly type: 'enrolled';
  readonly how: 'joined' | 'renewed';
  readonly enrolled: Enrolled;
  /** For our own log. */
  readonly about: About;
}

export interface RefusedOutcome {
  readonly type: 'refused';
  readonly refusal: Refusal;
  readonly status: number;
  /** Seconds; undefined where it helps nobody to come again. */
  readonly retryAfter: number | undefined;
  /** That it was over. */
  readonly bound: Bound | undefined;
  readonly about: About;
}

/** What a line of the log says of a request; never a secret. */
export interface About {
  readonly node?: string;
  readonly tokenId?: string;
  /** What the device is not told. */
  readonly detail?: string;
  /** What made us unable to answer. */
  readonly err?: unknown;
}

const STATUS: Readonly<Record<RefusalReason, number>> = {
  badRequest: 400,
  badProof: 403,
  badToken: 403,
  otherNode: 403,
  tokenUsed: 403,
  nameHeld: 409,
  mayNotReplace: 403,
  revoked: 403,
  otherKey: 403,
  notOurs: 403,
  beyondGrace: 403,
  tooMany: 429,
  notNow: 503,
};

/** Until an API server or an authority may be there; in seconds. */
export const NOT_NOW_SECONDS = 10;

export function refused(
  reason: RefusalReason,
  message: string,
  about: About = {},
  { status = STATUS[reason], retryAfter, bound }: { status?: number; retryAfter?: number; bound?: Bound } = {},
): RefusedOutcome {
  return { type: 'refused', refusal: { reason, message }, status, retryAfter, bound, about };
}

export function tooMany(bound: Bound, message: string, waitMs: number, about: About = {}): RefusedOutcome {
  return refused('tooMany', message, about, { bound, retryAfter: Math.max(Math.ceil(waitMs / 1000), 1) });
}

export function notNow(message: string, about: About = {}): RefusedOutcome {
  return refused('notNow', message, about, { retryAfter: NOT_NOW_SECONDS });
}

/** What was thrown on the way to an answer: a request that is wrong, or something that we cannot do now. */
export function refusedBy(error: unknown, about: About = {}): RefusedOutcome {
  if (error instanceof HawserError && error.code === 'malformed_request') return refused('badRequest', error.message, about);
  return notNow('the relay cannot do it now: its log says why', { ...about, err: error });
}

export function enrolled(
  how: EnrolledOutcome['how'],
  nodeName: string,
  chain: IssuedChain,
  authorities: readonly X509Certificate[],
  about: About,
): EnrolledOutcome {
  const raw = (certificates: readonly X509Certificate[]) => certificates.map((certificate) => certificate.raw);
  return { type: 'enrolled', how, enrolled: { nodeName, certificates: raw(chain), authorities: raw(authorities) }, about };
}
