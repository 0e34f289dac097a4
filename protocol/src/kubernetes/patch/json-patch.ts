import type { JsonObject, JsonValue } from '../object.ts';
import { PatchError } from './error.ts';
import { isJsonObject, jsonEquals, requireBoundedDepth, setField } from './json.ts';

/** Operations in one JSON patch; the API server has the same bound. More are refused. */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;

/** What all copies of one JSON patch may add, in characters of JSON, lest a few lines double a document over and over. More is refused. */
export const MAX_COPIED_LENGTH = 3 * 1024 * 1024;

/**
 * JSON patch (RFC 6902). The arguments are not changed.
 * @throws PatchError with code BadPatch for what is no JSON patch, Unprocessable for a missing path or a failed test.
 */
export function applyJsonPatch(current: JsonValue, patch: JsonValue): JsonValue {
  const operations = parse(patch);
  let document = structuredClone(current);
  let copied = 0;
  for (const operation of operations) {
    if (operation.op === 'copy') {
      copied += JSON.stringify(resolve(document, operation.from)).length;
      if (copied > MAX_COPIED_LENGTH) throw new PatchError('BadPatch', `copies more than ${MAX_COPIED_LENGTH} characters`);
    }
    document = apply(document, operation);
  }
  requireBoundedDepth(document);
  return document;
}

type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: readonly string[]; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly path: readonly string[] }
  | { readonly op: 'move' | 'copy'; readonly path: readonly string[]; readonly from: readonly string[] };

function parse(patch: JsonValue): Operation[] {
  if (!Array.isArray(patch)) throw new PatchError('BadPatch', 'a JSON patch is a list of operations');
  if (patch.length > MAX_JSON_PATCH_OPERATIONS) {
    throw new PatchError('BadPatch', `a JSON patch may have at most ${MAX_JSON_PATCH_OPERATIONS} operations`);
  }
  requireBoundedDepth(patch);
  return patch.map(parseOperation);
}

function parseOperation(operation: JsonValue): Operation {
  if (!isJsonObject(operation)) throw new PatchError('BadPatch', 'an operation of a JSON patch is an object');
  const path = parsePointer(operation.path, 'path');
  switch (operation.op) {
    case 'add':
    case 'replace':
    case 'test':
      // Like the API server's library: a missing value counts as null.
      return { op: operation.op, path, value: operation.value ?? null };
    case 'remove':
      return { op: 'remove', path };
    case 'move':
    case 'copy':
      return { op: operation.op, path, from: parsePointer(operation.from, 'from') };
    default:
      throw new PatchError('Unprocessable', `unknown operation of a JSON patch: ${JSON.stringify(operation.op)?.slice(0, 50)}`);
  }
}

/** JSON pointer (RFC 6901): "" is the whole document, `~1` stands for a slash and `~0` for a tilde. */
function parsePointer(pointer: JsonValue | undefined, field: string): string[] {
  if (typeof pointer !== 'string') throw new PatchError('BadPatch', `an operation of a JSON patch lacks its ${field}`);
  if (pointer === '') return [];
  if (!pointer.startsWith('/'))
    throw new PatchError('Unprocessable', `${field} does not begin with a slash: ${pointer.slice(0, 100)}`);
  return pointer
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function apply(document: JsonValue, operation: Operation): JsonValue {
  switch (operation.op) {
    case 'test':
      if (jsonEquals(resolve(document, operation.path), operation.value)) return document;
      throw new PatchError('Unprocessable', `test failed at ${pointerText(operation.path)}`);
    case 'add':
      return add(document, operation.path, structuredClone(operation.value));
    case 'replace':
      resolve(document, operation.path);
      if (operation.path.length === 0) return structuredClone(operation.value);
      return replace(document, operation.path, structuredClone(operation.value));
    case 'remove':
      return remove(document, operation.path);
    case 'copy':
      return add(document, operation.path, structuredClone(resolve(document, operation.from)));
    case 'move': {
      if (startsWith(operation.path, operation.from) && operation.path.length > operation.from.length) {
        throw new PatchError('Unprocessable', `cannot move ${pointerText(operation.from)} into itself`);
      }
      const value = resolve(document, operation.from);
      return add(remove(document, operation.from), operation.path, value);
    }
  }
}

function resolve(document: JsonValue, path: readonly string[]): JsonValue {
  let value = document;
  for (const segment of path) value = child(value, segment, path);
  return value;
}

function child(parent: JsonValue, segment: string, path: readonly string[]): JsonValue {
  const found = Array.isArray(parent) ? parent[listIndex(parent, segment, path)] : ownField(parent, segment);
  if (found === undefined) throw missing(path);
  return found;
}

function ownField(parent: JsonValue, key: string): JsonValue | undefined {
  return isJsonObject(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

function add(document: JsonValue, path: readonly string[], value: JsonValue): JsonValue {
  const key = path.at(-1);
  if (key === undefined) return value;
  const parent = resolve(document, path.slice(0, -1));
  if (Array.isArray(parent)) {
    const index = key === '-' ? parent.length : listIndex(parent, key, path, parent.length);
    parent.splice(index, 0, value);
  } else {
    setField(requireObject(parent, path), key, value);
  }
  return document;
}

function replace(document: JsonValue, path: readonly string[], value: JsonValue): JsonValue {
  const key = path.at(-1) ?? '';
  const parent = resolve(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent[listIndex(parent, key, path)] = value;
  else setField(requireObject(parent, path), key, value);
  return document;
}

function remove(document: JsonValue, path: readonly string[]): JsonValue {
  const key = path.at(-1);
  if (key === undefined) throw new PatchError('Unprocessable', 'the whole document cannot be removed');
  resolve(document, path);
  const parent = resolve(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(listIndex(parent, key, path), 1);
  else delete requireObject(parent, path)[key];
  return document;
}

function requireObject(parent: JsonValue, path: readonly string[]): JsonObject {
  if (!isJsonObject(parent)) throw missing(path);
  return parent;
}

/** RFC 6901 §4: digits without leading zeros. `last` is the highest index that may be named. */
function listIndex(list: readonly JsonValue[], segment: string, path: readonly string[], last = list.length - 1): number {
  const index = /^(0|[1-9][0-9]{0,9})$/.test(segment) ? Number(segment) : -1;
  if (index < 0 || index > last) throw missing(path);
  return index;
}

function missing(path: readonly string[]): PatchError {
  return new PatchError('Unprocessable', `nothing at ${pointerText(path)}`);
}

function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((segment, index) => path[index] === segment);
}

function pointerText(path: readonly string[]): string {
  return path
    .map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('')
    .slice(0, 200);
}
