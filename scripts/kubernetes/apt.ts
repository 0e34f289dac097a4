/**
 * One suite of Debian, whatever suite this system is of: lists and archives in a folder of its own, signatures verified by apt with Debian's keys.
 * Nothing is installed, and no root is needed.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { firstMirror } from './mirror.ts';
import { run } from './run.ts';

const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Of one command of apt, in milliseconds: lists are 20 MB and archives 60 MB, at 100 KB/s and with time to spare. */
const TIMEOUT_MS = 20 * 60_000;

export interface Suite {
  /** Downloads the parts of a source package of that version, and unpacks nothing. */
  source(name: string, version: string): Promise<void>;
  /** Downloads binary packages and unpacks them into one folder. */
  unpack(names: readonly string[], folder: string): Promise<void>;
  /** Where downloads are. */
  readonly archives: string;
}

/** @throws where there is no apt, no key of Debian, or no network */
export async function openSuite(name: string, home: string): Promise<Suite> {
  const archives = join(home, 'archives');
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'archives', 'no-parts']) {
    await mkdir(join(home, folder), { recursive: true });
  }
  const targets = await run('apt-get', ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)', 'Created-By: Packages'], {
    timeoutMs: TIMEOUT_MS,
  });
  const mirror = firstMirror(targets);
  const list = join(home, 'sources.list');
  await writeFile(list, ['deb', 'deb-src'].map((type) => `${type} [signed-by=${KEYS}] ${mirror} ${name} main\n`).join(''));
  const options = {
    'APT::Architecture': 'amd64',
    'APT::Architectures::': 'amd64',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Dir::State': join(home, 'state'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(home, 'cache'),
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': join(home, 'no-parts'),
  };
  const flags = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const apt = (...args: string[]) => run('apt-get', ['-q', ...flags, ...args], { cwd: archives, timeoutMs: TIMEOUT_MS });
  await apt('update');
  return {
    archives,
    source: async (source, version) => {
      await apt('source', '--download-only', '--only-source', `${source}=${version}`);
    },
    async unpack(names, folder) {
      await apt('download', ...names);
      const files = await readdir(archives);
      for (const wanted of names) {
        const archive = files.find((file) => file.startsWith(`${wanted}_`) && file.endsWith('.deb'));
        if (archive === undefined) throw new Error(`apt-get has downloaded no ${wanted}`);
        await run('dpkg-deb', ['--extract', join(archives, archive), folder], { timeoutMs: TIMEOUT_MS });
      }
    },
  };
}
