import {
  HawserError,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  MAX_AUDIENCES,
  MAX_ISSUER_LENGTH,
  MAX_KEY_SET_BYTES,
  parseJson,
} from '@hawser/protocol';

/** What of a key is public and needed (RFC 7517, section 4; RFC 7518, section 6): whatever else a server says of it stays in the cluster. */
const MEMBERS = ['kty', 'kid', 'use', 'alg', 'crv', 'n', 'e', 'x', 'y'];

/** `issuer` of an OpenID Provider's configuration. @throws HawserError `malformed_object` */
export function readIssuer(text: string): string {
  const { issuer } = requireObject(text, 'the OpenID configuration');
  if (typeof issuer !== 'string' || issuer === '' || issuer.length > MAX_ISSUER_LENGTH) {
    throw malformed('the OpenID configuration', `names no issuer of 1 to ${MAX_ISSUER_LENGTH} characters`);
  }
  return issuer;
}

/**
 * A JWK Set with the public members alone, the same text for the same keys whatever their order: so it is sent when it has changed, and
 * every replica says the same.
 * @throws HawserError `malformed_object`, also for one that is too large
 */
export function canonicalKeySet(text: string): string {
  const what = "the cluster's keys";
  const { keys } = requireObject(text, what);
  if (!Array.isArray(keys)) throw malformed(what, 'are no JWK Set');
  const known = keys.filter(isJsonObject).map((key) => {
    const members = MEMBERS.flatMap((name): [string, JsonValue][] => (typeof key[name] === 'string' ? [[name, key[name]]] : []));
    return JSON.stringify(Object.fromEntries(members));
  });
  const canonical = `{"keys":[${known.sort().join(',')}]}`;
  if (Buffer.byteLength(canonical) > MAX_KEY_SET_BYTES) throw malformed(what, `have more than ${MAX_KEY_SET_BYTES} bytes`);
  return canonical;
}

/**
 * The audiences of a token that the API server has made for itself and accepts: the relay's own, which says which are the API server's.
 * They are set apart from the issuer, and no document tells them. Undefined for what is no such token.
 */
export function audiencesOf(token: string, issuer: string): readonly string[] | undefined {
  const [, payload = ''] = token.split('.', 2);
  const { iss, aud } = parseObject(Buffer.from(payload, 'base64url').toString('utf8')) ?? {};
  if (iss !== issuer || !Array.isArray(aud) || aud.length === 0 || aud.length > MAX_AUDIENCES) return undefined;
  const audiences = aud.filter((one) => typeof one === 'string' && one !== '' && one.length <= MAX_ISSUER_LENGTH);
  return audiences.length === aud.length ? (audiences as string[]).sort() : undefined;
}

function requireObject(text: string, what: string): JsonObject {
  const object = parseObject(text);
  if (object === undefined) throw malformed(what, 'is no JSON object');
  return object;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function malformed(what: string, why: string): HawserError {
  return new HawserError('malformed_object', `${what} ${why}`);
}
