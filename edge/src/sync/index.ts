export { createSync } from './sync.ts';
export type { Sync, SyncGoodbye, SyncOptions, SyncState, SyncStats, SyncStore } from './types.ts';
export { SYNC_FACTS } from './types.ts';
