export { createDownstream } from './downstream.ts';
export type { DownstreamLimits } from './limits.ts';
export { DEFAULT_DOWNSTREAM_LIMITS } from './limits.ts';
export type {
  Downstream,
  DownstreamOptions,
  DownstreamStats,
  NodeState,
  RefusedObject,
  Session,
  SessionStats,
} from './types.ts';
