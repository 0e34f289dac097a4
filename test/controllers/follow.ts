import type { KubeObject } from '@hawser/protocol';
import type { KubeClient, WatchEvent } from '../support/kube.ts';

/** What a controller knows of the API server's objects, by name of the list and then by `namespace/name`. */
export interface Followed<List extends string> {
  readonly lists: { readonly [list in List]: ReadonlyMap<string, KubeObject> };
  /** Whether each list has been complete once: before, nothing follows from what is not in it. */
  isComplete(): boolean;
}

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/**
 * Follows resources until the signal, through broken watches as well: what was deleted meanwhile is missing afterwards.
 * @param resources the resource table's id of each list
 * @param onChange called after each change of any of them
 */
export function follow<List extends string>(
  kube: KubeClient,
  resources: Readonly<Record<List, string>>,
  signal: AbortSignal,
  onChange: () => void,
): Followed<List> {
  const names = Object.keys(resources) as List[];
  const lists = Object.fromEntries(names.map((name) => [name, new Map()])) as Record<List, Map<string, KubeObject>>;
  const incomplete = new Set<List>(names);
  for (const name of names) {
    const seen = lists[name];
    /** What an earlier watch told of and this one has not yet. */
    let unconfirmed = new Set<string>();
    const take = ({ type, object }: WatchEvent) => {
      const key = keyOf(object);
      switch (type) {
        case 'ADDED':
        case 'MODIFIED':
          unconfirmed.delete(key);
          seen.set(key, object);
          break;
        case 'DELETED':
          seen.delete(key);
          break;
        case 'BOOKMARK':
          if (object.metadata.annotations?.[INITIAL_EVENTS_END] === undefined) return;
          for (const gone of unconfirmed) seen.delete(gone);
          incomplete.delete(name);
          break;
        case 'ERROR':
          return;
      }
      onChange();
    };
    const begin = () => {
      unconfirmed = new Set(seen.keys());
    };
    kube.watch(resources[name], take, signal, 'allowWatchBookmarks=true', undefined, begin);
  }
  return { lists, isComplete: () => incomplete.size === 0 };
}

export function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
