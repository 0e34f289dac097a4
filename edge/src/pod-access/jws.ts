import { verify } from 'node:crypto';
import { isJsonObject, type JsonObject, parseJson } from '@hawser/protocol';
import type { Algorithm, KeySet } from './key-set.ts';

/** Characters; those of an API server have 1,000 to 2,000, and headers of a request 64 KiB in all. */
const MAX_TOKEN_LENGTH = 16 * 1024;
/** RFC 7515, section 2: base64url without padding. */
const PART = /^[A-Za-z0-9_-]+$/;

/** Bytes of an ECDSA signature as RFC 7518, section 3.4 has it: two numbers of the curve's size. */
const HASHES: Readonly<Record<Algorithm, { readonly hash: string; readonly signatureBytes: number | undefined }>> = {
  RS256: { hash: 'sha256', signatureBytes: undefined },
  ES256: { hash: 'sha256', signatureBytes: 64 },
  ES384: { hash: 'sha384', signatureBytes: 96 },
  ES512: { hash: 'sha512', signatureBytes: 132 },
};

/**
 * The payload of a JWS in compact form (RFC 7515, section 7.1) that one of the keys has signed; undefined for everything else. The key is
 * the one that the header names, and the algorithm is the key's own: what the header says of it must agree, so that nothing that is chosen by
 * who made the token decides how it is verified (RFC 8725, section 3.1). Nothing of the payload is read before.
 */
export function verifiedPayload(token: string, keys: KeySet): JsonObject | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const parts = token.split('.', 4);
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3 || !parts.every((part) => PART.test(part))) return undefined;
  const { kid, alg, crit, b64 } = parseObject(header) ?? {};
  // What must be understood, and is not (section 4.1.11).
  if (crit !== undefined || b64 !== undefined) return undefined;
  const known = typeof kid === 'string' ? keys.get(kid) : undefined;
  if (known === undefined || alg !== known.algorithm) return undefined;
  const { hash, signatureBytes } = HASHES[known.algorithm];
  const bytes = Buffer.from(signature, 'base64url');
  if (signatureBytes !== undefined && bytes.length !== signatureBytes) return undefined;
  const isGenuine = verify(hash, Buffer.from(`${header}.${payload}`), { key: known.key, dsaEncoding: 'ieee-p1363' }, bytes);
  return isGenuine ? parseObject(payload) : undefined;
}

function parseObject(part: string): JsonObject | undefined {
  try {
    const value = parseJson(Buffer.from(part, 'base64url').toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
