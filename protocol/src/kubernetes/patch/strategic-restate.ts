import type { JsonObject, JsonValue } from '../object.ts';
import { fieldOf, isJsonObject, jsonEquals, requireBoundedDepth, setField } from './json.ts';
import { PATCH_FIELDS, type PatchField } from './merge-keys.ts';
import { typeName } from './strategic.ts';
import { diffStrategicMergePatch } from './strategic-diff.ts';

/**
 * The difference from `from` to `to` as `diffStrategicMergePatch` gives it, and with it every field anew that the earlier patch
 * `said` named: for where nobody knows whether that one has taken effect. Applied after it or without it, it leads to the same.
 * Undefined when there is nothing to say. A `$patch` directive on an object in `said` covers the fields that it names.
 * @throws PatchError when an argument is nested too deeply
 */
export function restateStrategicMergePatch(
  type: { readonly apiVersion: string; readonly kind: string },
  from: JsonObject,
  to: JsonObject,
  said: JsonObject,
): JsonObject | undefined {
  requireBoundedDepth(said);
  return diffStrategicMergePatch(type, inDoubt(from, to, said, typeName(type.apiVersion, type.kind)), to);
}

const SET_ORDER = '$setElementOrder/';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/';

/** `from` made to differ from `to` in whatever `said` names, so that the difference names it too. */
function inDoubt(from: JsonObject, to: JsonObject, said: JsonObject, type: string): JsonObject {
  const result = { ...from };
  const rules = Object.hasOwn(PATCH_FIELDS, type) ? PATCH_FIELDS[type] : undefined;
  for (const [name, value] of Object.entries(said)) {
    const isOrder = name.startsWith(SET_ORDER);
    const key = isOrder || name.startsWith(DELETE_PRIMITIVES) ? name.slice(name.indexOf('/') + 1) : name;
    // The other directives say how, and stand beside what they are about.
    if (key.startsWith('$')) continue;
    const rule = rules !== undefined && Object.hasOwn(rules, key) ? rules[key] : undefined;
    doubtField(result, key, fieldOf(to, key), isOrder ? [] : value, rule);
  }
  return result;
}

function doubtField(
  result: JsonObject,
  key: string,
  to: JsonValue | undefined,
  said: JsonValue,
  rule: PatchField | undefined,
): void {
  const from = fieldOf(result, key);
  // What was taken away whole, or turned into something else, is in doubt in all that it had.
  const named = isJsonObject(said) || Array.isArray(said) ? said : from;
  if (to === undefined) {
    setField(result, key, null);
  } else if (isJsonObject(named) && isJsonObject(to) && rule?.strategy !== 'replace') {
    setUnlessEmpty(result, key, inDoubt(isJsonObject(from) ? from : {}, to, named, rule?.type ?? ''));
  } else if (Array.isArray(named) && Array.isArray(to) && rule?.strategy?.startsWith('merge')) {
    const before = Array.isArray(from) ? from : [];
    setUnlessEmpty(
      result,
      key,
      rule.mergeKey === undefined ? doubtPrimitives(before, to, named) : doubtItems(before, to, named, rule),
    );
  } else {
    delete result[key];
  }
}

function setUnlessEmpty(result: JsonObject, key: string, value: JsonObject | JsonValue[]): void {
  if (Object.keys(value).length > 0) setField(result, key, value);
  else delete result[key];
}

/** What `said` names and is to be there is missing here, and what is not to be there is here; the other way round, for its order. */
function doubtPrimitives(from: readonly JsonValue[], to: readonly JsonValue[], said: readonly JsonValue[]): JsonValue[] {
  const isIn = (list: readonly JsonValue[], item: JsonValue) => list.some((other) => jsonEquals(other, item));
  const place = (item: JsonValue) => to.findIndex((other) => jsonEquals(other, item));
  return [...from.filter((item) => !isIn(said, item)), ...said.filter((item) => !isIn(to, item))].sort(
    (a, b) => place(b) - place(a),
  );
}

/**
 * The same item by item, by their merge key. A list that was replaced as a whole has to be again: one without keys makes it so. The
 * order is the other way round, so that the difference gives it.
 */
function doubtItems(
  from: readonly JsonValue[],
  to: readonly JsonValue[],
  said: readonly JsonValue[],
  { mergeKey = '', type = '' }: PatchField,
): JsonValue[] {
  if (said.some((item) => isJsonObject(item) && item.$patch === 'replace')) return [null];
  const before = byKey(from, mergeKey);
  const after = byKey(to, mergeKey);
  for (const [id, item] of byKey(said, mergeKey)) {
    const known = before.get(id) ?? {};
    const wanted = after.get(id);
    const key = { [mergeKey]: fieldOf(item, mergeKey) ?? null };
    if (wanted === undefined) {
      before.set(id, key);
      continue;
    }
    const doubted = { ...inDoubt(known, wanted, item.$patch === 'delete' ? known : item, type), ...key };
    if (Object.keys(doubted).length > 1) before.set(id, doubted);
    else before.delete(id);
  }
  const places = [...after.keys()];
  return [...before].sort(([a], [b]) => places.indexOf(b) - places.indexOf(a)).map(([, item]) => item);
}

function byKey(list: readonly JsonValue[], mergeKey: string): Map<string, JsonObject> {
  return new Map(list.filter(isJsonObject).map((item) => [JSON.stringify(fieldOf(item, mergeKey)), item]));
}
