import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A package of the registry, and what it must be. */
export interface NpmPackage {
  /** `NAME@VERSION` */
  readonly package: string;
  /** Compared where it is known. */
  readonly tarballBytes?: number;
  /** Subresource Integrity: `sha512-BASE64`. */
  readonly tarballIntegrity: string;
}

/** For one package: some 50 MB, at 200 KB/s. In milliseconds. */
const DOWNLOAD_TIMEOUT_MS = 4 * 60_000;

/**
 * The tarball of that package, in the folder. npm downloads it, so that its settings hold: registry, proxy, authorities.
 * @throws where the registry cannot be reached, or what came is another file
 */
export async function downloadPackage(wanted: NpmPackage, folder: string): Promise<string> {
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder, wanted.package];
  await promisify(execFile)('npm', args, { cwd: folder, timeout: DOWNLOAD_TIMEOUT_MS }).catch((cause: unknown) => {
    const said = typeof cause === 'object' && cause !== null && 'stderr' in cause ? String(cause.stderr).trim() : '';
    throw new Error(`npm could not download ${wanted.package}: ${said || cause}`, { cause });
  });
  const name = (await readdir(folder)).find((found) => found.endsWith('.tgz'));
  if (name === undefined) throw new Error(`npm has left no ${wanted.package}`);
  const tarball = join(folder, name);
  const { size } = await stat(tarball);
  if (wanted.tarballBytes !== undefined && size !== wanted.tarballBytes) {
    throw new Error(`${wanted.package} has ${size} bytes, and not ${wanted.tarballBytes}`);
  }
  const integrity = `sha512-${(await hashOf(tarball, 'sha512')).toString('base64')}`;
  if (integrity !== wanted.tarballIntegrity) throw new Error(`${wanted.package} is another file: its hash is ${integrity}`);
  return tarball;
}

/** What a file out of a package must be. */
export interface WantedFile {
  readonly binaryBytes: number;
  readonly binarySha256: string;
}

/** Whether the file is there, and is that one. */
export async function isWanted(file: string, wanted: WantedFile): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found?.size !== wanted.binaryBytes) return false;
  return (await hashOf(file, 'sha256')).toString('hex') === wanted.binarySha256;
}

/** Of a file of any size: nothing of it is held. */
export async function hashOf(file: string, algorithm: 'sha256' | 'sha512'): Promise<Buffer> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest();
}
