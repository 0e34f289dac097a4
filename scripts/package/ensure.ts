/**
 * The executables of this checkout's sources, made once whoever asks: the commands that package them, and tests. They are kept by a hash of
 * the sources in node_modules/.cache/package.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../bundle.ts';
import { sourceKey } from './key.ts';
import { fileNameOf, type Target, type TargetChoice, targetsOf } from './targets.ts';

export interface Executable extends Target {
  /** Its path. It is not to be changed: others use the same. */
  readonly file: string;
}

export const CACHE = join(ROOT, 'node_modules', '.cache', 'package');
const NODE = join(ROOT, 'node_modules', '.bin', 'node');

/** All four and a download of Node, and before that those of another process, on a busy machine. In milliseconds. */
const TIMEOUT_MS = 20 * 60_000;

/**
 * What is missing is made: some 10 seconds and one each. Of several processes that ask at the same time one makes them and the others wait.
 * @throws where one cannot be made, or there is no `flock` on this machine
 */
export async function ensureExecutables(choice: TargetChoice = {}): Promise<readonly Executable[]> {
  const targets = targetsOf(choice);
  const folder = join(CACHE, sourceKey());
  const executables = targets.map((target) => ({ ...target, file: join(folder, fileNameOf(target)) }));
  const missing = executables.filter(({ file }) => !existsSync(file));
  if (missing.length === 0) return executables;
  mkdirSync(folder, { recursive: true });
  // The kernel lets go of that lock however the process ends.
  const words = [join(CACHE, 'lock'), NODE, join(import.meta.dirname, 'make.ts'), folder, ...missing.map(fileNameOf)];
  await promisify(execFile)('flock', words, { cwd: ROOT, timeout: TIMEOUT_MS }).catch((cause: unknown) => {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string };
    const why = code === 'ENOENT' ? 'there is no flock: install util-linux' : stderr || String(cause);
    throw new Error(`the executables were not made: ${why}`, { cause });
  });
  return executables;
}
