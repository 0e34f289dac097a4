import { readFileSync } from 'node:fs';
import type { RuleBinding } from '@hawser/edge';
import { parseAllDocuments } from 'yaml';
import { bindingsOfObjects, type RbacObject, roleOf } from './policy/role-bindings.ts';

/**
 * The rights that manifests of Roles, ClusterRoles and their bindings give to ServiceAccounts, as `kubectl apply` of them would.
 * @throws for a binding whose role is in none of the files, or whose subject is no ServiceAccount
 */
export function bindingsOf(files: readonly URL[]): RuleBinding[] {
  const objects = files.flatMap((file) =>
    parseAllDocuments(readFileSync(file, 'utf8')).map((document): RbacObject => document.toJS()),
  );
  for (const one of objects) {
    const { roleRef, metadata, kind, subjects = [] } = one;
    if (roleRef !== undefined && roleOf(one, objects) === undefined) {
      throw new Error(`no ${roleRef.kind} ${roleRef.name} in ${files.join(', ')}`);
    }
    if (subjects.some((subject) => subject.kind !== 'ServiceAccount')) {
      throw new Error(`${kind} ${metadata.name} has a subject that is no ServiceAccount`);
    }
  }
  return bindingsOfObjects(objects);
}
