import { createPublicKey, type KeyObject } from 'node:crypto';
import { HawserError, isJsonObject, type JsonObject, type JsonValue, parseJson } from '@hawser/protocol';

/** How a cluster's API server signs (RFC 7518, section 3.1); `none` and keyed hashes (HS…) are no signatures, and never taken. */
export type Algorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512';

export interface VerifyingKey {
  readonly key: KeyObject;
  /** The only one that it is used with: a token does not choose. */
  readonly algorithm: Algorithm;
}

/** By `kid`. */
export type KeySet = ReadonlyMap<string, VerifyingKey>;

/** A cluster has one or two, four while they are rotated. */
const MAX_KEYS = 32;
const MAX_KID_LENGTH = 256;
/** Bits of an RSA modulus: shorter ones can be forged, longer ones keep a small processor busy. */
const RSA_BITS = { least: 2_048, most: 8_192 };
/** By the curve's name in a JWK (RFC 7518, section 6.2.1.1). */
const CURVES: Readonly<Record<string, Algorithm>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };

/**
 * The keys of a JWK Set that tokens can be verified with. A key of another kind or use is passed over, as the standard asks.
 * @throws HawserError `malformed_object` for what is no JWK Set, has more keys than a cluster has, or one key id for two keys
 */
export function readKeySet(text: string): KeySet {
  const set = parse(text);
  const list = isJsonObject(set) ? set.keys : undefined;
  if (!Array.isArray(list)) throw malformed('no JWK Set');
  if (list.length > MAX_KEYS) throw malformed(`${list.length} keys, and at most ${MAX_KEYS} are taken`);
  const keys = new Map<string, VerifyingKey>();
  for (const one of list) {
    const read = isJsonObject(one) ? readKey(one) : undefined;
    if (read === undefined) continue;
    if (keys.has(read.kid)) throw malformed('one key id for two keys');
    keys.set(read.kid, read.key);
  }
  return keys;
}

function readKey(jwk: JsonObject): { readonly kid: string; readonly key: VerifyingKey } | undefined {
  const { kid, kty, use, alg, crv, n, e, x, y } = jwk;
  if (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID_LENGTH) return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  const algorithm = kty === 'RSA' ? 'RS256' : kty === 'EC' && typeof crv === 'string' ? CURVES[crv] : undefined;
  if (algorithm === undefined || (alg !== undefined && alg !== algorithm)) return undefined;
  // Only what is public: a set that tells more than it should makes no private key here.
  const key = publicKey(kty === 'RSA' ? { kty: 'RSA', n, e } : { kty: 'EC', crv, x, y });
  return key === undefined || !isLongEnough(key) ? undefined : { kid, key: { key, algorithm } };
}

function publicKey(jwk: Readonly<Record<string, JsonValue | undefined>>): KeyObject | undefined {
  const members: Record<string, string> = {};
  for (const [name, member] of Object.entries(jwk)) {
    if (typeof member !== 'string') return undefined;
    members[name] = member;
  }
  try {
    return createPublicKey({ key: members, format: 'jwk' });
  } catch {
    // No point on the curve, no number: no key.
    return undefined;
  }
}

function isLongEnough({ asymmetricKeyDetails: { modulusLength } = {} }: KeyObject): boolean {
  return modulusLength === undefined || (modulusLength >= RSA_BITS.least && modulusLength <= RSA_BITS.most);
}

function parse(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new HawserError('malformed_object', "the cluster's keys are not JSON", { cause });
  }
}

function malformed(why: string): HawserError {
  return new HawserError('malformed_object', `the cluster's keys are not taken: ${why}`);
}
