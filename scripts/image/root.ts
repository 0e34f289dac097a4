/**
 * The root file system of the image: what the executable needs and nothing else. No shell, no package manager, nothing that anybody but root may
 * write, and nobody in it is root.
 */
import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type DebianArchitecture, type DebianPackage, debianPackages } from './debian.ts';
import { neededBy } from './needed.ts';
import type { Entry } from './tar.ts';

/** Who runs it: the user "nonroot" of many images, so that policies know it. */
export const USER = 65_532;
export const RELAY_PATH = 'usr/bin/hawser-relay';

const TRIPLETS: Readonly<Record<DebianArchitecture, string>> = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
/** Of Debian, for Node: libc with its loader, and what C++ needs. */
const LIBRARY_PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6'] as const;

/** Names for numbers, and in which order a host's name is looked up: what Kubernetes writes into /etc/hosts goes first. */
const ETC: Readonly<Record<string, string>> = {
  'etc/group': `root:x:0:\nhawser:x:${USER}:\n`,
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  'etc/passwd': `root:x:0:0:root:/:/nonexistent\nhawser:x:${USER}:${USER}:hawser:/:/nonexistent\n`,
};
/** Where a runtime mounts something: with a read-only root it may be unable to make them. */
const MOUNT_POINTS = ['dev', 'proc', 'sys', 'tmp'];

export interface Root {
  /** What changes with Debian only. */
  readonly base: readonly Entry[];
  /** What changes with each version of ours. */
  readonly program: readonly Entry[];
  readonly packages: readonly DebianPackage[];
}

/** @param documents files for usr/share/doc/hawser-relay, by name */
export async function rootOf(
  arch: DebianArchitecture,
  executable: Buffer,
  documents: (packages: readonly DebianPackage[]) => Readonly<Record<string, string>>,
): Promise<Root> {
  const libraries = await debianPackages(arch, LIBRARY_PACKAGES);
  // Some packages keep their copyright in another one.
  const keepers = new Set(libraries.map(keeperOfDocuments).filter((name) => !libraries.some((one) => one.name === name)));
  const packages = [...libraries, ...(await debianPackages(arch, [...keepers]))];
  const base = [
    ...Object.entries(ETC).map(([path, text]) => textFile(path, text)),
    ...MOUNT_POINTS.map((path): Entry => ({ type: 'folder', path, mode: 0o755 })),
    ...libraryEntries(executable, libraries, TRIPLETS[arch]),
    ...packages.flatMap(copyrightOf),
  ];
  const program = [
    file(RELAY_PATH, 0o755, executable),
    ...Object.entries(documents(packages)).map(([name, text]) => textFile(`usr/share/doc/hawser-relay/${name}`, text)),
  ];
  return { base: withFolders(base), program: withFolders(program), packages };
}

/** The libraries that it names, those that these name, and so on, with the loader where it looks for it. */
function libraryEntries(executable: Buffer, packages: readonly DebianPackage[], triplet: string): Entry[] {
  const entries: Entry[] = [];
  const known = new Set<string>();
  const add = (name: string) => {
    if (known.has(name)) return;
    known.add(name);
    const path = [`lib/${triplet}/${name}`, `usr/lib/${triplet}/${name}`].find((one) => homeOf(one, packages) !== undefined);
    const home = path === undefined ? undefined : homeOf(path, packages);
    if (path === undefined || home === undefined) throw new Error(`no package that is known here has ${name}`);
    // The name under which it is looked for, whatever links led to it.
    const content = readFileSync(realpathSync(join(home, path)));
    entries.push(file(path, name.startsWith('ld-') ? 0o755 : 0o644, content));
    for (const next of neededBy(content).libraries) add(next);
  };
  const { libraries, loader } = neededBy(executable);
  for (const name of libraries) add(name);
  if (loader === undefined) throw new Error('the executable names no loader');
  const path = loader.slice(1);
  if (entries.some((entry) => entry.path === path)) return entries;
  const home = homeOf(path, packages);
  if (home === undefined) throw new Error(`no package that is known here has ${loader}`);
  // In Debian it is a link, to an absolute path in some versions.
  entries.push({ type: 'link', path, target: readlinkSync(join(home, path)) });
  return entries;
}

function homeOf(path: string, packages: readonly DebianPackage[]): string | undefined {
  return packages.find(({ folder }) => isThere(join(folder, path)))?.folder;
}

/** Also a link whose target is not. */
function isThere(path: string): boolean {
  if (existsSync(path)) return true;
  try {
    readlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

function keeperOfDocuments({ name, folder }: DebianPackage): string {
  const path = join(folder, 'usr/share/doc', name);
  return existsSync(join(path, 'copyright')) ? name : readlinkSync(path);
}

function copyrightOf(one: DebianPackage): Entry[] {
  const path = `usr/share/doc/${one.name}`;
  const keeper = keeperOfDocuments(one);
  if (keeper !== one.name) return [{ type: 'link', path, target: keeper }];
  return [file(`${path}/copyright`, 0o644, readFileSync(join(one.folder, path, 'copyright')))];
}

/** In the order of their paths, each behind the folders that it lies in. */
function withFolders(entries: readonly Entry[]): Entry[] {
  const all = new Map<string, Entry>();
  for (const entry of entries) {
    const parts = entry.path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const path = parts.slice(0, depth).join('/');
      all.set(path, { type: 'folder', path, mode: 0o755 });
    }
  }
  for (const entry of entries) all.set(entry.path, entry);
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function file(path: string, mode: number, content: Buffer): Entry {
  return { type: 'file', path, mode, content };
}

function textFile(path: string, text: string): Entry {
  return file(path, 0o644, Buffer.from(text));
}
