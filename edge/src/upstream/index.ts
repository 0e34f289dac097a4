export { type CloudLookup, createLookup, fromKept, type Lookup, notAsked, type Source } from './lookup.ts';
export {
  type AskOptions,
  type CloudAnswer,
  type CloudQueries,
  createQueries,
  DEFAULT_QUERY_MS,
  type Queries,
  type QueriesStats,
} from './queries.ts';
export {
  createUpstream,
  MAX_IN_FLIGHT,
  MAX_IN_FLIGHT_SIZE,
  type Upstream,
  type UpstreamOptions,
  type UpstreamState,
  type UpstreamStats,
} from './upstream.ts';
