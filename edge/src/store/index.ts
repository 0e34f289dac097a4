export { sqliteVersion } from './connection.ts';
export { keySeal } from './key-seal.ts';
export { DEFAULT_STORE_LIMITS, MAX_FACT_LENGTH, MAX_FACTS } from './limits.ts';
export { type MemoryStore, type MemoryStoreOptions, openMemoryStore } from './memory.ts';
export { NoRoomError } from './no-room.ts';
export { openStore } from './open.ts';
export type { Size } from './outbox-size.ts';
export { readStore, storeRuns } from './read-store.ts';
export { startRechecking } from './rechecking.ts';
export { rekeyStore } from './rekey.ts';
export { SCHEMA_VERSION } from './schema.ts';
export { PLAIN, type Seal } from './seal.ts';
export { setStoreAside, type Untold } from './set-aside.ts';
export type {
  BatchResult,
  Damage,
  DroppedEvents,
  DropReason,
  EdgeStore,
  HeldObject,
  KeptAnswer,
  KeptAnswers,
  KeptToken,
  OperationNack,
  Outbox,
  OutboxEntry,
  ReadonlyStore,
  Recheck,
  RecheckStats,
  Refusal,
  ResolvedOperation,
  SealSource,
  StoreIdentity,
  StoreLimits,
  StoreOptions,
  TokenKey,
  Tokens,
  WriteVerb,
} from './types.ts';
export { ROOM_TO_OPEN_BYTES } from './without-room.ts';
