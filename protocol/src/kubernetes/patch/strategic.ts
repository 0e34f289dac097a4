import type { JsonObject, JsonValue } from '../object.ts';
import { PatchError } from './error.ts';
import { fieldOf, isJsonObject, requireBoundedDepth, setField } from './json.ts';
import { PATCH_FIELDS, type PatchField } from './merge-keys.ts';
import { mergeObjectList, mergePrimitiveList } from './strategic-list.ts';

/**
 * Strategic merge patch: a JSON merge patch that knows by the object's type which lists merge by a key
 * (Kubernetes API conventions, "Strategic Merge Patch"). Directives: `$patch` (merge, replace, delete), `$retainKeys`,
 * `$setElementOrder/LIST`, `$deleteFromPrimitiveList/LIST`. The arguments are not changed; the result may share parts with both.
 * A kind without a type in the table is patched with its lists replaced.
 * @throws PatchError
 */
export function applyStrategicMergePatch(
  type: { readonly apiVersion: string; readonly kind: string },
  current: JsonObject,
  patch: JsonValue,
): JsonObject {
  if (!isJsonObject(patch)) throw new PatchError('BadPatch', 'a strategic merge patch is an object');
  requireBoundedDepth(patch);
  return mergeObject(current, patch, typeName(type.apiVersion, type.kind));
}

/** `v1`, `Pod` → `core.v1.Pod`; `coordination.k8s.io/v1`, `Lease` → `coordination.v1.Lease`. */
export function typeName(apiVersion: string, kind: string): string {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  return `${group?.split('.')[0]}.${version}.${kind}`;
}

const SET_ORDER = '$setElementOrder/';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/';

/** Merges one object of the given type ("" where no field below has a rule). */
export function mergeObject(current: JsonObject, patch: JsonObject, type: string): JsonObject {
  const directive = fieldOf(patch, '$patch');
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw new PatchError('BadPatch', `Unknown patch type ${JSON.stringify(directive)} in map`);
  }
  const result: JsonObject = retained(current, patch);
  const rules = Object.hasOwn(PATCH_FIELDS, type) ? PATCH_FIELDS[type] : undefined;
  for (const [key, value] of Object.entries(patch)) {
    const list = listOfDirective(key);
    if (list !== undefined) {
      // Directives for a list that the patch also names are taken care of there.
      if (!Object.hasOwn(patch, list)) mergeField(result, patch, list, undefined, rules?.[list]);
    } else if (key !== '$patch' && key !== '$retainKeys') {
      mergeField(result, patch, key, value, rules !== undefined && Object.hasOwn(rules, key) ? rules[key] : undefined);
    }
  }
  return result;
}

function listOfDirective(key: string): string | undefined {
  if (key.startsWith(SET_ORDER)) return key.slice(SET_ORDER.length);
  if (key.startsWith(DELETE_PRIMITIVES)) return key.slice(DELETE_PRIMITIVES.length);
  return undefined;
}

function mergeField(
  result: JsonObject,
  patch: JsonObject,
  key: string,
  value: JsonValue | undefined,
  rule: PatchField | undefined,
): void {
  const before = fieldOf(result, key);
  if (value === null) {
    delete result[key];
    return;
  }
  const order = directiveList(patch, SET_ORDER + key);
  const deletions = directiveList(patch, DELETE_PRIMITIVES + key);
  if (Array.isArray(value) || order !== undefined || deletions !== undefined) {
    const items = Array.isArray(value) ? value : undefined;
    setField(result, key, mergeList(Array.isArray(before) ? before : undefined, items, order, deletions, rule));
    return;
  }
  if (isJsonObject(value)) {
    // A union such as PodDisruptionBudget's selector is replaced whole.
    const base = isJsonObject(before) && rule?.strategy !== 'replace' ? before : {};
    setField(result, key, mergeObject(base, value, rule?.type ?? ''));
    return;
  }
  if (value !== undefined) setField(result, key, value);
}

function mergeList(
  current: readonly JsonValue[] | undefined,
  patch: readonly JsonValue[] | undefined,
  order: readonly JsonValue[] | undefined,
  deletions: readonly JsonValue[] | undefined,
  rule: PatchField | undefined,
): JsonValue[] {
  if (rule?.strategy === undefined || !rule.strategy.startsWith('merge')) return [...(patch ?? current ?? [])].map(withoutNulls);
  if (rule.mergeKey === undefined) return mergePrimitiveList(current ?? [], patch ?? [], order, deletions ?? []);
  const type = rule.type ?? '';
  return mergeObjectList(current ?? [], patch ?? [], order, rule.mergeKey, (before, change) => mergeObject(before, change, type));
}

function directiveList(patch: JsonObject, key: string): JsonValue[] | undefined {
  const value = fieldOf(patch, key);
  if (value === undefined || Array.isArray(value)) return value;
  throw new PatchError('BadPatch', `${key.slice(0, 100)} is not a list`);
}

/** `$retainKeys` names every field that may be left: the union members of before do not survive beside the new one. */
function retained(current: JsonObject, patch: JsonObject): JsonObject {
  const keys = fieldOf(patch, '$retainKeys');
  if (keys === undefined) return { ...current };
  if (!Array.isArray(keys)) throw new PatchError('BadPatch', '$retainKeys is not a list');
  const kept = new Set(keys);
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith('$') && value !== null && !kept.has(key)) {
      throw new PatchError('BadPatch', `$retainKeys does not name ${key.slice(0, 100)}, which the patch sets`);
    }
  }
  return Object.fromEntries(Object.entries(current).filter(([key]) => kept.has(key)));
}

/** What a `$patch: replace` leaves: the patch itself, without the directive. */
function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => key !== '$patch'));
}

/** Nulls stand for "absent" wherever a patch brings an object of its own. */
function withoutNulls(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, field]) => (field === null ? [] : [[key, withoutNulls(field)]])),
  );
}
