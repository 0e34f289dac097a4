import type { PolicyRule, RuleBinding } from '@hawser/edge';

/** An object of rbac.authorization.k8s.io/v1, as far as it says who may do what. */
export interface RbacObject {
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly namespace?: string };
  readonly rules?: readonly PolicyRule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
}

/** What bindings give to whom. One whose role is not there gives nothing, as in a cluster. */
export function bindingsOfObjects(objects: readonly RbacObject[]): RuleBinding[] {
  return objects.flatMap((binding) => {
    const rules = roleOf(binding, objects)?.rules;
    if (rules === undefined) return [];
    const { namespace } = binding.metadata;
    const subjects = (binding.subjects ?? []).flatMap((subject) => subjectOf(subject, namespace) ?? []);
    return subjects.map((subject) => ({ subject, rules, ...(namespace === undefined ? {} : { namespace }) }));
  });
}

/** The Role or ClusterRole that a binding names; undefined where it is not among the objects, and for what is no binding. */
export function roleOf({ roleRef, metadata }: RbacObject, objects: readonly RbacObject[]): RbacObject | undefined {
  if (roleRef === undefined) return undefined;
  const namespace = roleRef.kind === 'Role' ? metadata.namespace : undefined;
  return objects.find(
    (one) => one.kind === roleRef.kind && one.metadata.name === roleRef.name && one.metadata.namespace === namespace,
  );
}

type Subject = NonNullable<RbacObject['subjects']>[number];

function subjectOf({ kind, name, namespace }: Subject, own: string | undefined): RuleBinding['subject'] | undefined {
  switch (kind) {
    case 'ServiceAccount':
      return { user: `system:serviceaccount:${namespace ?? own}:${name}` };
    case 'User':
      return { user: name };
    case 'Group':
      return { group: name };
    default:
      return undefined;
  }
}
