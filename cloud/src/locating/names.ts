import { type ObjectKey, objectKey } from '@hawser/protocol';

/** A name that can stand in a path (Kubernetes, "Object Names and IDs"); the API server serves no object of another. */
const NAME = /^[a-z0-9A-Z]([-_.a-z0-9A-Z]{0,251}[a-z0-9A-Z])?$/;

export function isName(text: string | undefined): text is string {
  return text !== undefined && NAME.test(text);
}

/** The key of what an object names; undefined where that cannot be the name of anything. @param namespace undefined for what has none */
export function namedKey(resource: string, namespace: string | undefined, name: string | undefined): ObjectKey | undefined {
  if (!isName(name) || (namespace !== undefined && !isName(namespace))) return undefined;
  return objectKey(resource, namespace ?? '', name);
}
