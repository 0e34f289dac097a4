import { type KeyObject, sign, verify, type X509Certificate } from 'node:crypto';

/**
 * What is signed when a key is to be shown: a text that says what for, so that a signature made for one thing serves for no other, and
 * the parts, each with its length before it, so that no two lists of parts are the same bytes.
 */
function statement(purpose: string, parts: readonly (string | Uint8Array)[]): Buffer {
  const fields = [`hawser ${purpose} v1`, ...parts].map((part) => Buffer.from(part));
  return Buffer.concat(
    fields.flatMap((field) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(field.length);
      return [length, field];
    }),
  );
}

/** Signed by a joining device's key: that it has it, now, for this name. */
export function joinProof(nonce: string, nodeName: string): Buffer {
  return statement('join', [nonce, nodeName]);
}

/** Signed by the new key of a renewal over the link, whose certificate that is. */
export function renewalProof(certificate: X509Certificate): Buffer {
  return statement('renewal', [certificate.raw]);
}

/** Signed by both keys of a renewal at the enrolment endpoint: the one of the certificate that has ended, and the new one. */
export function lateRenewalProof(nonce: string, certificate: X509Certificate, newPublicKey: Uint8Array): Buffer {
  return statement('late renewal', [nonce, certificate.raw, newPublicKey]);
}

/** ECDSA with SHA-256, in DER. */
export function signProof(proof: Uint8Array, key: KeyObject): Buffer {
  return sign('sha256', proof, key);
}

export function isSignedBy(proof: Uint8Array, signature: Uint8Array, key: KeyObject): boolean {
  return verify('sha256', proof, key, signature);
}
