import type { KeyObject, X509Certificate } from 'node:crypto';
import { HawserError } from '@hawser/protocol';
import { isSelfSigned, isSignedBy, pemOf, pemOfKey, readCertificates, readPrivateKey } from './pem.ts';

/**
 * The relay's own authority, as the Secret keeps it.
 *
 * | key of the Secret | holds |
 * |---|---|
 * | ca.crt | the current authority's certificate, signed by itself |
 * | ca.key | its private key, PKCS #8; those of older ones are dropped when they are replaced |
 * | older.crt | certificates of authorities before it that are still trusted, the newest first |
 * | cross.crt | for each of those: the key of the authority after it, signed by it |
 *
 * Whoever knows any one of the authorities verifies what the current one signs: over the cross-certificates from the current one
 * down to the one after the one that is known.
 */
export interface Authority {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  readonly older: readonly X509Certificate[];
  /** As many as `older`: `crosses[i]` is signed by `older[i]`. */
  readonly crosses: readonly X509Certificate[];
}

/** Older authorities at a time. Each is one more certificate in every handshake, and a chain of more is checked by no agent. */
export const MAX_OLDER = 4;
/** All texts of an authority together, in bytes; P-256 needs some 6 KB for the most. */
const MAX_BYTES = 64 * 1024;

const KEYS = { certificate: 'ca.crt', key: 'ca.key', older: 'older.crt', crosses: 'cross.crt' } as const;

export type AuthorityData = Readonly<Record<string, string>>;

/** All that is trusted, the newest first. */
export function trustedBy({ certificate, older }: Authority): readonly X509Certificate[] {
  return [certificate, ...older];
}

/** The texts of the Secret's data, not in base64. */
export function authorityData({ certificate, key, older, crosses }: Authority): AuthorityData {
  return {
    [KEYS.certificate]: pemOf([certificate]),
    [KEYS.key]: pemOfKey(key),
    ...(older.length === 0 ? {} : { [KEYS.older]: pemOf(older), [KEYS.crosses]: pemOf(crosses) }),
  };
}

/**
 * Reads what `authorityData` writes. All of it must belong together: a relay that took half of it would cut devices off.
 * @throws HawserError `malformed_object` that names the key and what is wrong, and tells nothing of a private key
 */
export function readAuthority(data: AuthorityData): Authority {
  const size = Object.values(data).reduce((sum, text) => sum + text.length, 0);
  if (size > MAX_BYTES) throw new HawserError('malformed_object', `it has ${size} bytes, an authority at most ${MAX_BYTES}`);
  const [certificate, second] = readCertificates(data[KEYS.certificate] ?? '', KEYS.certificate);
  if (certificate === undefined || second !== undefined) throw wrong('certificate', 'must hold one certificate');
  requireRoot(certificate, 'certificate');
  const key = readPrivateKey(data[KEYS.key] ?? '', KEYS.key);
  if (!certificate.checkPrivateKey(key)) throw wrong('key', `is not the key of the certificate in ${KEYS.certificate}`);
  const older = readCertificates(data[KEYS.older] ?? '', KEYS.older);
  const crosses = readCertificates(data[KEYS.crosses] ?? '', KEYS.crosses);
  const authority = { certificate, key, older, crosses };
  requireChain(authority);
  return authority;
}

/** The new authority, with the one before it and all that this had in its train. @throws HawserError `unsupported` at MAX_OLDER */
export function rotated(before: Authority, next: Pick<Authority, 'certificate' | 'key'>, cross: X509Certificate): Authority {
  requireRoom(before);
  const authority = { ...next, older: [before.certificate, ...before.older], crosses: [cross, ...before.crosses] };
  requireChain(authority);
  return authority;
}

/** @throws HawserError `unsupported`: one more authority would be too many */
export function requireRoom({ older }: Authority): void {
  if (older.length < MAX_OLDER) return;
  const message = `${MAX_OLDER} older authorities are trusted already, which is the most: retire them first (hawser-relay ca retire)`;
  throw new HawserError('unsupported', message);
}

/** The current one alone. */
export function retired({ certificate, key }: Authority): Authority {
  return { certificate, key, older: [], crosses: [] };
}

function requireChain({ certificate, older, crosses }: Authority): void {
  if (older.length > MAX_OLDER) throw wrong('older', `holds ${older.length} authorities, at most ${MAX_OLDER} are taken`);
  if (crosses.length !== older.length) {
    throw wrong(
      'crosses',
      `holds ${crosses.length} certificates, and must hold one for each of the ${older.length} of ${KEYS.older}`,
    );
  }
  for (const [index, root] of older.entries()) {
    requireRoot(root, 'older');
    const cross = crosses[index];
    const next = index === 0 ? certificate : older[index - 1];
    if (cross === undefined || next === undefined) continue;
    const isOfNext = cross.ca && cross.subject === next.subject && cross.publicKey.equals(next.publicKey);
    if (!isOfNext || !isSignedBy(cross, root)) {
      throw wrong('crosses', `certificate ${index + 1} is not that of the authority after "${oneLine(root)}", signed by it`);
    }
  }
}

function requireRoot(certificate: X509Certificate, at: keyof typeof KEYS): void {
  if (!certificate.ca || !isSelfSigned(certificate))
    throw wrong(at, `"${oneLine(certificate)}" is no authority signed by itself`);
}

/** Subjects have a line for each part. */
export function oneLine({ subject }: X509Certificate): string {
  return (subject ?? '').split('\n').join(', ');
}

function wrong(at: keyof typeof KEYS, why: string): HawserError {
  return new HawserError('malformed_object', `${KEYS[at]}: ${why}`);
}
