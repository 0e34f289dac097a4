import type { KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { MAX_CERTIFICATES } from './limits.ts';

/** Extended key usages (RFC 5280, section 4.2.1.12). */
const USAGE_OIDS = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

/** Certificates between the leaf and the root: an authority's cross-certificate, and an operator's issuer or two. */
const MAX_BETWEEN = 4;

export interface ChainCheck {
  readonly leaf: X509Certificate;
  /** In any order; at most MAX_CERTIFICATES of them are looked at. */
  readonly intermediates: readonly X509Certificate[];
  /** What is trusted. Nothing else is: no store of the system. */
  readonly roots: readonly X509Certificate[];
  readonly usage: keyof typeof USAGE_OIDS;
  /** The time at which all of the chain must be valid. `'anyTime'` leaves time out, and only time. */
  readonly at: Date | 'anyTime';
  /** A DNS name or IP address that the leaf must be for. */
  readonly host?: string | undefined;
}

/**
 * | refused as | meaning |
 * |---|---|
 * | wrongUsage | the leaf is an authority, or not for this use |
 * | wrongHost | the leaf is not for that name or address |
 * | untrusted | no chain of valid signatures leads from it to a root |
 * | outOfTime | such a chain is there, and something in it has ended or not begun |
 */
export type ChainVerdict =
  | { readonly type: 'trusted'; readonly root: X509Certificate }
  | { readonly type: 'refused'; readonly why: 'wrongUsage' | 'wrongHost' | 'untrusted' | 'outOfTime' };

/**
 * Path validation (RFC 5280, section 6) as far as the certificates of a relay and its devices need it: signatures, issuers, basic
 * constraints, key usages, name, and time where it is wanted. It is ours because TLS says CERT_HAS_EXPIRED before it has looked at
 * who signed: of a stranger's expired certificate too.
 */
export function checkChain({ leaf, intermediates, roots, usage, at, host }: ChainCheck): ChainVerdict {
  if (leaf.ca || !(leaf.keyUsage ?? []).includes(USAGE_OIDS[usage])) return { type: 'refused', why: 'wrongUsage' };
  if (host !== undefined && !isFor(leaf, host)) return { type: 'refused', why: 'wrongHost' };
  const anyTime = pathFrom(leaf, intermediates, roots, () => true);
  if (anyTime === undefined) return { type: 'refused', why: 'untrusted' };
  if (at === 'anyTime') return { type: 'trusted', root: anyTime };
  const inTime = pathFrom(leaf, intermediates, roots, (certificate) => isValidAt(certificate, at));
  return inTime === undefined ? { type: 'refused', why: 'outOfTime' } : { type: 'trusted', root: inTime };
}

/**
 * The root that the shortest chain from `leaf` ends in, over certificates that are all acceptable. Each is looked at once, so that
 * many that all seem to have issued each other cost no more signatures than pairs of them.
 */
function pathFrom(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  isAcceptable: (certificate: X509Certificate) => boolean,
): X509Certificate | undefined {
  let ends = [leaf].filter(isAcceptable);
  let rest = between.slice(0, MAX_CERTIFICATES).filter(isAcceptable);
  const trusted = roots.filter(isAcceptable);
  for (let depth = 0; depth <= MAX_BETWEEN && ends.length > 0; depth += 1) {
    const issued = ends;
    const root = trusted.find((candidate) => issued.some((certificate) => isIssuer(candidate, certificate)));
    if (root !== undefined) return root;
    ends = rest.filter((candidate) => issued.some((certificate) => isIssuer(candidate, certificate)));
    rest = rest.filter((candidate) => !ends.includes(candidate));
  }
  return undefined;
}

function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  if (!issuer.ca || !certificate.checkIssued(issuer)) return false;
  const key = publicKeyOf(issuer);
  return key !== undefined && certificate.verify(key);
}

/** Undefined for one of a kind that is not known here: what it has signed cannot be verified. */
export function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey;
  } catch {
    return undefined;
  }
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, at: Date): boolean {
  return validFromDate <= at && at <= validToDate;
}

function isFor(leaf: X509Certificate, host: string): boolean {
  return (
    (isIP(host) === 0 ? leaf.checkHost(host, { subject: 'never', partialWildcards: false }) : leaf.checkIP(host)) !== undefined
  );
}
