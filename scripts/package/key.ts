import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../bundle.ts';

/** All that an executable is made of: files, and folders with what is below. What else is installed stands in the lock file. */
const SOURCES = [
  ...['protocol', 'settings', 'cloud', 'edge'].flatMap((workspace) => [`${workspace}/src`, `${workspace}/package.json`]),
  'scripts/package',
  'scripts/bundle.ts',
  'scripts/require-builtins.ts',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];

/** The hash, in hex, of the names and bytes of all sources: as long as it is the same, so are the executables. */
export function sourceKey(root = ROOT): string {
  const hash = createHash('sha256');
  for (const file of SOURCES.flatMap((path) => filesOf(root, path)).sort()) {
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function filesOf(root: string, path: string): readonly string[] {
  if (/\.(ts|json)$/.test(path)) return [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}
