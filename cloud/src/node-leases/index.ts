export { createNodeLeases, type NodeLeaseCounts, type NodeLeaseMetrics, type NodeLeases } from './node-leases.ts';
