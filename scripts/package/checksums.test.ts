import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeChecksums } from './checksums.ts';

test('hashes are those of what lies there, whichever command has made it; what has gone leaves the list', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-sums-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const made = (name: string, content: string) => {
    const file = join(folder, name);
    writeFileSync(file, content);
    return file;
  };
  await writeChecksums(folder, [made('b', '1'), made('old', '1')]);
  rmSync(join(folder, 'old'));
  await writeChecksums(folder, [made('a', '2'), made('c', '3')]);
  const sums = await writeChecksums(folder, [made('b', '4')]);
  const { status, stdout } = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' });
  assert.deepEqual([status, stdout], [0, 'a: OK\nb: OK\nc: OK\n']);
  assert.equal(readFileSync(sums, 'utf8').split('\n').length, 4);
});
