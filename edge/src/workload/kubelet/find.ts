import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { HawserError } from '@hawser/protocol';

/** Where packages and people put it, looked through after PATH, which units of systemd often have short. */
const FOLDERS = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/usr/local/sbin', '/opt/bin', '/opt/kubernetes/bin'];

/** Whether a program can be started: the file is there and may be executed. */
export type IsProgram = (path: string) => boolean;

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there, not ours to look at, or not to be executed: the next place, or the message with all of them.
    return false;
  }
}

/** For a unit of systemd where none is found: where packages put it. */
const USUAL = '/usr/bin/kubelet';

/** Where a unit of systemd would start it from. */
export function usualKubelet(searchPath: string | undefined, isThere: IsProgram = isProgram): string {
  return foldersOf(searchPath).map(kubeletIn).find(isThere) ?? USUAL;
}

/**
 * The kubelet's program.
 * @param given by the operator; undefined: it is looked for
 * @param searchPath the variable PATH
 * @returns an absolute path
 * @throws HawserError `bad_config` that says what to do
 */
export function findKubelet(given: string | undefined, searchPath: string | undefined, isThere: IsProgram = isProgram): string {
  if (given !== undefined) {
    const path = resolve(given);
    if (isThere(path)) return path;
    throw new HawserError('bad_config', `kubelet.path: ${path} is not there, or is no program that this user may start`);
  }
  const found = foldersOf(searchPath).map(kubeletIn).find(isThere);
  if (found !== undefined) return found;
  throw new HawserError(
    'bad_config',
    `there is no kubelet in PATH, ${FOLDERS.join(', ')}. Put one there (docs/kubelet.md says how), name it with --kubelet PATH, ` +
      'or leave it to systemd with --kubelet=external',
  );
}

/** What is relative in PATH depends on where somebody stood. */
function foldersOf(searchPath = ''): readonly string[] {
  return [...new Set([...searchPath.split(delimiter).filter(isAbsolute), ...FOLDERS])];
}

function kubeletIn(folder: string): string {
  return join(folder, 'kubelet');
}
