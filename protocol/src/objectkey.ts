import { HawserError } from './errors.ts';

/**
 * Names an object within a cluster: `resource/namespace/name`, or `group/resource/namespace/name` outside the core group.
 * The namespace of a cluster-scoped object is empty: `nodes//edge-1`. Names cannot hold a slash, so the number of parts tells.
 */
export type ObjectKey = string & { readonly __brand: 'ObjectKey' };

export interface ObjectKeyParts {
  /** `pods`, `apps/deployments`: the id of the resource table. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** Longest key: group, resource, namespace and name are each at most 253 bytes in Kubernetes. */
const MAX_KEY_LENGTH = 4 * 254;
const PART = /^[^/\s\p{Cc}]+$/u;

/** @throws HawserError `malformed_object` when a part is empty or holds a slash, white space or control character. */
export function objectKey(resource: string, namespace: string, name: string): ObjectKey {
  const parsed = parseObjectKey(`${resource}/${namespace}/${name}`);
  // A slash in one part would make it another object's key.
  if (parsed.name === name && parsed.namespace === namespace) return parsed.key;
  throw new HawserError(
    'malformed_object',
    `a name or namespace holds a slash: ${JSON.stringify(`${namespace}, ${name}`.slice(0, 200))}`,
  );
}

/** @throws HawserError `malformed_object` */
export function parseObjectKey(text: string): ObjectKeyParts & { readonly key: ObjectKey } {
  const parts = text.length > MAX_KEY_LENGTH ? [] : text.split('/');
  const name = parts.at(-1);
  const namespace = parts.at(-2);
  const resource = parts.slice(0, -2);
  const valid =
    name !== undefined &&
    namespace !== undefined &&
    (resource.length === 1 || resource.length === 2) &&
    [name, ...resource].every((part) => PART.test(part)) &&
    (namespace === '' || PART.test(namespace));
  if (!valid) throw new HawserError('malformed_object', `not an object key: ${JSON.stringify(text.slice(0, 200))}`);
  return { resource: resource.join('/'), namespace, name, key: text as ObjectKey };
}
