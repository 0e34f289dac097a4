import { parseJson } from '@hawser/protocol';
import * as v from 'valibot';

/** Characters of a token that is looked into; the API server's have some 1,000 to 2,000. */
const MAX_TOKEN_LENGTH = 64 * 1024;
/** The last millisecond that a Date can hold (ECMAScript, "Time Values and Time Range"), in seconds. */
const LAST_SECOND = 8_640_000_000_000;

const Claims = v.object({ exp: v.pipe(v.number(), v.minValue(0), v.maxValue(LAST_SECOND)) });

/**
 * `exp` of a JWT (RFC 7519, section 4.1.4), in milliseconds since 1970. Nothing is verified: whoever is shown the token does that.
 * Undefined for what is no JWT or has no such claim.
 */
export function expiryOf(token: string): number | undefined {
  const [, payload, signature, ...rest] = token.split('.', 4);
  if (payload === undefined || signature === undefined || rest.length > 0 || token.length > MAX_TOKEN_LENGTH) return undefined;
  const claims = v.safeParse(Claims, parse(Buffer.from(payload, 'base64url').toString('utf8')));
  return claims.success ? claims.output.exp * 1000 : undefined;
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
