/**
 * Turns a text into what lies on disk, and back. Sealed are Secrets wherever they stand (`sealed-texts.ts`), kept answers and
 * ServiceAccount tokens; everything else lies as it is.
 */
export interface Seal {
  /** Stands beside what it sealed, so that another seal knows what is not its own, and a store says which key it needs. */
  readonly name: string;
  /** @param about says what the text belongs to: what was sealed about one thing does not open about another, where the seal can tell */
  seal(text: string, about: string): Uint8Array;
  /** Undefined for what does not open: another key, another thing, damage. */
  open(sealed: Uint8Array, about: string): string | undefined;
}

/** No protection: the bytes are the text, and what guards them is the file's mode. */
export const PLAIN: Seal = {
  name: 'plain',
  seal: (text) => Buffer.from(text, 'utf8'),
  open: (sealed) => Buffer.from(sealed).toString('utf8'),
};
