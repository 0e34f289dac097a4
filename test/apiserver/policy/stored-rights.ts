import type { RuleBinding, Storage } from '@hawser/edge';
import { bindingsOfObjects, type RbacObject } from './role-bindings.ts';

const RESOURCES = ['clusterroles', 'roles', 'clusterrolebindings', 'rolebindings'].map(
  (resource) => `rbac.authorization.k8s.io/${resource}`,
);

/** The rights that stand in the Storage as Roles and bindings, beside fixed ones. Read anew only after one of them has changed. */
export function storedRights(storage: Storage, fixed: readonly RuleBinding[]): () => readonly RuleBinding[] {
  let known: { readonly bindings: readonly RuleBinding[]; readonly revision: number } | undefined;
  for (const resource of RESOURCES) {
    storage.subscribe(resource, () => {
      known = undefined;
    });
  }
  return () => {
    const revision = storage.revision();
    // A Storage that went back tells nobody.
    if (known === undefined || revision < known.revision) {
      const objects = RESOURCES.flatMap((resource) => storage.list(resource)) as readonly RbacObject[];
      known = { bindings: [...fixed, ...bindingsOfObjects(objects)], revision };
    }
    return known.bindings;
  };
}
