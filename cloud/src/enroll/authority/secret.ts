import { HawserError, isJsonObject, type JsonObject, type JsonValue, parseJson } from '@hawser/protocol';
import { type Authority, type AuthorityData, authorityData, readAuthority } from './authority.ts';
import { AUTHORITY_NAME, AUTHORITY_TYPE, LABELS } from './names.ts';

/** The Secret as it is created. */
export function authoritySecret(authority: Authority): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: AUTHORITY_NAME, labels: LABELS },
    type: AUTHORITY_TYPE,
    data: encoded(authorityData(authority)),
  });
}

export interface StoredAuthority {
  readonly authority: Authority;
  readonly uid: string;
  readonly resourceVersion: string;
}

/**
 * Reads the JSON text of the Secret.
 * @throws HawserError `malformed_object` that names the key and what is wrong, and tells nothing of a private key
 */
export function readAuthoritySecret(text: string): StoredAuthority {
  const { metadata, data } = objectOf(text);
  const { uid, resourceVersion } = isJsonObject(metadata) ? metadata : {};
  if (typeof uid !== 'string' || typeof resourceVersion !== 'string') throw malformed('it has no uid and resourceVersion');
  return { authority: readAuthority(decoded(data)), uid, resourceVersion };
}

/** What replaces what was read, and nothing that was written after it; labels and annotations of others stay. */
export function authorityUpdate(text: string, authority: Authority): string {
  const secret = objectOf(text);
  return JSON.stringify({ ...secret, data: encoded(authorityData(authority)) });
}

function objectOf(text: string): JsonObject {
  try {
    const value: JsonValue = parseJson(text);
    if (isJsonObject(value)) return value;
  } catch (cause) {
    // The parser's own message quotes the text.
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw malformed('it is no JSON object');
}

function encoded(data: AuthorityData): AuthorityData {
  return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString('base64')]));
}

function decoded(data: JsonValue | undefined): AuthorityData {
  if (!isJsonObject(data)) throw malformed('it has no data');
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => {
      if (typeof value !== 'string') throw malformed(`${name}: must be text in base64`);
      return [name, Buffer.from(value, 'base64').toString('utf8')];
    }),
  );
}

function malformed(why: string): HawserError {
  return new HawserError('malformed_object', why);
}
