import type { KubeObject } from '@hawser/protocol';
import { type Reflector, reflect, type Surroundings } from './reflector.ts';

/** A ConfigMap or Secret that pods need. */
export interface Reference {
  readonly resource: 'configmaps' | 'secrets';
  readonly namespace: string;
  readonly name: string;
}

/** What pods need of ConfigMaps and Secrets: one watch for each object, open as long as a pod needs it. */
export interface Objects {
  /** Opens the watches of a pod; `onChange` is called whenever one of the objects may be another. */
  use(podUid: string, references: readonly Reference[], onChange: () => void): void;
  /** The pod needs nothing any more. */
  release(podUid: string): void;
  /** Undefined: not known yet. `null`: there is no such object. */
  get(reference: Reference): KubeObject | null | undefined;
  /** Watches that are open. */
  count(): number;
}

/** What a watch of one object is asked to last, in seconds. */
const LASTS = [1_800, 3_600] as const;

interface Watched {
  readonly reflector: Reflector;
  /** By uid of the pod. */
  readonly users: Map<string, () => void>;
}

export function createObjects(around: Surroundings): Objects {
  const watched = new Map<string, Watched>();
  const open = ({ resource, namespace, name }: Reference): Watched => {
    const users = new Map<string, () => void>();
    const reflector = reflect(around, {
      path: `/api/v1/namespaces/${namespace}/${resource}`,
      fieldSelector: `metadata.name=${name}`,
      lasts: LASTS,
      saysTimeout: true,
      onChange: () => {
        for (const tell of users.values()) tell();
      },
    });
    return { reflector, users };
  };
  return {
    use(podUid, references, onChange) {
      for (const reference of references) {
        const id = idOf(reference);
        const one = watched.get(id) ?? open(reference);
        watched.set(id, one);
        one.users.set(podUid, onChange);
      }
    },
    release(podUid) {
      for (const [id, { reflector, users }] of watched) {
        users.delete(podUid);
        if (users.size > 0) continue;
        reflector.stop();
        watched.delete(id);
      }
    },
    get(reference) {
      const reflector = watched.get(idOf(reference))?.reflector;
      if (reflector?.isSynced() !== true) return undefined;
      return reflector.objects.get(`${reference.namespace}/${reference.name}`) ?? null;
    },
    count: () => watched.size,
  };
}

function idOf({ resource, namespace, name }: Reference): string {
  return `${resource}/${namespace}/${name}`;
}
