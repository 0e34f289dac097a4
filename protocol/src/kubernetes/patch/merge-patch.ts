import type { JsonObject, JsonValue } from '../object.ts';
import { fieldOf, isJsonObject, jsonEquals, requireBoundedDepth, setField } from './json.ts';

/**
 * JSON merge patch (RFC 7386 §2): objects merge, null removes, everything else replaces. The arguments are not changed; the
 * result may share parts with both.
 * @throws PatchError with code BadPatch for a patch that is nested too deeply.
 */
export function applyMergePatch(current: JsonValue | undefined, patch: JsonValue): JsonValue {
  requireBoundedDepth(patch);
  return merge(current, patch);
}

function merge(current: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch;
  const result: JsonObject = isJsonObject(current) ? { ...current } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setField(result, key, merge(fieldOf(result, key), value));
  }
  return result;
}

/**
 * The merge patch that turns `from` into `to`, or undefined when they are equal. Lists are replaced whole.
 * A null inside an object of `to` cannot be expressed by RFC 7386 and comes out as the field being absent.
 */
export function diffMergePatch(from: JsonValue, to: JsonValue): JsonValue | undefined {
  if (jsonEquals(from, to)) return undefined;
  if (!isJsonObject(from) || !isJsonObject(to)) return to;
  const patch: JsonObject = {};
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(to, key)) setField(patch, key, null);
  }
  for (const [key, value] of Object.entries(to)) {
    const difference = Object.hasOwn(from, key) ? diffMergePatch(from[key] ?? null, value) : value;
    if (difference !== undefined) setField(patch, key, difference);
  }
  return patch;
}
