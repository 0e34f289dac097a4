/**
 * Turns a text into what lies on disk, and back. The place where encryption at rest is put in; until the device has a key for it
 * there is only PLAIN.
 */
export interface Seal {
  /** Stands beside what it sealed, so that another seal knows what is not its own. */
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
