export { createSync } from './sync.ts';
export type { Sync, SyncGoodbye, SyncOptions, SyncState, SyncStats } from './types.ts';
export { SYNC_FACTS } from './types.ts';
