import { readFileSync } from 'node:fs';
import type { PolicyRule, RuleBinding } from '@hawser/edge';
import { parseAllDocuments } from 'yaml';

interface RbacObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly PolicyRule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
}

/**
 * The rights that manifests of Roles, ClusterRoles and their bindings give to ServiceAccounts, as `kubectl apply` of them would.
 * @throws for a binding whose role is in none of the files, or whose subject is no ServiceAccount
 */
export function bindingsOf(files: readonly URL[]): RuleBinding[] {
  const objects = files.flatMap((file) =>
    parseAllDocuments(readFileSync(file, 'utf8')).map((document): RbacObject => document.toJS()),
  );
  const rulesOf = (kind: string, name: string, namespace: string | undefined) => {
    const role = objects.find(
      ({ kind: itsKind, metadata }) => itsKind === kind && metadata.name === name && metadata.namespace === namespace,
    );
    if (role?.rules === undefined) throw new Error(`no ${kind} ${name} in ${files.join(', ')}`);
    return role.rules;
  };
  return objects.flatMap(({ kind, metadata, roleRef, subjects = [] }) => {
    if (roleRef === undefined) return [];
    const { namespace } = metadata;
    const rules = rulesOf(roleRef.kind, roleRef.name, roleRef.kind === 'Role' ? namespace : undefined);
    return subjects.map((subject) => {
      if (subject.kind !== 'ServiceAccount') throw new Error(`${kind} ${metadata.name} has a subject that is no ServiceAccount`);
      const user = `system:serviceaccount:${subject.namespace}:${subject.name}`;
      return { subject: { user }, rules, ...(namespace === undefined ? {} : { namespace }) };
    });
  });
}
