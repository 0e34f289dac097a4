import { objectNameFor } from '../object-names.ts';

/** The name of the Lease of a node's session. Two nodes never share one. */
export function nodeLeaseName(node: string): string {
  return objectNameFor('node-', node);
}

/** The name of a replica's own Lease. */
export function replicaLeaseName(replica: string): string {
  return objectNameFor('relay-', replica);
}
