import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hashOf } from '../npm-package.ts';

/** Writes SHA256SUMS into the folder, for `sha256sum -c` there. @param files which lie in it */
export async function writeChecksums(folder: string, files: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const file of files) lines.push(`${(await hashOf(file, 'sha256')).toString('hex')}  ${basename(file)}\n`);
  const sums = join(folder, 'SHA256SUMS');
  writeFileSync(sums, lines.sort((a, b) => a.slice(66).localeCompare(b.slice(66), 'en')).join(''));
  return sums;
}
