import { isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';

/** Reading of JSON whose shape somebody else vouches for: what is of another type counts as absent. */

type Maybe = JsonValue | undefined;

export function fields(value: Maybe): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** The objects in a list. */
export function array(value: Maybe): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

export function text(value: Maybe): string {
  return typeof value === 'string' ? value : '';
}

export function number(value: Maybe): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

export function flag(value: Maybe): boolean {
  return value === true;
}

/** RFC 3339 to milliseconds since 1970; undefined for what is no time. */
export function instant(value: Maybe): number | undefined {
  const parsed = Date.parse(text(value));
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** A part of a Kubernetes object as JSON, of its own: it may be changed. */
export function jsonOf(value: unknown): JsonObject {
  const copy: JsonValue = JSON.parse(JSON.stringify(value ?? {}));
  return fields(copy);
}
