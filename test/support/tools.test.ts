import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { debianTool, withoutTool } from './tools.ts';

test('a tool is found on PATH and in the cache, and what is missing is skipped with words, but fails where CI is set', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-tools-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'hawser', 'tools', 'promtool');
  const env = { PATH: '/nowhere', XDG_CACHE_HOME: dir };
  assert.match(String(withoutTool('promtool', env)), /no promtool .* scripts\/tools\/debian\.sh/);
  assert.equal(withoutTool('promtool', { ...env, CI: 'true' }), false);
  assert.throws(() => debianTool('promtool', { ...env, CI: 'true' }), /no promtool/);

  mkdirSync(join(dir, 'hawser', 'tools'), { recursive: true });
  writeFileSync(file, '');
  assert.throws(() => debianTool('promtool', env), /no promtool/, 'what cannot be run is no tool');
  chmodSync(file, 0o755);
  assert.equal(debianTool('promtool', env), file);
  assert.equal(withoutTool('promtool', env), false);
  assert.equal(debianTool('promtool', { PATH: join(dir, 'hawser', 'tools') }), file);
});
