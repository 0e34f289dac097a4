import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../http/objects.ts';
import { keyOf } from '../http/objects.ts';

/** Differences that are told; more are counted. */
const MOST_TOLD = 5;

/**
 * What a cache and a list of the same collection differ in, in words: objects as whole, but for kind and apiVersion, which items of a
 * list do not have. Empty where they are the same.
 */
export function differences(cache: ReadonlyMap<string, KubeObject>, items: readonly KubeObject[]): string[] {
  const told: string[] = [];
  const listed = new Set<string>();
  for (const item of items) {
    const key = keyOf(item);
    listed.add(key);
    const cached = cache.get(key);
    if (cached === undefined) told.push(`${key} is in the list and not in the cache`);
    else if (cached.metadata.uid !== item.metadata.uid) {
      told.push(`${key} has uid ${item.metadata.uid} in the list and ${cached.metadata.uid} in the cache`);
    } else if (cached.metadata.resourceVersion !== item.metadata.resourceVersion) {
      const [inList, inCache] = [item.metadata.resourceVersion, cached.metadata.resourceVersion];
      told.push(`${key} is at version ${inList} in the list and ${inCache} in the cache`);
    } else if (!isDeepStrictEqual(bare(cached), bare(item))) {
      told.push(`${key} has the same version in list and cache and other contents: ${fieldsThatDiffer(cached, item).join(', ')}`);
    }
  }
  for (const key of cache.keys()) if (!listed.has(key)) told.push(`${key} is in the cache and not in the list`);
  return told.length <= MOST_TOLD ? told : [...told.slice(0, MOST_TOLD), `and ${told.length - MOST_TOLD} more`];
}

function bare({ kind, apiVersion, ...rest }: KubeObject): Record<string, unknown> {
  return rest;
}

function fieldsThatDiffer(a: KubeObject, b: KubeObject): string[] {
  const [left, right] = [bare(a), bare(b)];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].filter(
    (field) => !isDeepStrictEqual(left[field], right[field]),
  );
}
