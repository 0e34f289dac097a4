import { chmod, copyFile, cp, mkdir, mkdtemp, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hashOf } from '../npm-package.ts';
import { openSuite } from './apt.ts';
import { build } from './build.ts';
import { missingPrograms, PACKAGED } from './programs.ts';
import { run } from './run.ts';
import source from './source.json' with { type: 'json' };

/** Of the disk, in bytes, while it is made: source 0.5 GB, Go 0.5 GB, what is compiled 2 GB, programs 0.3 GB. */
const NEEDED_BYTES = 4e9;
/** Unpacking on a slow disk, in milliseconds. */
const UNPACK_TIMEOUT_MS = 10 * 60_000;

/**
 * Makes the programs and puts them into the folder, all at once. What was compiled before a failure is kept beside it and used the next time.
 * @throws where something is missing, cannot be had, or is another file
 */
export async function makePrograms(folder: string, progress: (text: string) => void): Promise<void> {
  const work = `${folder}.work`;
  await mkdir(work, { recursive: true });
  const { bavail, bsize } = await statfs(work);
  if (bavail * bsize < NEEDED_BYTES) {
    throw new Error(`${work} has ${(bavail * bsize) / 1e9} GB left, where ${NEEDED_BYTES / 1e9} are needed: set XDG_CACHE_HOME`);
  }
  if (process.arch !== 'x64') throw new Error('it is only made for Linux on x64');
  for (const [tool, from] of [
    ['gcc', 'gcc libc6-dev'],
    ['dpkg-source', 'dpkg-dev'],
  ] as const) {
    await run(tool, ['--version'], { timeoutMs: UNPACK_TIMEOUT_MS }).catch((cause: unknown) => {
      throw new Error(`there is no ${tool}: apt-get install ${from}`, { cause });
    });
  }

  progress(`lists of Debian ${source.suite}`);
  const suite = await openSuite(source.suite, join(work, 'apt'));
  progress(`source of ${source.package} ${source.debianVersion}`);
  await suite.source(source.package, source.debianVersion);
  for (const [name, sha256] of Object.entries(source.files)) await requireHash(join(suite.archives, name), sha256);
  const gopath = join(work, 'gopath');
  const root = join(gopath, 'src', 'k8s.io', 'kubernetes');
  await rm(root, { recursive: true, force: true });
  await mkdir(dirname(root), { recursive: true });
  const dsc = join(suite.archives, `${source.package}_${source.debianVersion}.dsc`);
  // The hashes above say more than its signature, whose key may be missing here.
  await run('dpkg-source', ['--no-check', '--extract', dsc, root], { timeoutMs: UNPACK_TIMEOUT_MS });

  progress('Go, etcd, containerd and runc');
  const unpacked = join(work, 'debian');
  await rm(unpacked, { recursive: true, force: true });
  await mkdir(unpacked);
  const toolchain = [`golang-${source.go}-go`, `golang-${source.go}-src`];
  const libraries = source.replaced.map(({ package: name }) => name);
  await suite.unpack([...toolchain, ...new Set(Object.values(PACKAGED)), ...libraries], unpacked);
  for (const { path } of source.replaced) {
    const vendored = join(root, 'vendor', path);
    await rm(vendored, { recursive: true });
    await cp(join(unpacked, 'usr', 'share', 'gocode', 'src', path), vendored, { recursive: true });
  }

  const made = await mkdtemp(`${folder}.made-`);
  try {
    const goroot = join(unpacked, 'usr', 'lib', `go-${source.go}`);
    await build({ root, gopath, goroot, cache: join(work, 'compiled'), out: made, progress });
    for (const name of Object.keys(PACKAGED)) {
      await copyFile(join(unpacked, 'usr', 'bin', name), join(made, name));
      await chmod(join(made, name), 0o755);
    }
    const missing = missingPrograms(made);
    if (missing.length > 0) throw new Error(`the build has left no ${missing.join(', ')}`);
    await chmod(made, 0o755);
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  await rm(work, { recursive: true, force: true });
}

async function requireHash(file: string, sha256: string): Promise<void> {
  const found = (await hashOf(file, 'sha256')).toString('hex');
  if (found !== sha256) throw new Error(`${file} is another file: its SHA-256 is ${found}, not ${sha256}`);
}
