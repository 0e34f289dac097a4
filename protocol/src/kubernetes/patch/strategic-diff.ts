import type { JsonObject, JsonValue } from '../object.ts';
import { fieldOf, isJsonObject, jsonEquals, requireBoundedDepth, setField } from './json.ts';
import { PATCH_FIELDS, type PatchField } from './merge-keys.ts';
import { typeName } from './strategic.ts';

/**
 * The strategic merge patch that turns `from` into `to` and names nothing else: of a list that merges by a key only the items
 * that differ, so that other writers' items stay. Undefined when the two are equal.
 * Nulls and fields of `to` that begin with `$` cannot be expressed; a null comes out as the field being absent.
 * @throws PatchError when an argument is nested too deeply
 */
export function diffStrategicMergePatch(
  type: { readonly apiVersion: string; readonly kind: string },
  from: JsonObject,
  to: JsonObject,
): JsonObject | undefined {
  requireBoundedDepth(from);
  requireBoundedDepth(to);
  return diffObject(from, to, typeName(type.apiVersion, type.kind));
}

function diffObject(from: JsonObject, to: JsonObject, type: string): JsonObject | undefined {
  if (jsonEquals(from, to)) return undefined;
  const rules = Object.hasOwn(PATCH_FIELDS, type) ? PATCH_FIELDS[type] : undefined;
  const patch: JsonObject = {};
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(to, key)) setField(patch, key, null);
  }
  for (const [key, value] of Object.entries(to)) {
    const rule = rules !== undefined && Object.hasOwn(rules, key) ? rules[key] : undefined;
    diffField(patch, key, fieldOf(from, key), value, rule);
  }
  return patch;
}

function diffField(
  patch: JsonObject,
  key: string,
  from: JsonValue | undefined,
  to: JsonValue,
  rule: PatchField | undefined,
): void {
  if (jsonEquals(from, to)) return;
  if (isJsonObject(to)) {
    const base = isJsonObject(from) && rule?.strategy !== 'replace' ? from : {};
    const difference = diffObject(base, to, rule?.type ?? '');
    if (difference !== undefined) setField(patch, key, difference);
    else if (base !== from) setField(patch, key, {});
  } else if (
    Array.isArray(to) &&
    to.length + (Array.isArray(from) ? from.length : 0) > 0 &&
    rule?.strategy?.startsWith('merge')
  ) {
    const before = Array.isArray(from) ? from : [];
    if (rule.mergeKey === undefined) diffPrimitives(patch, key, before, to);
    else diffObjects(patch, key, before, to, rule.mergeKey, rule.type ?? '');
  } else {
    setField(patch, key, to);
  }
}

function diffPrimitives(patch: JsonObject, key: string, from: readonly JsonValue[], to: readonly JsonValue[]): void {
  const added = to.filter((item) => !from.some((known) => jsonEquals(known, item)));
  const removed = from.filter((item) => !to.some((kept) => jsonEquals(kept, item)));
  if (added.length > 0) setField(patch, key, added);
  if (removed.length > 0) setField(patch, `$deleteFromPrimitiveList/${key}`, removed);
  setField(patch, `$setElementOrder/${key}`, [...to]);
}

function diffObjects(
  patch: JsonObject,
  key: string,
  from: readonly JsonValue[],
  to: readonly JsonValue[],
  mergeKey: string,
  type: string,
): void {
  const before = byKey(from, mergeKey);
  const after = byKey(to, mergeKey);
  if (before === undefined || after === undefined) {
    // The key does not tell the items apart (a port number used for TCP and UDP): only the whole list can be given.
    setField(patch, key, [{ $patch: 'replace' }, ...to]);
    return;
  }
  const changes: JsonObject[] = [];
  for (const { id } of before.values()) {
    if (!after.has(JSON.stringify(id))) changes.push({ $patch: 'delete', [mergeKey]: id });
  }
  for (const [text, { id, item }] of after) {
    const known = before.get(text)?.item;
    const change = diffObject(known ?? {}, item, type);
    if (change !== undefined) changes.push({ [mergeKey]: id, ...change });
  }
  if (changes.length > 0) setField(patch, key, changes);
  const kept = [...before.keys()].filter((id) => after.has(id));
  // Without an order, what is new would come before what only the server has. One item has no order; and an API server that does not know
  // the list yet (status.hostIPs of a pod, before 1.28) ignores its items, but answers 500 to an order of them.
  const sameOrder = kept.length === after.size && [...after.keys()].every((id, index) => id === kept[index]);
  if (!sameOrder && after.size > 1)
    setField(
      patch,
      `$setElementOrder/${key}`,
      [...after.values()].map(({ id }) => ({ [mergeKey]: id })),
    );
}

interface Keyed {
  readonly id: JsonValue;
  readonly item: JsonObject;
}

/** The items by their key's JSON text; undefined where the list cannot be told apart by it. */
function byKey(list: readonly JsonValue[], mergeKey: string): Map<string, Keyed> | undefined {
  const result = new Map<string, Keyed>();
  for (const item of list) {
    const id = isJsonObject(item) ? fieldOf(item, mergeKey) : undefined;
    if (id === undefined || !isJsonObject(item) || result.has(JSON.stringify(id))) return undefined;
    result.set(JSON.stringify(id), { id, item });
  }
  return result;
}
