import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Files } from './volumes.ts';

/** What the pods of this kubelet have mounted, by uid of the pod. */
export interface Mounts {
  /** Undefined: nothing is mounted. */
  read(podUid: string): Files | undefined;
  /** Each file is whole or not there; what is not among them goes. */
  write(podUid: string, files: Files): void;
  remove(podUid: string): void;
  uids(): string[];
}

export function memoryMounts(): Mounts {
  const mounted = new Map<string, Files>();
  return {
    read: (uid) => mounted.get(uid),
    write: (uid, files) => mounted.set(uid, new Map(files)),
    remove: (uid) => mounted.delete(uid),
    uids: () => [...mounted.keys()],
  };
}

/** `FOLDER/UID/VOLUME/PATH`, 0600, as it stays when the kubelet goes. */
export function folderMounts(folder: string): Mounts {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const read = (uid: string): Files | undefined => {
    const base = join(folder, uid);
    try {
      const entries = readdirSync(base, { recursive: true, withFileTypes: true });
      const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      return new Map(paths.map((path) => [relative(base, path), readFileSync(path)]));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  };
  return {
    read,
    write(uid, files) {
      const base = join(folder, uid);
      mkdirSync(base, { recursive: true, mode: 0o700 });
      for (const [path, bytes] of files) {
        const target = inside(base, path);
        mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
        writeFileSync(`${target}.new`, bytes, { mode: 0o600 });
        renameSync(`${target}.new`, target);
      }
      for (const path of read(uid)?.keys() ?? []) if (!files.has(path)) rmSync(join(base, path));
    },
    remove: (uid) => rmSync(join(folder, uid), { recursive: true, force: true }),
    uids: () => readdirSync(folder),
  };
}

/** @throws for a path that leads out of the volume: the API refuses such pods, and this does not rely on it */
function inside(base: string, path: string): string {
  const target = join(base, path);
  if (relative(base, target).startsWith('..')) throw new Error(`${path} leads out of the volume`);
  return target;
}

export function sameFiles(a: Files | undefined, b: Files): boolean {
  return a !== undefined && a.size === b.size && [...b].every(([path, bytes]) => a.get(path)?.equals(bytes) === true);
}
