import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { HawserError } from '../errors.ts';

/** `sha256:` and 64 hex digits: the hash of a public key (SubjectPublicKeyInfo in DER), as kubeadm prints it of an authority. */
export type KeyHash = `sha256:${string}`;

const KEY_HASH = /^sha256:[0-9a-f]{64}$/;

export function keyHash(key: KeyObject): KeyHash {
  return `sha256:${createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')}`;
}

/** Undefined for a text that is none. Upper case is taken. */
export function parseKeyHash(text: string): KeyHash | undefined {
  const lower = text.toLowerCase();
  return KEY_HASH.test(lower) ? (lower as KeyHash) : undefined;
}

/**
 * A device's public key: P-256 and nothing else.
 * @throws HawserError `malformed_request`
 */
export function readDeviceKey(spki: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new HawserError('malformed_request', 'the public key is no SubjectPublicKeyInfo in DER', { cause });
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new HawserError('malformed_request', 'the public key is not one of P-256');
  }
  return key;
}

/** A certificate whose public key can be read too: Node reads that only when it is asked for. @throws HawserError `malformed_request` */
export function readCertificate(der: Uint8Array): X509Certificate {
  try {
    const certificate = new X509Certificate(der);
    certificate.publicKey;
    return certificate;
  } catch (cause) {
    throw new HawserError('malformed_request', 'it is no certificate in DER', { cause });
  }
}

/** 16 hex digits that name a set of authorities, whatever their order. */
export function authoritiesDigest(certificates: readonly X509Certificate[]): string {
  const hashes = certificates.map(({ raw }) => createHash('sha256').update(raw).digest('hex')).toSorted();
  return createHash('sha256').update(hashes.join('')).digest('hex').slice(0, 16);
}
