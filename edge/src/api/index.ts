export { compareKeys, type ItemKey } from './keys.ts';
export type * from './policy.ts';
export * from './status.ts';
export type {
  Change,
  CreateWrite,
  DeleteWrite,
  PatchType,
  Storage,
  StorageKey,
  UpdateWrite,
  Write,
} from './storage.ts';
export { CompactedError, ConflictError, ExistsError, MissingError } from './storage.ts';
