export { type ReplicaIdentity, replicaIdentity } from './naming.ts';
export { createReplicas, type ReplicaMetrics, type Replicas } from './replicas.ts';
