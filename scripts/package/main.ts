/**
 * `npm run package`: the single executables, their bills of materials and SHA256SUMS, in dist/.
 */
import { chmodSync, constants, copyFileSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PROGRAMS, ROOT } from '../bundle.ts';
import { writeChecksums } from './checksums.ts';
import { ensureExecutables } from './ensure.ts';
import { billOfMaterials } from './sbom.ts';
import { architectureNamed, fileNameOf } from './targets.ts';

const HELP = `npm run package [-- options]

Makes dist/hawser-agent-linux-{x64,arm64} and dist/hawser-relay-linux-{x64,arm64}, a bill of materials (CycloneDX) for each,
and SHA256SUMS. What is there for the present sources already is not made again.

  --only agent|relay   only this one
  --arch x64|arm64     only for this architecture
  --out FOLDER         in place of dist
  --help               this text

Exit codes: 0 made, 1 failed, 2 wrong use.
`;

const EXIT = { made: 0, usage: 2 } as const;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n\n${HELP}`);
    return EXIT.usage;
  }
  if (options.help === true) {
    process.stdout.write(HELP);
    return EXIT.made;
  }
  const only = PROGRAMS.find((name) => name === options.only);
  const arch = architectureNamed(options.arch);
  // Seen from where npm was run.
  const folder = resolve(options.out === undefined ? ROOT : (process.env.INIT_CWD ?? process.cwd()), options.out ?? 'dist');
  mkdirSync(folder, { recursive: true });
  const files: string[] = [];
  for (const executable of await ensureExecutables({ ...(only && { only }), ...(arch && { arch }) })) {
    const file = join(folder, fileNameOf(executable));
    // One that runs cannot be written to, but its name can be given to another.
    copyFileSync(executable.file, `${file}.new`, constants.COPYFILE_FICLONE);
    chmodSync(`${file}.new`, 0o755);
    renameSync(`${file}.new`, file);
    const bill = `${file}.cdx.json`;
    writeFileSync(bill, `${JSON.stringify(await billOfMaterials(executable), undefined, 2)}\n`);
    files.push(file, bill);
  }
  files.push(await writeChecksums(folder, files));
  for (const file of files) {
    process.stdout.write(`${(statSync(file).size / 1e6).toFixed(3).padStart(8)} MB  ${relative(process.cwd(), file)}\n`);
  }
  return EXIT.made;
}

interface Options {
  readonly only?: string | undefined;
  readonly arch?: string | undefined;
  readonly out?: string | undefined;
  readonly help?: boolean | undefined;
}

/** @returns what is wrong, as text */
function readOptions(args: readonly string[]): Options | string {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { only: text, arch: text, out: text, help: { type: 'boolean', short: 'h' } },
    });
    if (values.only !== undefined && !PROGRAMS.some((name) => name === values.only)) {
      return `--only is agent or relay, not ${values.only}`;
    }
    if (values.arch !== undefined && architectureNamed(values.arch) === undefined) {
      return `--arch is x64 or arm64, not ${values.arch}`;
    }
    return values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

process.exitCode = await main();
