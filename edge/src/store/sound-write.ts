import { isJsonObject, isResourceVersion, type JsonValue, PatchError, parseJson, requireBoundedDepth } from '@hawser/protocol';

/** What is judged of a row of `open_writes`, as the file has it: any column may be wrong. */
export interface StoredWrite {
  readonly number: number;
  readonly verb: string;
  readonly subresource: string;
  readonly uid: string;
  readonly answered: number;
  readonly answered_version: string | null;
  readonly body: string;
}

const VERBS: ReadonlySet<string> = new Set(['create', 'patch', 'mark', 'delete']);
/** Of a resource's path; empty for the object itself. */
const SUBRESOURCE = /^[a-z]{0,63}$/;
/** Most that a frame takes, in characters. */
const MAX_UID_LENGTH = 128;

/**
 * Whether this can be what was written, as far as more than the one report hangs on it: a row that is not would end the process that
 * makes a report of it, or the link on which it goes, over and over. SQLite does not notice a byte that has changed in a row.
 */
export function isSoundWrite(write: StoredWrite): boolean {
  const { number, verb, subresource, uid, answered, answered_version: version, body } = write;
  return (
    Number.isSafeInteger(number) &&
    number > 0 &&
    VERBS.has(verb) &&
    SUBRESOURCE.test(subresource) &&
    uid !== '' &&
    uid.length <= MAX_UID_LENGTH &&
    (answered === 0 || answered === 1) &&
    (version === null || isResourceVersion(version)) &&
    isObject(body)
  );
}

function isObject(text: string): boolean {
  try {
    const value: JsonValue = parseJson(text);
    requireBoundedDepth(value);
    return isJsonObject(value);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof PatchError) return false;
    throw error;
  }
}
