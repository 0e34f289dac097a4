import { execFileSync } from 'node:child_process';
import { fetchTool, TOOL_PACKAGES } from '../../scripts/kubectl/fetch.ts';

/** A Helm that is there. */
export interface Helm {
  /** As it says it: `v4.2.3`. */
  readonly version: string;
  readonly major: number;
  readonly file: string;
}

/** Helm 3 and Helm 4, out of the cache or downloaded. `missing` says why one is not among them, for people to read. */
export async function severalHelms(): Promise<{ readonly found: readonly Helm[]; readonly missing: readonly string[] }> {
  const found: Helm[] = [];
  const missing: string[] = [];
  for (const wanted of TOOL_PACKAGES) {
    try {
      const file = await fetchTool(wanted, 'helm');
      const version = execFileSync(file, ['version', '--template', '{{.Version}}'], { encoding: 'utf8' }).trim();
      found.push({ version, major: Number(/^v(\d+)/.exec(version)?.[1]), file });
    } catch (cause) {
      missing.push(`Helm ${wanted.helm.version}: ${cause instanceof Error ? cause.message : cause}`);
    }
  }
  return { found, missing };
}
