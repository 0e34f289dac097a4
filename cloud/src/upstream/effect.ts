import {
  applyStrategicMergePatch,
  diffStrategicMergePatch,
  HawserError,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonEquals,
  PatchError,
  parseJson,
} from '@hawser/protocol';

/**
 * What a patch does to a version of an object.
 * - nothing: the version says all of it already
 * - less: a smaller patch turns that version into the same
 * - whole: nothing smaller does, or it is not known
 */
export type Effect =
  | { readonly type: 'nothing' }
  | { readonly type: 'less'; readonly patch: JsonObject }
  | { readonly type: 'whole' };

const WHOLE: Effect = { type: 'whole' };
/** Metadata that a canonical body has as the API server has it; a patch that names anything else of it is not judged by one. */
const KNOWN_METADATA = ['uid', 'labels', 'annotations'];
/** Left out of canonical bodies, so that they do not say what a patch of it does. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The effect of a strategic merge patch on the canonical body of the object, computed as the API server would. Of a list that merges by
 * key only the items that differ are in the smaller patch, so other writers' items stay; a list that is replaced is there whole or not.
 */
export function effectOf(body: string, patch: JsonObject): Effect {
  if (!isJudged(patch)) return WHOLE;
  try {
    const object: JsonValue = parseJson(body);
    if (!isJsonObject(object)) return WHOLE;
    const type = { apiVersion: String(object.apiVersion), kind: String(object.kind) };
    // A Node's or pod's spec may be most of it, and is in none of what a kubelet writes over and over.
    const before = only(object, patch);
    // An API server writes a time that is not set as null (a condition's lastProbeTime), and takes a field that is null and one that is
    // not there for the same.
    if (body.includes(':null')) dropNulls(before);
    const after = applyStrategicMergePatch(type, before, withoutUid(patch));
    if (jsonEquals(before, after)) return { type: 'nothing' };
    const less = diffStrategicMergePatch(type, before, after);
    const text = JSON.stringify(patch);
    if (less === undefined || JSON.stringify(less).length >= text.length) return WHOLE;
    // Of a patch with these it is seen, not known, that a difference says the same.
    if (/"\$(patch|retainKeys|deleteFrom)/.test(text) && !jsonEquals(applyStrategicMergePatch(type, before, less), after))
      return WHOLE;
    return { type: 'less', patch: less };
  } catch (error) {
    // What does not fit is for the API server to refuse, in its own words.
    if (error instanceof PatchError || error instanceof HawserError) return WHOLE;
    throw error;
  }
}

/** Whether no object could take this patch: it contradicts itself, which an API server answers with 500 and no reason. */
export function contradiction(
  type: { readonly apiVersion: string; readonly kind: string },
  patch: JsonObject,
): string | undefined {
  try {
    applyStrategicMergePatch(type, {}, patch);
    return undefined;
  } catch (error) {
    if (error instanceof PatchError) return error.message;
    throw error;
  }
}

function isJudged(patch: JsonObject): boolean {
  if (Object.keys(patch).some((field) => field.startsWith('$'))) return false;
  const { metadata } = patch;
  if (metadata === undefined) return true;
  if (!isJsonObject(metadata) || !Object.keys(metadata).every((field) => KNOWN_METADATA.includes(field))) return false;
  return [metadata.labels, metadata.annotations].every((names) => names === undefined || isPlain(names));
}

/** Names and values; not a directive, and not what canonical bodies leave out. */
function isPlain(names: JsonValue): boolean {
  return (
    isJsonObject(names) &&
    Object.entries(names).every(
      ([name, value]) => !name.startsWith('$') && name !== LAST_APPLIED && (value === null || typeof value === 'string'),
    )
  );
}

function dropNulls(value: JsonValue): void {
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item);
  } else if (isJsonObject(value)) {
    for (const [key, field] of Object.entries(value)) {
      if (field === null) delete value[key];
      else dropNulls(field);
    }
  }
}

/** The fields of the object that the patch names. */
function only(object: JsonObject, patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([field]) => Object.hasOwn(patch, field)));
}

function withoutUid(patch: JsonObject): JsonObject {
  if (!isJsonObject(patch.metadata)) return patch;
  const { uid: _uid, ...metadata } = patch.metadata;
  return { ...patch, metadata };
}
