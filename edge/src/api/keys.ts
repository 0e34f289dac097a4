import type { StorageKey } from './storage.ts';

/** Order of lists and continue tokens: by namespace, then by name, in UTF-16 code units (names are ASCII). */
export function compareKeys(a: ItemKey, b: ItemKey): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return 0;
}

/** Where an item stands within one resource. */
export type ItemKey = Pick<StorageKey, 'namespace' | 'name'>;
