import type { KeyObject, X509Certificate } from 'node:crypto';
import { checkChain, HawserError, MAX_CERTIFICATES, publicKeyOf, readCertificate } from '@hawser/protocol';
import { nodeNameIn } from './identity-files.ts';

/** Sizes of RSA keys that authorities have, in bits: below, they can be broken; above, checking a signature takes long. */
const RSA_BITS = { least: 2048, most: 8192 };
const AUTHORITY_CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

export interface IssuedCheck {
  /** Leaf first, DER. */
  readonly certificates: readonly Uint8Array[];
  readonly nodeName: string;
  /** The one that was asked for; its public half must be the leaf's. */
  readonly key: KeyObject;
  readonly authorities: readonly X509Certificate[];
  /** Undefined where the clock is not to be believed. */
  readonly now: Date | undefined;
}

/**
 * What a renewal has brought, before any of it is used: the leaf is for our key and our name, for the use of a client, signed by an
 * authority that we know, and not ended. One that begins in a moment is taken: clocks differ.
 * @throws HawserError `malformed_request` that says what is wrong with it
 */
export function checkIssued({
  certificates,
  nodeName,
  key,
  authorities,
  now,
}: IssuedCheck): readonly [X509Certificate, ...X509Certificate[]] {
  if (certificates.length > MAX_CERTIFICATES) throw wrong(`it has more than ${MAX_CERTIFICATES} certificates`);
  const [leaf, ...between] = certificates.map(readCertificate);
  if (leaf === undefined) throw wrong('there is none in the answer');
  if (!leaf.checkPrivateKey(key)) throw wrong('it is for another key than was asked for');
  const named = nodeNameIn(leaf);
  if (named !== nodeName) throw wrong(`it is for ${named ?? 'no Node'}`);
  const at = now === undefined ? 'anyTime' : new Date(Math.max(now.getTime(), leaf.validFromDate.getTime()));
  const verdict = checkChain({ leaf, intermediates: between, roots: authorities, usage: 'client', at });
  if (verdict.type === 'refused') throw wrong(verdict.why);
  return [leaf, ...between];
}

/**
 * Whom relays are to be verified with from now on. Who is in the list is the relay's to say: the link that it came over was verified, and
 * whoever speaks on it could sign certificates anyway. Looked at is only that it cannot do harm by mistake: each is an authority with a
 * key that is usable and sound, and not all of them have ended.
 * @throws HawserError `malformed_request`
 */
export function checkAuthorities(
  certificates: readonly Uint8Array[],
  now: Date | undefined,
): readonly [X509Certificate, ...X509Certificate[]] {
  if (certificates.length > MAX_CERTIFICATES) throw wrong(`there are more than ${MAX_CERTIFICATES} authorities`);
  const [first, ...others] = certificates.map(readCertificate);
  if (first === undefined) throw wrong('no authority is in the list');
  const all = [first, ...others] as const;
  for (const certificate of all) {
    if (!certificate.ca) throw wrong(`${certificate.subject ?? 'one'} is no authority`);
    if (!isSoundKey(publicKeyOf(certificate))) throw wrong(`${certificate.subject ?? 'one'} has a key that is not usable here`);
  }
  if (now !== undefined && all.every(({ validToDate }) => validToDate < now)) throw wrong('all authorities have ended');
  return all;
}

function isSoundKey(key: KeyObject | undefined): boolean {
  const { asymmetricKeyType, asymmetricKeyDetails } = key ?? {};
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ec') return AUTHORITY_CURVES.has(namedCurve);
  return asymmetricKeyType === 'rsa' && modulusLength >= RSA_BITS.least && modulusLength <= RSA_BITS.most;
}

function wrong(why: string): HawserError {
  return new HawserError('malformed_request', `certificate not usable: ${why}`);
}
