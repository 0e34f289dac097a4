import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { HawserError, MAX_CERTIFICATES, publicKeyOf } from '@hawser/protocol';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * All certificates of a PEM text, in their order; what stands between them is passed over, as OpenSSL does.
 * @param what names the text in errors
 * @throws HawserError `malformed_object` for more than MAX_CERTIFICATES, and for one that cannot be read, or whose key cannot
 */
export function readCertificates(text: string, what: string): readonly X509Certificate[] {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length > MAX_CERTIFICATES) {
    throw new HawserError(
      'malformed_object',
      `${what} has ${blocks.length} certificates, of which at most ${MAX_CERTIFICATES} are taken`,
    );
  }
  return blocks.map((block, index) => {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(block);
    } catch (cause) {
      throw new HawserError('malformed_object', `${what}: certificate ${index + 1} cannot be read`, { cause });
    }
    if (publicKeyOf(certificate) !== undefined) return certificate;
    throw new HawserError('malformed_object', `${what}: certificate ${index + 1} has a key of an unknown kind`);
  });
}

/** @throws HawserError `malformed_object`; nothing of the text is told */
export function readPrivateKey(text: string, what: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw new HawserError('malformed_object', `${what} is no private key without a passphrase in PEM form`, { cause });
  }
}

/** PEM of all, each ending in a line break. */
export function pemOf(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('');
}

export function pemOfKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return isSignedBy(certificate, certificate);
}

/** By name and signature; whether the issuer may sign is another question. */
export function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
