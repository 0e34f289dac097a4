import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

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
  const anyTime = pathFrom(leaf, intermediates, roots, () => true, MAX_BETWEEN);
  if (anyTime === undefined) return { type: 'refused', why: 'untrusted' };
  if (at === 'anyTime') return { type: 'trusted', root: anyTime };
  const inTime = pathFrom(leaf, intermediates, roots, (certificate) => isValidAt(certificate, at), MAX_BETWEEN);
  return inTime === undefined ? { type: 'refused', why: 'outOfTime' } : { type: 'trusted', root: inTime };
}

/** The root that a chain from `certificate` ends in, over certificates that are all acceptable. */
function pathFrom(
  certificate: X509Certificate,
  between: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  isAcceptable: (certificate: X509Certificate) => boolean,
  depth: number,
): X509Certificate | undefined {
  if (!isAcceptable(certificate)) return undefined;
  const root = roots.find((candidate) => isIssuer(candidate, certificate) && isAcceptable(candidate));
  if (root !== undefined || depth === 0) return root;
  for (const next of between) {
    if (!isIssuer(next, certificate)) continue;
    const rest = between.filter((other) => other !== next);
    const found = pathFrom(next, rest, roots, isAcceptable, depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt({ validFromDate, validToDate }: X509Certificate, at: Date): boolean {
  return validFromDate <= at && at <= validToDate;
}

function isFor(leaf: X509Certificate, host: string): boolean {
  return (
    (isIP(host) === 0 ? leaf.checkHost(host, { subject: 'never', partialWildcards: false }) : leaf.checkIP(host)) !== undefined
  );
}
