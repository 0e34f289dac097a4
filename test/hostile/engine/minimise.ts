/** Tries for one input: enough for some hundred bytes, and over in a moment where one try takes 100 ms. */
const MOST_TRIES = 200;
const MOST_MS = 5_000;

/**
 * A shorter input that still fails: halves, quarters and so on are taken out as long as that is so. Not the shortest there is.
 * @param fails whether an input fails in the same way
 */
export async function minimise(input: Uint8Array, fails: (input: Uint8Array) => Promise<boolean>): Promise<Uint8Array> {
  const began = performance.now();
  let shortest = input;
  let tries = 0;
  for (let size = Math.ceil(input.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < shortest.length; ) {
      if (tries >= MOST_TRIES || performance.now() - began > MOST_MS) return shortest;
      tries += 1;
      const shorter = Buffer.concat([shortest.subarray(0, at), shortest.subarray(at + size)]);
      if (shorter.length < shortest.length && (await fails(shorter))) shortest = shorter;
      else at += size;
    }
  }
  return shortest;
}
