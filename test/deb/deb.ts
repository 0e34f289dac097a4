import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { buildDeb } from '../../scripts/deb/build-deb.ts';
import { describeCommandLine } from '../../scripts/deb/command-line.ts';
import type { NodeArchitecture } from '../../scripts/deb/control.ts';
import { ensureExecutables } from '../../scripts/package/ensure.ts';
import { ROOT } from '../support/processes.ts';

export const VERSION: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;

export function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-deb-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The package of this checkout, as `npm run deb -- --compression gzip` makes it. @returns its path */
export async function debFor(out: string, arch: NodeArchitecture): Promise<string> {
  const [executable] = await ensureExecutables({ only: 'agent', arch });
  if (executable === undefined) throw new Error(`no executable for ${arch}`);
  const commandLine = await describeCommandLine(VERSION);
  const date = new Date('2026-01-02T03:04:05Z');
  const common = {
    version: VERSION,
    commandLine,
    maintainer: 'Hawser <hawser@packages.invalid>',
    date,
    compression: 'gzip' as const,
    out,
  };
  return buildDeb({ arch, executable: executable.file, ...common });
}
