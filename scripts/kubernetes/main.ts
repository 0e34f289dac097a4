/** `npm run kubernetes`: the programs of a real Kubernetes, for tests by hand. */
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { makePrograms } from './make.ts';
import { KUBERNETES_VERSION, missingPrograms, PROGRAMS, programFolder } from './programs.ts';

const HELP = `npm run kubernetes [-- options]

Makes the programs of Kubernetes ${KUBERNETES_VERSION} that tests by hand run against: Debian's source package, compiled by Debian's Go, and
etcd, containerd and runc of Debian's packages. Nothing is installed or started, and no root is needed. They go to
  ${programFolder()}
(XDG_CACHE_HOME says where caches are). The first time takes half an hour and 4 GB of disk, of which 0.3 GB stay; afterwards it only says that all is there.

  --again   make them anew
  --where   print the folder and end: exit code 1 where a program is missing
  --help    this text

Exit codes: 0 made or there, 1 failed, 2 wrong use.
`;

async function main(): Promise<number> {
  const flag = { type: 'boolean' } as const;
  let options: { again?: boolean | undefined; where?: boolean | undefined; help?: boolean | undefined };
  try {
    options = parseArgs({ options: { again: flag, where: flag, help: { ...flag, short: 'h' } } }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
  if (options.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const folder = programFolder();
  const missing = missingPrograms(folder);
  if (options.where === true) {
    process.stdout.write(`${folder}\n`);
    if (missing.length > 0) process.stderr.write(`missing: ${missing.join(', ')}\n`);
    return missing.length > 0 ? 1 : 0;
  }
  if (missing.length === 0 && options.again !== true) {
    process.stdout.write(`all there: ${folder}\n`);
    return 0;
  }
  const started = performance.now();
  const minutes = () => ((performance.now() - started) / 60_000).toFixed(1);
  const lock = `${folder}.lock`;
  await mkdir(dirname(folder), { recursive: true });
  if (!(await take(lock))) {
    process.stderr.write(`another run is making them: wait for it, or remove ${lock} where none runs\n`);
    return 1;
  }
  try {
    await makePrograms(folder, (text) => process.stdout.write(`[${minutes()} min] ${text}\n`));
  } catch (error) {
    process.stderr.write(`kubernetes: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await rm(lock, { force: true });
  }
  process.stdout.write(`[${minutes()} min] ${PROGRAMS.join(', ')}: ${folder}\n`);
  return 0;
}

async function take(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, `${process.pid}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (existsSync(lock)) return false;
    throw error;
  }
}

process.exitCode = await main();
