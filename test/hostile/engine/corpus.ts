import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const CORPUS = join(import.meta.dirname, '..', 'corpus');

/** All entries of those folders, in an order that is the same everywhere. @throws when a folder is not there or empty */
export function readCorpus(folders: readonly string[]): Uint8Array[] {
  return folders.flatMap((folder) => {
    const path = join(CORPUS, folder);
    const names = readdirSync(path).sort();
    if (names.length === 0) throw new Error(`${path} is empty`);
    return names.map((name) => new Uint8Array(readFileSync(join(path, name))));
  });
}
