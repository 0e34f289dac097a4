import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';

/** One cgroup in each hierarchy of cgroup v1, or the one of v2, below which a kubelet puts those of its pods. */
export interface CgroupRoot {
  /** As a kubelet's `cgroupRoot` takes it. */
  readonly path: string;
  /** Of processes in it and below. */
  pids(): readonly number[];
  /** @throws while there are processes in it */
  remove(): void;
}

/** @param name must not be there */
export function makeCgroupRoot(name: string): CgroupRoot {
  const folders = hierarchies().map((hierarchy) => join(hierarchy, name));
  for (const folder of folders) {
    mkdirSync(folder);
    // In v1 a new one has neither processors nor memory, and takes no process until it has.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      const above = join(folder, '..', file);
      if (existsSync(above)) writeFileSync(join(folder, file), readFileSync(above));
    }
  }
  return {
    path: `/${name}`,
    pids: () => [...new Set(folders.flatMap(pidsBelow))],
    remove: () => folders.forEach(removeBelow),
  };
}

function hierarchies(): string[] {
  if (existsSync(join(ROOT, 'cgroup.controllers'))) return [ROOT];
  return foldersIn(ROOT).filter((folder) => existsSync(join(folder, 'cgroup.procs')));
}

function pidsBelow(folder: string): number[] {
  return [...pidsIn(folder), ...foldersIn(folder).flatMap(pidsBelow)];
}

function pidsIn(folder: string): number[] {
  try {
    const pids = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n');
    return pids.filter((pid) => pid !== '').map(Number);
  } catch (error) {
    // Its kubelet has removed it meanwhile.
    if (isGone(error)) return [];
    throw error;
  }
}

function removeBelow(folder: string): void {
  for (const below of foldersIn(folder)) removeBelow(below);
  if (existsSync(folder)) rmdirSync(folder);
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV');
}
