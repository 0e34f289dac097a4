export {
  createUpstream,
  MAX_IN_FLIGHT,
  MAX_IN_FLIGHT_SIZE,
  type Upstream,
  type UpstreamOptions,
  type UpstreamState,
  type UpstreamStats,
} from './upstream.ts';
