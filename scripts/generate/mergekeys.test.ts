import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const TYPES = join(ROOT, '../shared/kubernetes-types/types.json');
const COMMITTED = join(ROOT, 'protocol/src/kubernetes/patch/merge-keys.ts');

it('the merge keys in the repository are those that the generator makes', {
  skip: existsSync(TYPES) ? false : `no ${TYPES}: the table cannot be made anew here`,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mergekeys-'));
  try {
    const made = join(folder, 'merge-keys.ts');
    await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'mergekeys.ts'), TYPES, made]);
    const [committed, generated] = await Promise.all(
      [COMMITTED, made].map(async (path) => (await import(pathToFileURL(path).href)).PATCH_FIELDS),
    );
    assert.ok(Object.keys(committed).length > 10);
    assert.deepEqual(generated, committed);
  } finally {
    await rm(folder, { recursive: true });
  }
});
