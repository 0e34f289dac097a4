import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ARCHITECTURES } from '../../scripts/package/index.ts';
import { executablesFor, withoutArchitecture } from '../support/executables.ts';
import { foldersIn, smoke } from './smoke.ts';

/** An emulated one takes some seconds for each start, on a machine that does other things. */
const PATIENCE_MS = { own: 60_000, emulated: 240_000 };

for (const arch of ARCHITECTURES) {
  test(`the executables for ${arch} do what their sources do, from the first command to a start without a link`, {
    skip: withoutArchitecture(arch),
    timeout: 900_000,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-package-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const { dir, cacheDir } = foldersIn(folder);
    mkdirSync(dir);
    const executables = await executablesFor(arch, cacheDir);
    const begun = performance.now();
    const patienceMs = arch === process.arch ? PATIENCE_MS.own : PATIENCE_MS.emulated;
    const say = (line: string) => t.diagnostic(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${line}`);
    await smoke({ executables, dir, cacheDir, patienceMs, say });
    say('done');
  });
}
