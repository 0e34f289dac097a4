import type { JsonObject, JsonValue } from '../object.ts';
import { PatchError } from './error.ts';
import { fieldOf, isJsonObject, jsonEquals } from './json.ts';

type MergeItem = (current: JsonObject, patch: JsonObject) => JsonObject;

/**
 * Merges a list of objects by their merge key: known items merge, new ones are added, `$patch: delete` removes. The patch's own
 * order counts where `$setElementOrder` gives none, so a new item comes before those that only the server has.
 */
export function mergeObjectList(
  current: readonly JsonValue[],
  patch: readonly JsonValue[],
  order: readonly JsonValue[] | undefined,
  mergeKey: string,
  mergeItem: MergeItem,
): JsonValue[] {
  const changes = patch.map(requireObject);
  // One item that says replace turns the whole list into the patch's other items.
  const replaces = changes.some((change) => change.$patch === 'replace');
  const applied = changes.filter((change) => change.$patch !== 'replace');
  if (order !== undefined) requireSameOrder(applied, order, mergeKey);
  if (replaces) return applied.filter((change) => change.$patch !== 'delete');

  let result: JsonValue[] = [...current];
  for (const change of applied) {
    const key = fieldOf(change, mergeKey);
    if (key === undefined) {
      throw new PatchError('Contradiction', `map: ${goText(change)} does not contain declared merge key: ${mergeKey}`);
    }
    if (change.$patch === 'delete') {
      result = result.filter((item) => !hasKey(item, mergeKey, key));
      continue;
    }
    const index = result.findIndex((item) => hasKey(item, mergeKey, key));
    const before = result[index];
    if (isJsonObject(before)) result[index] = mergeItem(before, change);
    else result.push(mergeItem({}, change));
  }
  const wanted = order ?? applied.filter((change) => change.$patch !== 'delete');
  return reorder(result, current, wanted, (item) => keyOf(item, mergeKey), mergeKey);
}

/** A list of strings with strategy merge is a set: the patch's are added, those of `$deleteFromPrimitiveList` taken out. */
export function mergePrimitiveList(
  current: readonly JsonValue[],
  patch: readonly JsonValue[],
  order: readonly JsonValue[] | undefined,
  deletions: readonly JsonValue[],
): JsonValue[] {
  const result = current.filter((item) => !deletions.some((deleted) => jsonEquals(deleted, item)));
  for (const item of patch) {
    if (!result.some((known) => jsonEquals(known, item))) result.push(item);
  }
  return order === undefined ? result : reorder(result, current, order, (item) => item, undefined);
}

/**
 * Puts the items that the order (`$setElementOrder`, or else the patch) names into that order. The others, which the sender did not know of, stay behind the
 * item that they followed on the server; one that no named item precedes goes to the front.
 */
function reorder(
  items: readonly JsonValue[],
  server: readonly JsonValue[],
  order: readonly JsonValue[],
  keyOfItem: (item: JsonValue) => JsonValue | undefined,
  mergeKey: string | undefined,
): JsonValue[] {
  const orderKeys = order.map((item) => (mergeKey === undefined ? item : keyOf(item, mergeKey)));
  const rank = (item: JsonValue) => orderKeys.findIndex((key) => jsonEquals(key, keyOfItem(item)));
  const named = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const unnamed = items.filter((item) => rank(item) < 0);
  const serverIndex = (item: JsonValue) => server.findIndex((other) => jsonEquals(keyOfItem(other), keyOfItem(item)));

  const result: JsonValue[] = [];
  for (let n = 0, u = 0; n < named.length || u < unnamed.length; ) {
    const next = named[n];
    const other = unnamed[u];
    const takeOther = other !== undefined && (next === undefined || isBefore(serverIndex(other), serverIndex(next)));
    if (takeOther) {
      result.push(other);
      u++;
    } else if (next !== undefined) {
      result.push(next);
      n++;
    }
  }
  return result;
}

/** An item that the server did not have (-1) comes in the order of the patch and never waits for one that it had. */
function isBefore(other: number, next: number): boolean {
  return next >= 0 && other >= 0 && other < next;
}

function requireSameOrder(changes: readonly JsonObject[], order: readonly JsonValue[], mergeKey: string): void {
  let position = 0;
  const ordered = changes.filter((change) => change.$patch !== 'delete');
  for (const change of ordered) {
    const key = fieldOf(change, mergeKey);
    const index = order.findIndex((item, at) => at >= position && jsonEquals(keyOf(item, mergeKey), key));
    if (index < 0) {
      throw new PatchError(
        'Contradiction',
        `The order in patch list:\n${goText(ordered)}\n doesn't match $setElementOrder list:\n${goText([...order])}\n`,
      );
    }
    position = index + 1;
  }
}

function requireObject(item: JsonValue): JsonObject {
  if (!isJsonObject(item)) throw new PatchError('BadPatch', 'an item of a list that merges by key is not an object');
  return item;
}

function keyOf(item: JsonValue, mergeKey: string): JsonValue | undefined {
  return isJsonObject(item) ? fieldOf(item, mergeKey) : undefined;
}

function hasKey(item: JsonValue, mergeKey: string, key: JsonValue): boolean {
  return jsonEquals(keyOf(item, mergeKey), key);
}

/** The value as the API server prints it in its messages: Go's %v. */
function goText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isJsonObject(value)) return value === null ? '<nil>' : String(value);
  const fields = Object.keys(value).sort();
  return `map[${fields.map((key) => `${key}:${goText(value[key] ?? null)}`).join(' ')}]`;
}
