import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { type JsonGeneralName, Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };

export interface MadeRequest {
  readonly pem: string;
  /** The PEM in base64, as in `spec.request`. */
  readonly base64: string;
  /** PKCS #8, PEM. */
  readonly keyPem: string;
}

/** A PKCS #10 request with a new key. @param subject `O=system:nodes, CN=system:node:edge-1` */
export async function certificateRequest(subject: string, names: readonly JsonGeneralName[] = []): Promise<MadeRequest> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: subject,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    keys,
    extensions: names.length === 0 ? [] : [new SubjectAlternativeNameExtension([...names])],
  });
  const pem = `${request.toString('pem')}\n`;
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    pem,
    base64: Buffer.from(pem).toString('base64'),
    keyPem: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
}

/** As the kubelet of that node asks for its serving certificate. */
export function servingRequest(node: string): Promise<MadeRequest> {
  return certificateRequest(`O=system:nodes, CN=system:node:${node}`, [{ type: 'ip', value: '192.0.2.7' }]);
}

/** The usages of such a request. */
export const SERVING_USAGES = ['digital signature', 'key encipherment', 'server auth'];
