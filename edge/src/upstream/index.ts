export { createElsewhere } from './elsewhere.ts';
export { type CloudLookup, createLookup, type Lookup, lookOffline, type Source } from './lookup.ts';
export { type LookupQuestion, lookupFromJson, QUERY_PATH, questionFromParams, questionToParams } from './lookup-json.ts';
export {
  type AskOptions,
  type CloudAnswer,
  type CloudQueries,
  createQueries,
  DEFAULT_QUERY_MS,
  type Queries,
  type QueriesStats,
} from './queries.ts';
export { OFFLINE_RETRY_SECONDS, retrySeconds } from './retry.ts';
export {
  createUpstream,
  MAX_IN_FLIGHT,
  MAX_IN_FLIGHT_SIZE,
  type Upstream,
  type UpstreamOptions,
  type UpstreamState,
  type UpstreamStats,
} from './upstream.ts';
