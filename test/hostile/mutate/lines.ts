import type { Random } from '../../model/random.ts';
import type { Mutator } from '../engine/target.ts';
import { mutateBytes } from './bytes.ts';

/** One line, or one word, so many times, and no more than so many characters in all. */
const MOST_COPIES = 20_000;
const MOST_CHARACTERS = 1_000_000;

/** Changes to a text of lines, with words that mean something to whoever reads it. */
export function linesMutator(words: readonly string[], newline = '\n'): Mutator {
  return (random: Random, input, others) => {
    const lines = Buffer.from(input).toString('latin1').split(newline);
    const at = random.integer(lines.length);
    const line = lines[at] ?? '';
    const word = random.pick(words) ?? '';
    switch (random.integer(8)) {
      case 0:
        return join(lines.toSpliced(at, 1), newline);
      case 1: {
        const most = mostCopies(line);
        return join(lines.toSpliced(at, 0, ...Array<string>(1 + random.integer(random.oneIn(4) ? most : 3)).fill(line)), newline);
      }
      case 2:
        return join(lines.with(at, word), newline);
      case 3: {
        const place = random.integer(line.length + 1);
        return join(lines.with(at, `${line.slice(0, place)}${word}${line.slice(place)}`), newline);
      }
      case 4:
        return join(lines.with(at, word.repeat(1 + random.integer(random.oneIn(4) ? mostCopies(word) : 8))), newline);
      case 5:
        return join(lines.with(at, `${' '.repeat(random.integer(8))}${line.trimStart()}`), newline);
      case 6: {
        const other = random.pick(others) ?? input;
        const theirs = Buffer.from(other).toString('latin1').split(newline);
        return join(lines.toSpliced(at, 0, random.pick(theirs) ?? ''), newline);
      }
      default:
        return mutateBytes(random, input, others);
    }
  };
}

function join(lines: readonly string[], newline: string): Uint8Array {
  return Buffer.from(lines.join(newline), 'latin1');
}

function mostCopies(text: string): number {
  return Math.max(1, Math.min(MOST_COPIES, Math.floor(MOST_CHARACTERS / (text.length + 1))));
}
