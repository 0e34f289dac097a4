import { type ObjectKey, objectKey } from '@hawser/protocol';
import type { Stored } from './cluster.ts';

/**
 * What a device of that node should hold, worked out slowly and from the facts alone: nothing without a labelled Node, else the
 * Node, its pods, and what these name as far as it exists.
 */
export function desiredOf(node: string, objects: ReadonlyMap<ObjectKey, Stored>): Map<ObjectKey, Stored> {
  const desired = new Map<ObjectKey, Stored>();
  const own = objects.get(objectKey('nodes', '', node));
  if (own?.facts.isEdge !== true) return desired;
  const take = (key: ObjectKey) => {
    const object = objects.get(key);
    if (object === undefined || desired.has(key)) return;
    desired.set(key, object);
    for (const need of object.facts.needs ?? []) take(need);
  };
  take(own.key);
  for (const object of objects.values()) if (object.facts.node === node) take(object.key);
  return desired;
}
