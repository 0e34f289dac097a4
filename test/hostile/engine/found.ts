import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Found } from './fuzz.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** Not in the repository: what has been mended goes to the corpus by hand. */
const FOUND = join(import.meta.dirname, '..', 'found');

/** Writes the input, and beside it what it did. @returns its path from the repository's root */
export function keepFound(found: Found, seed: number): string {
  const { target, place, kind, message, input } = found;
  mkdirSync(FOUND, { recursive: true });
  const name = `${target}-${kind}-${createHash('sha256').update(input).digest('hex').slice(0, 8)}`;
  const path = join(FOUND, `${name}.bin`);
  writeFileSync(path, input);
  writeFileSync(join(FOUND, `${name}.txt`), `seed ${seed}, input ${place}\n${kind}: ${message}\n`);
  return relative(ROOT, path);
}

export function replayCommand(target: string, path: string): string {
  return `npm run fuzz -- --target ${target} --replay ${path}`;
}
