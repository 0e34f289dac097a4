import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../bundle.ts';
import { extractFromTarball } from '../kubectl/tarball.ts';
import { downloadPackage, isWanted, type WantedFile } from '../npm-package.ts';
import { readLockFile } from './lock-file.ts';
import node from './node.json' with { type: 'json' };
import type { Architecture } from './targets.ts';

/** The Node that executables are made of, and what its program must be: the one of the project, for both architectures. */
export const NODE: { readonly version: string } & Readonly<Record<Architecture, WantedFile>> = node;

/** `~/.cache/hawser/node`, or below XDG_CACHE_HOME. It holds what npm does not install on this machine: 120 MB. */
export function nodeCache(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hawser', 'node');
}

/**
 * Node's program for that architecture: the one that npm has installed, or out of the cache, or else of npm's package for the other
 * architecture, which npm itself skips here. The package is compared with the lock file, the program with node.json.
 * @throws where the registry cannot be reached, or what came is another file
 */
export async function fetchNode(arch: Architecture, cache = nodeCache()): Promise<string> {
  const name = `node-linux-${arch}`;
  const wanted = NODE[arch];
  const installed = join(ROOT, 'node_modules', name, 'bin', 'node');
  if (await isWanted(installed, wanted)) return installed;
  const file = join(cache, NODE.version, arch);
  if (await isWanted(file, wanted)) return file;
  const locked = readLockFile()[`node_modules/${name}`];
  if (locked?.version !== NODE.version || locked.integrity === undefined) {
    throw new Error(`package-lock.json has ${name} ${locked?.version}, and scripts/package/node.json ${NODE.version}`);
  }
  await mkdir(join(cache, NODE.version), { recursive: true });
  await dropOthers(cache);
  const work = await mkdtemp(join(tmpdir(), 'hawser-node-'));
  try {
    const tarball = await downloadPackage({ package: `${name}@${NODE.version}`, tarballIntegrity: locked.integrity }, work);
    // Beside its place, so that it comes there whole and at once.
    const fresh = `${file}.${process.pid}`;
    await extractFromTarball(tarball, 'package/bin/node', fresh, wanted.binaryBytes);
    if (!(await isWanted(fresh, wanted))) {
      await rm(fresh, { force: true });
      throw new Error(`the program in ${name}@${NODE.version} is another file than scripts/package/node.json says`);
    }
    await chmod(fresh, 0o755);
    await rename(fresh, file);
    return file;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What an earlier version of the project has left. */
async function dropOthers(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (name !== NODE.version) await rm(join(cache, name), { recursive: true, force: true });
  }
}
