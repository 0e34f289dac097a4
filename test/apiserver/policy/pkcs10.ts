import 'reflect-metadata';
import { createPublicKey, verify } from 'node:crypto';
import { Pkcs10CertificateRequest } from '@peculiar/x509';

/** What a `spec.request` is: a request that is signed with its own key, or why it is refused, in the words of Kubernetes and Go's libraries. */
export type ReadRequest =
  | { readonly type: 'read'; readonly request: Pkcs10CertificateRequest }
  | { readonly type: 'refused'; readonly why: string };

const KIND = 'CERTIFICATE REQUEST';
/** The first block that is whole; text around it is passed over. */
const BLOCK = /-----BEGIN ([^\n]*?)-----\r?\n([A-Za-z0-9+/=\s]*?)-----END \1-----/;
/** Of what Go's `x509.CertificateRequest.CheckSignature` says, by the name of the algorithm. */
const WRONG_SIGNATURE: Readonly<Record<string, string>> = {
  ECDSA: 'x509: ECDSA verification failure',
  Ed25519: 'x509: Ed25519 verification failure',
  'RSASSA-PKCS1-v1_5': 'crypto/rsa: verification error',
};

/** @param base64 of PEM, as in `spec.request` */
export function readRequest(base64: string): ReadRequest {
  const [, kind, body = ''] = BLOCK.exec(Buffer.from(base64, 'base64').toString('latin1')) ?? [];
  if (kind !== KIND) return refused(`PEM block type must be ${KIND}`);
  const der = Buffer.from(body, 'base64');
  const whole = elementAt(der, 0);
  if (whole === undefined) return refused('asn1: syntax error: data truncated');
  if (whole.end < der.length) return refused('asn1: syntax error: trailing data');
  let request: Pkcs10CertificateRequest;
  try {
    request = new Pkcs10CertificateRequest(der);
  } catch {
    // Go says which field of its structure it was in.
    return refused("asn1: structure error: tags don't match");
  }
  const { name, hash } = request.signatureAlgorithm as { readonly name: string; readonly hash?: { readonly name: string } };
  const isSigned = isSignedWithItsKey(request, der, whole.content, hash?.name.replace('-', '').toLowerCase());
  return isSigned ? { type: 'read', request } : refused(WRONG_SIGNATURE[name] ?? 'x509: cannot verify signature');
}

function refused(why: string): ReadRequest {
  return { type: 'refused', why };
}

function isSignedWithItsKey(request: Pkcs10CertificateRequest, der: Buffer, at: number, digest: string | undefined): boolean {
  const signed = elementAt(der, at);
  if (signed === undefined) return false;
  try {
    const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
    return verify(digest, der.subarray(at, signed.end), key, Buffer.from(request.signature));
  } catch {
    // A key that is none, or of a kind for which there is no such signature: nothing is signed with it.
    return false;
  }
}

/** Where the content of the DER element there begins and ends; undefined when its bytes are not all there. */
function elementAt(der: Buffer, at: number): { readonly content: number; readonly end: number } | undefined {
  const first = der[at + 1];
  if (first === undefined) return undefined;
  const bytes = first < 0x80 ? 0 : first & 0x7f;
  // No request has more than 4 GB.
  if (bytes > 4 || at + 2 + bytes > der.length) return undefined;
  const length = bytes === 0 ? first : der.readUIntBE(at + 2, bytes);
  const content = at + 2 + bytes;
  return content + length > der.length ? undefined : { content, end: content + length };
}
