/** Run by ensure.ts, one at a time: makes those executables that are named and not in the folder yet. */
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bundle, ROOT } from '../bundle.ts';
import { makeExecutable } from './executable.ts';
import { fileNameOf, targetsOf } from './targets.ts';

/** Executables of other sources that stay, 450 MB for each: a test may be running one. */
const KEPT_OTHERS = 1;

const [folder = '', ...names] = process.argv.slice(2);
const targets = targetsOf().filter(
  (target) => names.includes(fileNameOf(target)) && !existsSync(join(folder, fileNameOf(target))),
);

if (targets.length > 0) {
  dropOthers();
  const work = mkdtempSync(join(folder, 'work-'));
  try {
    const programs = [...new Set(targets.map(({ program }) => program))];
    const bindingModule = join(ROOT, 'edge', 'src', 'native', 'carried-binding.ts');
    const bundles = await bundle({ folder: work, programs, sqlite: { bindingModule } });
    for (const target of targets) {
      const made = await makeExecutable({ target, bundle: bundles[target.program], work });
      renameSync(made, join(folder, fileNameOf(target)));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function dropOthers(): void {
  const cache = dirname(folder);
  const others = readdirSync(cache, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== basename(folder))
    .map(({ name }) => ({ path: join(cache, name), used: statSync(join(cache, name)).mtimeMs }))
    .sort((a, b) => b.used - a.used);
  for (const { path } of others.slice(KEPT_OTHERS)) rmSync(path, { recursive: true, force: true });
}
