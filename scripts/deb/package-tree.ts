import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PACKAGE } from './control.ts';

/** One file of the package. */
export interface PackageFile {
  /** From the root of the file system, without the slash. */
  readonly path: string;
  readonly content: string | { readonly from: string };
  /** Default 0644. */
  readonly mode?: number;
  /** By gzip, without name and time, as Debian has its documentation; `.gz` is added to the path. Default false. */
  readonly gzip?: boolean;
}

export const doc = (name: string) => `usr/share/doc/${PACKAGE}/${name}`;

/** Writes the files below the folder; folders have mode 0755. */
export function writeFiles(root: string, files: readonly PackageFile[]): void {
  for (const { path, content, mode = 0o644, gzip = false } of files) {
    const file = join(root, gzip ? `${path}.gz` : path);
    makeFolder(dirname(file));
    if (typeof content !== 'string' && !gzip) copyFileSync(content.from, file);
    else {
      const bytes = typeof content === 'string' ? Buffer.from(content) : readFileSync(content.from);
      // Node writes neither a name nor a time.
      writeFileSync(file, gzip ? gzipSync(bytes, { level: 9 }) : bytes);
    }
    // Whatever the umask, and the mode of what was copied.
    chmodSync(file, mode);
  }
}

function makeFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true });
  for (let at = folder; made !== undefined && at.length >= made.length; at = dirname(at)) chmodSync(at, 0o755);
}

export interface Sums {
  /** The file `md5sums`: all files but those below DEBIAN. */
  readonly md5sums: string;
  readonly installedKib: number;
}

export function sumsOf(root: string): Sums {
  const lines: string[] = [];
  let installedKib = 0;
  const visit = (folder: string) => {
    for (const name of readdirSync(folder).sort()) {
      const path = join(folder, name);
      const found = lstatSync(path);
      installedKib += found.isFile() ? Math.ceil(found.size / 1024) : 1;
      if (found.isDirectory()) visit(path);
      else lines.push(`${createHash('md5').update(readFileSync(path)).digest('hex')}  ${relative(root, path)}\n`);
    }
  };
  visit(root);
  return { md5sums: lines.join(''), installedKib };
}
