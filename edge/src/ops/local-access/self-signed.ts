import { KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

/** PEM texts. */
export interface SelfSigned {
  readonly cert: string;
  readonly key: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/**
 * Valid whatever the device's clock says: many have none of their own and begin in 1970. RFC 5280, section 4.1.2.5 gives the
 * end for certificates without one.
 */
const NOT_BEFORE = new Date('1970-01-01T00:00:00Z');
const NOT_AFTER = new Date('9999-12-31T23:59:59Z');

/**
 * A P-256 key and a certificate that is its own authority, for servers that are known by exactly this certificate
 * (X.509 v3, RFC 5280).
 * @param hosts DNS names and IP addresses
 */
export async function createSelfSigned(commonName: string, hosts: readonly string[]): Promise<SelfSigned> {
  // Loaded here: an agent makes one certificate in its life, and every later start does without the library and its memory.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const usages = x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign;
  const names = hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    notBefore: NOT_BEFORE,
    notAfter: NOT_AFTER,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(usages, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
    ],
  });
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
