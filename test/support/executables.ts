import { existsSync } from 'node:fs';
import { type Architecture, ensureExecutables } from '../../scripts/package/index.ts';
import type { Main } from './fleet.ts';
import { debianTool, withoutTool } from './tools.ts';

/** Libraries of arm64 that are no program's own: the package libstdc++6-arm64-cross brings all that Node needs. */
const LIBRARIES = '/usr/aarch64-linux-gnu';
const LIBRARY = `${LIBRARIES}/lib/libstdc++.so.6`;

/** The words that run a program of that architecture on this machine: none, or those of an emulator. @throws Error that says what to install */
export function emulating(arch: Architecture): readonly string[] {
  if (arch === process.arch) return [];
  if (arch !== 'arm64') throw new Error(`nothing here runs a program for ${arch} on ${process.arch}`);
  if (!existsSync(LIBRARY)) throw new Error(`there is no ${LIBRARY}: scripts/tools/debian.sh gets it, or says what to install`);
  return [debianTool('qemu-aarch64-static'), '-L', LIBRARIES];
}

/** The `skip` of a test that runs programs of that architecture: false where it can, and where CI is set, as the test has to fail there. */
export function withoutArchitecture(arch: Architecture): string | false {
  if (arch === process.arch || process.env.CI) return false;
  try {
    emulating(arch);
    return false;
  } catch (error) {
    return withoutTool('qemu-aarch64-static') || (error instanceof Error ? error.message : String(error));
  }
}

export interface ExecutablePair {
  readonly arch: Architecture;
  readonly agent: Extract<Main, object>;
  readonly relay: Extract<Main, object>;
}

/** Both executables of that architecture, made where they are not there yet. @param cacheDir where they write SQLite to */
export async function executablesFor(arch: Architecture, cacheDir: string): Promise<ExecutablePair> {
  const before = ['env', `CACHE_DIRECTORY=${cacheDir}`, ...emulating(arch)];
  const made = await ensureExecutables({ arch });
  const of = (program: 'agent' | 'relay') => {
    const executable = made.find((one) => one.program === program)?.file;
    if (executable === undefined) throw new Error(`there is no ${program}`);
    return { executable, before };
  };
  return { arch, agent: of('agent'), relay: of('relay') };
}

/** The relay's executable for this machine, made where it is not there yet: its path. */
export async function relayExecutable(): Promise<string> {
  if (process.arch !== 'x64' && process.arch !== 'arm64') throw new Error(`there is no executable for ${process.arch}`);
  const [made] = await ensureExecutables({ only: 'relay', arch: process.arch });
  if (made === undefined) throw new Error('there is no relay');
  return made.file;
}
