export { type StatusRequest, status } from './status.ts';
export type { Concern, ConcernCode, StatusReport } from './types.ts';
