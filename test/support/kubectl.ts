import { execFileSync } from 'node:child_process';
import { fetchTool, TOOL_PACKAGES } from '../../scripts/kubectl/fetch.ts';

/** The kubectl that `KUBECTL` names, or the one on PATH; undefined where there is none. */
export function findKubectl(): string | undefined {
  const command = process.env.KUBECTL ?? 'kubectl';
  try {
    execFileSync(command, ['version', '--client'], { stdio: 'ignore' });
    return command;
  } catch {
    return undefined;
  }
}

/** A kubectl that is there. */
export interface Kubectl {
  /** As it says it: `v1.36.3`. */
  readonly version: string;
  readonly file: string;
}

/**
 * The oldest and the newest supported version, out of the cache or downloaded; where they cannot be had those that `KUBECTL` and
 * `KUBECTL_2` name, or the one on PATH. `missing` says why a version is not among them, for people to read.
 */
export async function severalKubectls(): Promise<{ readonly found: readonly Kubectl[]; readonly missing: readonly string[] }> {
  const found: Kubectl[] = [];
  const missing: string[] = [];
  for (const wanted of TOOL_PACKAGES) {
    try {
      const file = await fetchTool(wanted, 'kubectl');
      const version = versionOf(file);
      if (version === undefined) throw new Error(`${file} does not run on this machine`);
      found.push({ version, file });
    } catch (cause) {
      missing.push(`${wanted.kubectl.version}: ${cause instanceof Error ? cause.message : cause}`);
    }
  }
  if (missing.length === 0) return { found, missing };
  for (const file of [process.env.KUBECTL ?? 'kubectl', process.env.KUBECTL_2]) {
    const version = file === undefined ? undefined : versionOf(file);
    if (file !== undefined && version !== undefined && !found.some((one) => one.version === version))
      found.push({ version, file });
  }
  return { found, missing };
}

function versionOf(file: string): string | undefined {
  try {
    const text = execFileSync(file, ['version', '--client'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return /Client Version: (\S+)/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}
