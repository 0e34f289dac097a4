import type { Question } from '@hawser/protocol';

/**
 * Where the objects of a node name what it may not read by itself, of resources that the relay does not watch: the member that holds
 * the name, and in objects of which resources.
 */
const REFERENCES: Readonly<Record<string, { readonly member: string; readonly from: ReadonlySet<string> }>> = {
  'storage.k8s.io/storageclasses': {
    member: 'storageClassName',
    from: new Set(['persistentvolumeclaims', 'persistentvolumes', 'pods']),
  },
  'scheduling.k8s.io/priorityclasses': { member: 'priorityClassName', from: new Set(['pods']) },
};

/**
 * Whether something that the node holds names that object.
 * @param bodies canonical bodies of what the node needs, by resource
 */
export function isReferred(
  { resource, name }: Pick<Question, 'resource' | 'name'>,
  bodies: (resources: ReadonlySet<string>) => Iterable<string>,
): boolean {
  const reference = REFERENCES[resource];
  if (reference === undefined) return false;
  // Canonical text has no white space, and a quote inside of a string is escaped there: this is the member and nothing else.
  const words = `"${reference.member}":${JSON.stringify(name)}`;
  for (const text of bodies(reference.from)) if (text.includes(words)) return true;
  return false;
}
