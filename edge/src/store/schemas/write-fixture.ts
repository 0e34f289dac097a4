import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import type { keySeal } from '../key-seal.ts';
import type { openStore } from '../open.ts';
import { dump } from './dump.ts';
import { FIXTURE_KEY, type StoryHelpers, tellStory } from './story.ts';

/**
 * `node edge/src/store/schemas/write-fixture.ts [--tree FOLDER] [--seal] FILE.sql`: the story of `story.ts`, written by the store's code in
 * FOLDER (default: this one), as SQL. Once for each schema, before the next one comes; a test says when one is missing. FOLDER is
 * another checkout, with node_modules of its own.
 */
const { values, positionals } = parseArgs({
  options: { tree: { type: 'string' }, seal: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [file] = positionals;
if (file === undefined) throw new Error('the file to be written is missing');
const store = resolve(values.tree ?? join(import.meta.dirname, '..', '..', '..', '..'), 'edge', 'src', 'store');
const load = <Module>(name: string) => import(pathToFileURL(join(store, name)).href) as Promise<Module>;

const open = await load<{ openStore: typeof openStore }>('open.ts');
const helpers = await load<StoryHelpers & Pick<typeof import('../testing.ts'), 'silent' | 'clock'>>('testing.ts');
const seals = values.seal ? await load<{ keySeal: typeof keySeal }>('key-seal.ts') : undefined;

const dir = mkdtempSync(join(tmpdir(), 'hawser-fixture-'));
try {
  const path = join(dir, 'agent.db');
  const { silent: logger, clock } = helpers;
  const written = open.openStore({ path, logger, clock, ...(seals && { seal: seals.keySeal(FIXTURE_KEY) }) });
  tellStory(written, helpers);
  written.close();
  const db = new Database(path, { readonly: true });
  writeFileSync(file, dump(db));
  db.close();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
