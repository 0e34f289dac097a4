import { isJsonObject, type JsonObject, type JsonValue, jsonEquals, MIRROR_ANNOTATION } from '@hawser/protocol';

/**
 * Whether an object that was there when a create came is the one that the same create made before, and whose answer was lost. The
 * API server keeps no record of who asked, so the contents decide.
 */

/** Set by the API server or of no meaning to a create (Kubernetes API conventions, "Metadata"). */
const COMPARED_METADATA = ['labels', 'annotations', 'ownerReferences', 'finalizers'];
const HASH = 'kubernetes.io/config.hash';

/**
 * - Of a mirror pod the node and the hash of its manifest decide: the rest is the API server's and its admission's to change.
 * - Of anything else the object must say everything that the create says. The server adds defaults; it takes nothing away but
 *   `status`. Where it writes a value in another way (`1000m` as `1`), this says no, and the create is refused.
 * An object that is being deleted is not it.
 */
export function isMadeBy(create: JsonObject, found: JsonObject, node: string): boolean {
  const metadata = objectAt(found, 'metadata');
  if (metadata.deletionTimestamp !== undefined) return false;
  const wanted = objectAt(create, 'metadata');
  const annotations = objectAt(wanted, 'annotations');
  if (annotations[MIRROR_ANNOTATION] !== undefined) {
    const theirs = objectAt(metadata, 'annotations');
    return (
      theirs[MIRROR_ANNOTATION] === annotations[MIRROR_ANNOTATION] &&
      theirs[HASH] === annotations[HASH] &&
      objectAt(found, 'spec').nodeName === node
    );
  }
  const { apiVersion: _a, kind: _k, metadata: _m, status: _s, ...rest } = create;
  return COMPARED_METADATA.every((field) => says(metadata[field], wanted[field], field)) && says(found, rest, '');
}

/**
 * Whether `found` says all that `wanted` says: every field of an object; of a list of objects each item, in order, with others
 * between them (the server adds tolerations and volumes); any other list the same, but finalizers, to which others are added.
 */
function says(found: JsonValue | undefined, wanted: JsonValue | undefined, field: string): boolean {
  if (found === undefined) return isEmpty(wanted);
  if (isJsonObject(wanted)) {
    return isJsonObject(found) && Object.entries(wanted).every(([key, value]) => says(ownField(found, key), value, key));
  }
  if (Array.isArray(wanted)) {
    if (!Array.isArray(found)) return false;
    if (field === 'finalizers') return wanted.every((item) => found.some((other) => jsonEquals(other, item)));
    return wanted.every(isJsonObject) ? isWithin(found, wanted) : jsonEquals(found, wanted);
  }
  return wanted === undefined || wanted === null || found === wanted;
}

function isWithin(found: readonly JsonValue[], wanted: readonly JsonValue[]): boolean {
  let next = 0;
  for (const item of found) if (next < wanted.length && says(item, wanted[next], '')) next += 1;
  return next === wanted.length;
}

/** What an API server leaves out when it writes an object. */
function isEmpty(value: JsonValue | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isJsonObject(value)) return Object.values(value).every(isEmpty);
  return value === undefined || value === null || value === '' || value === false || value === 0;
}

function ownField(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = ownField(object, key);
  return isJsonObject(value) ? value : {};
}
