import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hashOf } from '../npm-package.ts';

/** A hash, two spaces, a name. */
const NAME_AT = 66;

/**
 * Writes SHA256SUMS into the folder, for `sha256sum -c` there. What other commands have made in it, and is still there, stays in the list.
 * @param files which lie in it
 */
export async function writeChecksums(folder: string, files: readonly string[]): Promise<string> {
  const sums = join(folder, 'SHA256SUMS');
  const names = new Set(files.map((file) => basename(file)));
  const lines = existsSync(sums)
    ? readFileSync(sums, 'utf8')
        .split(/^/m)
        .filter((line) => !names.has(nameIn(line)) && existsSync(join(folder, nameIn(line))))
    : [];
  for (const file of files) lines.push(`${(await hashOf(file, 'sha256')).toString('hex')}  ${basename(file)}\n`);
  writeFileSync(sums, lines.sort((a, b) => nameIn(a).localeCompare(nameIn(b), 'en')).join(''));
  return sums;
}

function nameIn(line: string): string {
  return line.slice(NAME_AT).trimEnd();
}
