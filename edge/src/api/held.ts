import type { KubeObject } from '@hawser/protocol';
import type { Held, Storage } from './storage.ts';

/**
 * What a Storage holds of a resource, sorted by namespace and name.
 * @param namespace undefined means all
 * @param name undefined means all
 */
export function heldBy(storage: Storage, resource: string, namespace: string | undefined, name: string | undefined): Held[] {
  if (storage.held !== undefined) return storage.held(resource, namespace, name);
  if (name === undefined) return storage.list(resource, namespace).map(asHeld);
  if (namespace === undefined)
    return storage
      .list(resource)
      .filter(({ metadata }) => metadata.name === name)
      .map(asHeld);
  const object = storage.get({ resource, namespace, name });
  return object === undefined ? [] : [asHeld(object)];
}

export function asHeld(object: KubeObject): Held {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '', json: undefined, object };
}
