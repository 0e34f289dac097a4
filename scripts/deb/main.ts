/**
 * `npm run deb`: the agent's Debian packages, made of the executables of `npm run package`, in dist/. Needs dpkg-deb, and not root.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureExecutables } from '../package/ensure.ts';
import { architectureNamed } from '../package/targets.ts';
import { buildDeb, ROOT } from './build-deb.ts';
import { describeCommandLine } from './command-line.ts';

const HELP = `npm run deb [-- options]

Makes dist/hawser-agent_VERSION_amd64.deb and dist/hawser-agent_VERSION_arm64.deb.

  --arch x64|arm64        only for this architecture
  --out FOLDER            in place of dist
  --version VERSION       in place of the one in package.json
  --compression xz|gzip   gzip takes seconds and is large, xz a minute or two for each (default xz)
  --maintainer NAME       "NAME <ADDRESS>" of who answers for the package; default: DEBFULLNAME and DEBEMAIL, else nobody
  --help                  this text

SOURCE_DATE_EPOCH is the time of everything in it; default: that of the last commit.
Exit codes: 0 made, 1 failed, 2 wrong use.
`;

/** Of a package that nobody has put their name to; the domain is reserved (RFC 6761 §6.4). */
const NOBODY = 'Hawser <hawser@packages.invalid>';
/** Debian Policy §5.6.12, without an epoch and a revision. */
const VERSION = /^\d[A-Za-z0-9.+~]*$/;

class WrongUse extends Error {}

async function main(): Promise<number> {
  try {
    const { arch, out, version, compression, maintainer, help } = options();
    if (help === true) {
      process.stdout.write(HELP);
      return 0;
    }
    const commandLine = await describeCommandLine(version);
    const date = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? commitSeconds()) * 1000);
    for (const executable of await ensureExecutables({ only: 'agent', ...(arch && { arch }) })) {
      const common = { version, commandLine, maintainer, date, compression, out };
      const file = await buildDeb({ arch: executable.arch, executable: executable.file, ...common });
      process.stdout.write(`${(statSync(file).size / 1e6).toFixed(3).padStart(8)} MB  ${relative(process.cwd(), file)}\n`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof WrongUse)) throw error;
    process.stderr.write(`${error.message}\n\n${HELP}`);
    return 2;
  }
}

function options() {
  const text = { type: 'string' } as const;
  const { values } = parsed(() =>
    parseArgs({
      options: {
        arch: text,
        out: text,
        version: text,
        compression: text,
        maintainer: text,
        help: { type: 'boolean', short: 'h' },
      },
    }),
  );
  const { DEBFULLNAME, DEBEMAIL, INIT_CWD } = process.env;
  const own: { version: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const version = values.version ?? own.version;
  if (!VERSION.test(version)) throw new WrongUse(`${JSON.stringify(version)} cannot be a package's version`);
  return {
    help: values.help,
    version,
    arch: oneOf('--arch', architectureNamed(values.arch) ?? values.arch, ['x64', 'arm64']),
    compression: oneOf('--compression', values.compression, ['xz', 'gzip']) ?? 'xz',
    maintainer: values.maintainer ?? (DEBFULLNAME && DEBEMAIL ? `${DEBFULLNAME} <${DEBEMAIL}>` : NOBODY),
    // Seen from where npm was run.
    out: values.out === undefined ? join(ROOT, 'dist') : resolve(INIT_CWD ?? process.cwd(), values.out),
  };
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error));
  }
}

function oneOf<const T extends string>(flag: string, value: string | undefined, choices: readonly T[]): T | undefined {
  const choice = choices.find((one) => one === value);
  if (value !== undefined && choice === undefined) throw new WrongUse(`${flag} is ${choices.join(' or ')}, not ${value}`);
  return choice;
}

function commitSeconds(): string {
  return execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' }).trim();
}

process.exitCode = await main();
