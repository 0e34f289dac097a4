import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const isRoot = process.getuid?.() === 0;

/** Path, mode and owner of everything in a root file system, versions left out: the lines of `contents-ARCH.txt`, by path. */
export function contentsOf(folder: string, path = ''): string[] {
  return readdirSync(join(folder, path))
    .sort()
    .flatMap((name) => {
      const child = path === '' ? name : `${path}/${name}`;
      const info = lstatSync(join(folder, child));
      const mode = (info.mode & 0o7777).toString(8).padStart(4, '0');
      const owner = isRoot ? `${info.uid}:${info.gid}` : '0:0';
      if (info.isSymbolicLink()) return [`link ${owner} /${child} -> ${readlinkSync(join(folder, child))}`];
      if (info.isDirectory()) return [`folder ${mode} ${owner} /${child}`, ...contentsOf(folder, child)];
      assert.ok(info.isFile(), child);
      return [`file ${mode} ${owner} /${child}`];
    });
}

const LIBRARY = /^(?:file|link) (.*) \/(?:usr\/)?lib(?:64)?\/(?:.*\/)?([^/ ]+\.so\.[^/ ]+)(?: ->.*)?$/;

/**
 * What counts in a list of contents whoever made the image: libraries by their names alone, as a loader finds them in `/lib` and `/usr/lib`,
 * and the loader through a link as well; folders only where nothing is in them.
 */
export function essenceOf(contents: readonly string[]): readonly string[] {
  const paths = contents.map((line) => line.slice(line.indexOf(' /') + 1).replace(/ ->.*$/, ''));
  const isEmpty = (folder: string) => !paths.some((path) => path.startsWith(`${folder.slice(folder.indexOf('/'))}/`));
  const libraries = contents
    .filter((line) => line.startsWith('file '))
    .flatMap((line) => LIBRARY.exec(line)?.slice(1).join(' ') ?? []);
  const others = contents.filter((line) => !LIBRARY.test(line) && (!line.startsWith('folder ') || isEmpty(line)));
  return [...libraries, ...others].sort();
}
