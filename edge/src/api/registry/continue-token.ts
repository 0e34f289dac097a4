import { parseJson } from '@hawser/protocol';
import type { ItemKey } from '../keys.ts';
import { badRequest } from '../status.ts';

/** Where a list goes on: after `after`, in the state of `revision`; -1 stands for the newest state, after a 410. */
export interface ContinuePosition {
  readonly revision: number;
  readonly after: ItemKey;
}

/** Longest token, in characters. A name and a namespace have at most 253 each; longer ones are refused (400). */
const MAX_TOKEN_LENGTH = 2048;

const VERSION = 'meta.k8s.io/v1';

/** The key in a token is relative to the collection that was listed: with the namespace only where all were asked for. */
export function encodeContinue(position: ContinuePosition, allNamespaces: boolean): string {
  const { namespace, name } = position.after;
  const path = allNamespaces && namespace !== '' ? `${namespace}/${name}` : name;
  // A token that is told in a 410 has no slash in front; neither means anything to the client.
  const start = position.revision < 0 ? `${path}\0` : `/${path}\0`;
  return Buffer.from(JSON.stringify({ v: VERSION, rv: position.revision, start })).toString('base64url');
}

/** @throws ApiError 400 */
export function decodeContinue(token: string, namespace: string | undefined): ContinuePosition {
  if (token.length > MAX_TOKEN_LENGTH) throw notValid(`longer than ${MAX_TOKEN_LENGTH} characters`);
  const wrong = token.search(/[^A-Za-z0-9_-]/);
  if (wrong >= 0) throw notValid(`illegal base64 data at input byte ${wrong}`);
  if (token.length % 4 === 1) throw notValid(`illegal base64 data at input byte ${token.length - 1}`);
  const { v, rv, start } = parse(Buffer.from(token, 'base64url').toString('utf8'));
  if (v !== VERSION) throw notValid(`server does not recognize this encoded version ${JSON.stringify(v)}`);
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0 || rv < -1) {
    throw notValid(`incorrect encoded start resourceVersion (version ${VERSION})`);
  }
  if (typeof start !== 'string' || start === '') throw notValid(`encoded start key empty (version ${VERSION})`);
  const path = start.replace(/^\//, '').replace(/\0$/, '');
  const slash = path.lastIndexOf('/');
  return {
    revision: rv,
    after: { namespace: slash < 0 ? (namespace ?? '') : path.slice(0, slash), name: path.slice(slash + 1) },
  };
}

function parse(text: string): { v?: unknown; rv?: unknown; start?: unknown } {
  try {
    const value: unknown = parseJson(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw notValid(cause instanceof Error ? cause.message : 'no JSON', { cause });
  }
  throw notValid('no JSON object');
}

function notValid(why: string, options?: ErrorOptions): Error {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`, options);
}
