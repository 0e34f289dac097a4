export { createDownstream } from './downstream.ts';
export { commonDictionary } from './encoding.ts';
export type { DownstreamLimits } from './limits.ts';
export { DEFAULT_DOWNSTREAM_LIMITS } from './limits.ts';
export type { Differing, RefusalNote, ResourceCounts, SessionReport, Why } from './session-report.ts';
export type {
  Downstream,
  DownstreamOptions,
  DownstreamStats,
  NodeState,
  ReadForNode,
  RefusedObject,
  Session,
  SessionStats,
} from './types.ts';
