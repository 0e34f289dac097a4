export { Backoff } from './backoff.ts';
export { LEASE_LABEL, type LinkState, microTime, type NodeLease, readLease } from './lease.ts';
export { type ReplicaIdentity, replicaIdentity, replicaNamespace } from './naming.ts';
export type { NodeLink, NodeLinks } from './node-link.ts';
export { createReplicas, type ReplicaMetrics, type Replicas } from './replicas.ts';
