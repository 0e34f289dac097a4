import { hash } from 'node:crypto';
import { KUBERNETES_1 } from './kubernetes-1.ts';

/** Text that most objects share, against which a body is compressed when no older body of the same object is at hand. */
export interface StaticDictionary {
  /** First 8 bytes of the SHA-256 of the bytes, as 16 hex digits. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/**
 * Newest first. Each side keeps those of the previous minor version, so that two neighbours have one in common. A dictionary
 * that a release has carried is never changed.
 */
export const DICTIONARIES: readonly StaticDictionary[] = [KUBERNETES_1].map((text) => {
  const bytes = Buffer.from(text, 'utf8');
  return { id: hash('sha256', bytes, 'hex').slice(0, 16), bytes };
});

const byId = new Map(DICTIONARIES.map((dictionary) => [dictionary.id, dictionary]));

/** Undefined for one that this version does not have. */
export function dictionaryById(id: string): StaticDictionary | undefined {
  return byId.get(id);
}
