import type { JsonObject, JsonValue } from '../object.ts';
import { PatchError } from './error.ts';
import { fieldOf, isJsonObject } from './json.ts';

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

  const idOf = (item: JsonValue) => identity(keyOf(item, mergeKey));
  const result: (JsonValue | undefined)[] = [...current];
  const positions = positionsOf(current, idOf);
  for (const change of applied) {
    if (fieldOf(change, mergeKey) === undefined) {
      throw new PatchError('Contradiction', `map: ${goText(change)} does not contain declared merge key: ${mergeKey}`);
    }
    const id = idOf(change);
    const found = positions.get(id) ?? [];
    if (change.$patch === 'delete') {
      for (const position of found) result[position] = undefined;
      positions.delete(id);
      continue;
    }
    const [position] = found;
    const before = position === undefined ? undefined : result[position];
    if (position !== undefined && isJsonObject(before)) result[position] = mergeItem(before, change);
    else positions.set(id, [result.push(mergeItem({}, change)) - 1]);
  }
  const left = result.filter((item) => item !== undefined);
  return reorder(left, current, order ?? applied.filter((change) => change.$patch !== 'delete'), idOf);
}

/** A list of strings with strategy merge is a set: the patch's are added, those of `$deleteFromPrimitiveList` taken out. */
export function mergePrimitiveList(
  current: readonly JsonValue[],
  patch: readonly JsonValue[],
  order: readonly JsonValue[] | undefined,
  deletions: readonly JsonValue[],
): JsonValue[] {
  const deleted = new Set(deletions.map(identity));
  const result = current.filter((item) => !deleted.has(identity(item)));
  const known = new Set(result.map(identity));
  for (const item of patch) {
    if (!known.has(identity(item))) result.push(item);
    known.add(identity(item));
  }
  return order === undefined ? result : reorder(result, current, order, identity);
}

/**
 * Puts the items that the order (`$setElementOrder`, or else the patch) names into that order. The others, which the sender did
 * not know of, stay behind the item that they followed on the server; one that no named item precedes goes to the front.
 */
function reorder(
  items: readonly JsonValue[],
  server: readonly JsonValue[],
  order: readonly JsonValue[],
  idOf: (item: JsonValue) => string,
): JsonValue[] {
  const ranks = positionsOf(order, idOf);
  const places = positionsOf(server, idOf);
  const rank = (item: JsonValue) => ranks.get(idOf(item))?.[0] ?? -1;
  const place = (item: JsonValue) => places.get(idOf(item))?.[0] ?? -1;
  const named = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const unnamed = items.filter((item) => rank(item) < 0);

  const result: JsonValue[] = [];
  for (let n = 0, u = 0; n < named.length || u < unnamed.length; ) {
    const next = named[n];
    const other = unnamed[u];
    if (other !== undefined && (next === undefined || isBefore(place(other), place(next)))) {
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
  const wanted = order.map((item) => identity(keyOf(item, mergeKey)));
  const ordered = changes.filter((change) => change.$patch !== 'delete');
  let position = 0;
  for (const change of ordered) {
    const id = identity(fieldOf(change, mergeKey));
    while (position < wanted.length && wanted[position] !== id) position++;
    if (position === wanted.length) {
      throw new PatchError(
        'Contradiction',
        `The order in patch list:\n${goText(ordered)}\n doesn't match $setElementOrder list:\n${goText([...order])}\n`,
      );
    }
    position++;
  }
}

/** Merge keys and set members are scalars; their JSON tells them apart. Most are texts, of which the quote that begins them is enough. */
function identity(value: JsonValue | undefined): string {
  return typeof value === 'string' ? `"${value}` : (JSON.stringify(value) ?? '');
}

/** Where each identity stands; lists of the server may hold one more than once. */
function positionsOf(list: readonly JsonValue[], idOf: (item: JsonValue) => string): Map<string, number[]> {
  const positions = new Map<string, number[]>();
  for (const [index, item] of list.entries()) {
    const known = positions.get(idOf(item));
    if (known === undefined) positions.set(idOf(item), [index]);
    else known.push(index);
  }
  return positions;
}

function requireObject(item: JsonValue): JsonObject {
  if (!isJsonObject(item)) throw new PatchError('BadPatch', 'an item of a list that merges by key is not an object');
  return item;
}

function keyOf(item: JsonValue, mergeKey: string): JsonValue | undefined {
  return isJsonObject(item) ? fieldOf(item, mergeKey) : undefined;
}

/** The value as the API server prints it in its messages: Go's %v. */
function goText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isJsonObject(value)) return value === null ? '<nil>' : String(value);
  const fields = Object.keys(value).sort();
  return `map[${fields.map((key) => `${key}:${goText(value[key] ?? null)}`).join(' ')}]`;
}
