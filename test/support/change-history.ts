import type { KubeObject } from '@hawser/protocol';
import type { KubeClient, WatchEvent } from './kube.ts';
import { until } from './until.ts';

/** One change of one object, as a watch has told it. */
export interface SeenChange {
  readonly type: WatchEvent['type'];
  readonly object: KubeObject;
}

/**
 * Every change that the API server makes, in its own words: a watch of each resource from the beginning on. An effect that came about
 * twice stands here twice, also where the end state does not tell. Holds as long as the watches are not cut.
 */
export interface ChangeHistory {
  /** Of all objects that ever had that name, oldest first. */
  of(resource: string, namespace: string, name: string): readonly SeenChange[];
  /** How many there are of that type. */
  count(type: SeenChange['type'], resource: string, namespace: string, name: string): number;
  /**
   * How often what `part` reads of the object became another one, its beginning not counted. For objects with several writers: only
   * what `part` reads counts.
   */
  turns(resource: string, namespace: string, name: string, part: (object: KubeObject) => unknown): number;
  /** Resolves when all that happened before this call has been seen. */
  caughtUp(): Promise<void>;
  stop(): void;
}

export function followChanges(kube: KubeClient, resources: readonly string[]): ChangeHistory {
  const stopped = new AbortController();
  const changes = new Map<string, SeenChange[]>();
  const newest = new Map<string, bigint>();
  for (const resource of resources) {
    const see = ({ type, object }: WatchEvent) => {
      const { namespace = '', name = '', resourceVersion = '0' } = object.metadata ?? {};
      if (type === 'ERROR') throw new Error(`the watch of ${resource} has ended: ${JSON.stringify(object)}`);
      const version = BigInt(resourceVersion);
      if (version > (newest.get(resource) ?? 0n)) newest.set(resource, version);
      if (type === 'BOOKMARK') return;
      const key = `${resource}/${namespace}/${name}`;
      const seen = changes.get(key) ?? [];
      changes.set(key, seen);
      seen.push({ type, object });
    };
    kube.watch(resource, see, stopped.signal);
  }
  const of = (resource: string, namespace: string, name: string) => changes.get(`${resource}/${namespace}/${name}`) ?? [];
  return {
    of,
    count: (type, ...key) => of(...key).filter((change) => change.type === type).length,
    turns(resource, namespace, name, part) {
      const states = of(resource, namespace, name)
        .filter(({ type }) => type !== 'DELETED')
        .map(({ object }) => JSON.stringify(part(object)));
      return states.filter((state, index) => index > 0 && state !== states[index - 1]).length;
    },
    async caughtUp() {
      for (const resource of resources) {
        await until(`the watch of ${resource} as far as its list`, 60_000, undefined, async () => {
          const listed = (await kube.list(resource)).map(({ metadata }) => metadata);
          const last = listed.map(({ resourceVersion = '0' }) => BigInt(resourceVersion)).reduce((a, b) => (a > b ? a : b), 0n);
          // A removal has a version that no list shows: what is not listed has to be known as gone.
          const keys = new Set(listed.map(({ namespace = '', name }) => `${resource}/${namespace}/${name}`));
          const isGone = ([key, seen]: [string, SeenChange[]]) => keys.has(key) || seen.at(-1)?.type === 'DELETED';
          const ours = [...changes].filter(([key]) => key.startsWith(`${resource}/`));
          return (newest.get(resource) ?? 0n) >= last && ours.every(isGone);
        });
      }
    },
    stop: () => stopped.abort(),
  };
}
