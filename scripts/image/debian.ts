/**
 * Packages of Debian for an architecture, also one that is not this machine's: by apt, from the sources that this system has, with signatures
 * verified, in folders of its own. Nothing is installed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../bundle.ts';

const run = promisify(execFile);

export type DebianArchitecture = 'amd64' | 'arm64';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly arch: DebianArchitecture;
  /** Of the archive. */
  readonly sha256: string;
  /** Where its files are unpacked. */
  readonly folder: string;
}

export const CACHE = join(ROOT, 'node_modules', '.cache', 'image');
/** Lists of packages that are older are fetched anew, in milliseconds: a mirror drops versions that have been superseded. */
const LISTS_MAX_AGE_MS = 12 * 3_600_000;
/** Of one command of apt, in milliseconds: lists are 10 MB. */
const TIMEOUT_MS = 5 * 60_000;

/**
 * Downloads and unpacks them, unless they are there.
 * @throws where apt cannot get one: no network, or no Debian
 */
export async function debianPackages(arch: DebianArchitecture, names: readonly string[]): Promise<readonly DebianPackage[]> {
  const home = join(CACHE, arch);
  const archives = join(home, 'archives');
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'archives', 'unpacked']) {
    mkdirSync(join(home, folder), { recursive: true });
  }
  const apt = (...args: string[]) => aptGet(home, arch, args);
  const stamp = join(home, 'updated');
  const update = async () => {
    await apt('update');
    writeFileSync(stamp, '');
    utimesSync(stamp, new Date(), new Date());
  };
  const isOld = !existsSync(stamp) || Date.now() - statSync(stamp).mtimeMs > LISTS_MAX_AGE_MS;
  if (isOld) await update();
  try {
    await apt('download', ...names);
  } catch {
    // The lists name a version that the mirror has dropped since, or are not all there, for which apt does not fail.
    await update();
    await apt('download', ...names);
  }
  return Promise.all(names.map((name) => unpacked(name, arch, archives, join(home, 'unpacked'))));
}

async function aptGet(home: string, arch: DebianArchitecture, args: readonly string[]): Promise<void> {
  const options = {
    'APT::Architecture': arch,
    'APT::Architectures::': arch,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Dir::State': join(home, 'state'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(home, 'cache'),
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  try {
    await run('apt-get', ['-q', ...flags, ...args], {
      cwd: join(home, 'archives'),
      timeout: TIMEOUT_MS,
      env: { ...process.env, LC_ALL: 'C' },
    });
  } catch (cause) {
    const { stderr = '', code } = cause as { stderr?: string; code?: unknown };
    const why = code === 'ENOENT' ? 'there is no apt-get: this needs a Debian' : stderr.trim() || String(cause);
    throw new Error(`apt-get ${args.join(' ')} for ${arch}: ${why}`, { cause });
  }
}

/** Of several versions the one that was downloaded last. */
async function unpacked(name: string, arch: DebianArchitecture, archives: string, home: string): Promise<DebianPackage> {
  const files = readdirSync(archives).filter((file) => file.startsWith(`${name}_`) && file.endsWith('.deb'));
  const newest = files.toSorted((a, b) => statSync(join(archives, a)).ctimeMs - statSync(join(archives, b)).ctimeMs).at(-1);
  if (newest === undefined) throw new Error(`apt-get has downloaded no ${name}`);
  const archive = join(archives, newest);
  const { stdout } = await run('dpkg-deb', ['--field', archive, 'Version']);
  const folder = join(home, newest.replace(/\.deb$/, ''));
  if (!existsSync(join(folder, 'usr'))) {
    rmSync(folder, { recursive: true, force: true });
    await run('dpkg-deb', ['--extract', archive, folder]);
  }
  const sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex');
  return { name, version: stdout.trim(), arch, sha256, folder };
}
