import { isKeySealName } from './key-seal.ts';
import type { Seal } from './seal.ts';

/**
 * What a text that does not open is read as: no JSON, so whoever reads it takes it for damaged, as a text that was changed on disk.
 * Never an empty object.
 */
const UNREADABLE = '';

/** Whether objects of that resource are sealed, whatever writes them. */
export function isSealedResource(resource: string): boolean {
  return resource === 'secrets';
}

/** What a text of the tables is about: binds it to its row, so that texts of two rows cannot be swapped. */
export const about = {
  /** The column `body` of `objects`. */
  object: (id: number) => `object ${id}`,
  /** The column `object` of `changes`. */
  change: (revision: number) => `change ${revision}`,
  /** The column `body` of `open_writes`: by the row of the object, since a write gets its number when it is there. */
  write: (object: number) => `write of object ${object}`,
} as const;

/**
 * The texts of `objects`, `changes` and `open_writes` as they lie in their columns: Secrets as NAME:BASE64, with the name of the seal,
 * all others as they are. JSON of an object begins with a brace, so a sealed text is known by its form alone.
 */
export class SealedTexts {
  readonly #seal: Seal;

  constructor(seal: Seal) {
    this.#seal = seal;
  }

  /** As it is to be written. */
  put(resource: string, text: string, about: string): string {
    if (!isSealedResource(resource) || !isKeySealName(this.#seal.name)) return text;
    return `${this.#seal.name}:${Buffer.from(this.#seal.seal(text, about)).toString('base64')}`;
  }

  /** As it was before `put`; {@link UNREADABLE} for what was sealed with another key or about another row, or is damaged. */
  take(stored: string, about: string): string {
    const name = sealNameOf(stored);
    if (name === undefined) return stored;
    if (name !== this.#seal.name) return UNREADABLE;
    return this.#seal.open(Buffer.from(stored.slice(name.length + 1), 'base64'), about) ?? UNREADABLE;
  }

  /** `take` for a column that may be null. */
  takeOptional(stored: string | null, about: string): string | null {
    return stored === null ? null : this.take(stored, about);
  }
}

/** Longest name of a seal, in characters. */
const MAX_NAME = 64;

/** The name of the seal that a column's text lies under; undefined for one that is not sealed. */
export function sealNameOf(stored: string): string | undefined {
  const name = /^[a-z0-9]+:[0-9a-f]+(?=:)/.exec(stored.slice(0, MAX_NAME))?.[0];
  return name !== undefined && isKeySealName(name) ? name : undefined;
}
