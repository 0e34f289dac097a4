/** Uniform numbers from 0 (included) to 1 (excluded), the same ones for the same seed. */
export type Random = () => number;

/** Mulberry32: 32 bits of state are plenty for test data, and every machine gives the same sequence. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A whole number from 0 to `below` - 1. */
export function wholeBelow(random: Random, below: number): number {
  return Math.floor(random() * below);
}

export function pick<T>(random: Random, from: readonly T[]): T {
  const picked = from[wholeBelow(random, from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}

/** Characters of the alphabet, each as likely as the next. */
export function characters(random: Random, alphabet: string, length: number): string {
  let text = '';
  while (text.length < length) text += alphabet[wholeBelow(random, alphabet.length)];
  return text;
}
