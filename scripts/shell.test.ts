import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { debianTool, withoutTool } from '../test/support/tools.ts';

const ROOT = join(import.meta.dirname, '..');
const MAINTAINER = readdirSync(join(ROOT, 'deploy/debian')).filter((name) => /^(pre|post)(inst|rm)$/.test(name));

test('shellcheck has nothing to say about the shell scripts', { skip: withoutTool('shellcheck') }, () => {
  assert.ok(MAINTAINER.length >= 3);
  const scripts = ['.ci/run', 'scripts/tools/debian.sh', ...MAINTAINER.map((name) => `deploy/debian/${name}`)];
  assert.equal(execFileSync(debianTool('shellcheck'), scripts, { cwd: ROOT, encoding: 'utf8' }), '');
});
