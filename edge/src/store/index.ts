export { DEFAULT_STORE_LIMITS, MAX_FACT_LENGTH, MAX_FACTS } from './limits.ts';
export { type MemoryStore, type MemoryStoreOptions, openMemoryStore } from './memory.ts';
export { openStore } from './open.ts';
export { readStore } from './read-store.ts';
export { startRechecking } from './rechecking.ts';
export type {
  BatchResult,
  Damage,
  EdgeStore,
  HeldObject,
  OperationNack,
  Outbox,
  OutboxEntry,
  ReadonlyStore,
  Recheck,
  RecheckStats,
  Refusal,
  ResolvedOperation,
  StoreIdentity,
  StoreLimits,
  StoreOptions,
  WriteVerb,
} from './types.ts';
