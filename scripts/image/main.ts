/** `npm run image`: dist/hawser-relay-image/, an OCI layout with both architectures, and the same as one tar file. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../bundle.ts';
import type { DebianArchitecture } from './debian.ts';
import { ARCHITECTURES, relayImage, SECONDS, TAG } from './image.ts';
import { type Entry, tar } from './tar.ts';

const HELP = `npm run image [-- options]

Makes dist/hawser-relay-image/, an OCI image layout of the relay for amd64 and arm64, and the same as one file, dist/hawser-relay-image.tar.
Needs no daemon of containers. Libraries come from Debian, by apt-get, from the sources of this system.

  --arch amd64|arm64   only for this architecture
  --out FOLDER         in place of dist
  --help               this text

Exit codes: 0 made, 1 failed, 2 wrong use.
`;

async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  let options: { arch?: string | undefined; out?: string | undefined; help?: boolean | undefined };
  try {
    options = parseArgs({ options: { arch: text, out: text, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const all = Object.keys(ARCHITECTURES) as DebianArchitecture[];
  // Node and npm, and so `npm run package`, say x64.
  const wanted = options.arch === 'x64' ? 'amd64' : options.arch;
  const chosen = all.filter((arch) => wanted === undefined || wanted === arch);
  if (chosen.length === 0) {
    process.stderr.write(`--arch is ${all.join(' or ')}, not ${options.arch}\n\n${HELP}`);
    return 2;
  }
  // Seen from where npm was run.
  const out = resolve(options.out === undefined ? ROOT : (process.env.INIT_CWD ?? process.cwd()), options.out ?? 'dist');
  const entries = await relayImage(chosen, (part) => process.stdout.write(`${part}\n`));
  const folder = join(out, 'hawser-relay-image');
  writeLayout(folder, entries);
  const archive = `${folder}.tar`;
  const bytes = tar(entries, SECONDS);
  writeFileSync(`${archive}.new`, bytes);
  renameSync(`${archive}.new`, archive);
  process.stdout.write(
    `${relative(process.cwd(), folder)}/ and ${relative(process.cwd(), archive)}: ${TAG}, ${(bytes.length / 1e6).toFixed(1)} MB\n`,
  );
  return 0;
}

/** In the place of what was there, in one step. */
function writeLayout(folder: string, entries: readonly Entry[]): void {
  const made = `${folder}.new`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true });
  for (const entry of entries) {
    if (entry.type === 'folder') mkdirSync(join(made, entry.path));
    if (entry.type === 'file') writeFileSync(join(made, entry.path), entry.content);
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(made, folder);
}

process.exitCode = await main();
