import fc from 'fast-check';
import { derivedSeed, Random } from '../../model/random.ts';
import { mutateBytes } from '../mutate/bytes.ts';
import type { Target } from './target.ts';

/** Changes one after the other to one input. */
const MOST_CHANGES = 4;

/**
 * Input number `place` of a run: the corpus as it is comes first, then what is made of it, and where the target has a shape what fast-check
 * makes of that. The same seed, place and corpus give the same input.
 */
export function inputAt(
  { mutators, shape, bounds }: Pick<Target, 'mutators' | 'shape' | 'bounds'>,
  corpus: readonly Uint8Array[],
  seed: number,
  place: number,
): Uint8Array {
  const kept = corpus[place];
  if (kept !== undefined) return kept;
  const random = new Random(derivedSeed(seed, place));
  const isShaped = shape !== undefined && (corpus.length === 0 || random.oneIn(3));
  let input = isShaped ? shaped(shape, random.integer(0x8000_0000)) : (random.pick(corpus) ?? new Uint8Array());
  const changes = isShaped && !random.oneIn(3) ? 0 : 1 + random.integer(MOST_CHANGES);
  for (let change = 0; change < changes; change += 1) {
    const mutate = random.oneIn(2) ? (random.pick(mutators) ?? mutateBytes) : mutateBytes;
    input = mutate(random, input, corpus).subarray(0, bounds.inputBytes);
  }
  return input;
}

function shaped(shape: fc.Arbitrary<Uint8Array>, seed: number): Uint8Array {
  const [input] = fc.sample(shape, { seed, numRuns: 1 });
  if (input === undefined) throw new Error('fast-check gave no sample');
  return input;
}
