import type { JsonObject, JsonValue } from '../object.ts';
import { PatchError } from './error.ts';

/** Deepest nesting that a patch or patched object may have; deeper ones are refused, so that recursion stays bounded. */
export const MAX_JSON_DEPTH = 200;

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Equality of JSON values: order of keys does not matter, order of lists does. */
export function jsonEquals(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => jsonEquals(item, b[index]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && jsonEquals(a[key], b[key]));
}

/** @throws PatchError with code BadPatch when the value is nested deeper than {@link MAX_JSON_DEPTH}. */
export function requireBoundedDepth(value: JsonValue): void {
  requireDepth(value, MAX_JSON_DEPTH);
}

/** Goes no deeper than it allows, so the call stack is safe. */
function requireDepth(value: JsonValue, left: number): void {
  if (left < 0) throw new PatchError('BadPatch', `nested deeper than ${MAX_JSON_DEPTH} levels`);
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) for (const item of value) requireDepth(item, left - 1);
  else for (const key of Object.keys(value)) requireDepth(value[key] ?? null, left - 1);
}

/** Sets an own property even where the name is `__proto__`, which plain assignment would take for the prototype. */
export function setField(target: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}

export function fieldOf(target: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(target, key) ? target[key] : undefined;
}
