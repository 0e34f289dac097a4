import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { findKubelet, isProgram, usualKubelet } from './find.ts';

const only = (path: string) => (candidate: string) => candidate === path;

test('the path of the operator is the one, relative ones from where the agent was started', () => {
  assert.equal(findKubelet('/x/kubelet', '/usr/bin', only('/x/kubelet')), '/x/kubelet');
  assert.equal(
    findKubelet('bin/kubelet', undefined, () => true),
    resolve('bin/kubelet'),
  );
  assert.throws(() => findKubelet('/x/kubelet', '/usr/bin', only('/usr/bin/kubelet')), {
    code: 'bad_config',
    message: /^kubelet\.path: \/x\/kubelet is not there/,
  });
});

test('without one it is looked for in PATH, then in the usual places', () => {
  assert.equal(
    findKubelet(undefined, '/a:/b', () => true),
    '/a/kubelet',
  );
  assert.equal(findKubelet(undefined, '/a:/b', only('/opt/bin/kubelet')), '/opt/bin/kubelet');
  assert.equal(findKubelet(undefined, undefined, only('/usr/local/bin/kubelet')), '/usr/local/bin/kubelet');
});

test('relative folders in PATH are not looked at: they are others for each who starts the agent', () => {
  assert.equal(
    findKubelet(undefined, '.:bin:/a', (path) => path !== '/b'),
    '/a/kubelet',
  );
});

test('where there is none the message says where it was looked for and what to do', () => {
  assert.throws(() => findKubelet(undefined, '/a', () => false), {
    code: 'bad_config',
    message: /there is no kubelet in PATH, \/usr\/bin, .*\/opt\/bin.*docs\/kubelet\.md.*--kubelet PATH.*--kubelet=external/,
  });
  assert.equal(
    usualKubelet('/a', () => false),
    '/usr/bin/kubelet',
  );
  assert.equal(usualKubelet('/a', only('/a/kubelet')), '/a/kubelet');
});

test('a folder, and a file that may not be executed, are no programs', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-find-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'kubelet');
  assert.equal(isProgram(file), false);
  writeFileSync(file, '', { mode: 0o644 });
  assert.equal(isProgram(file), false);
  chmodSync(file, 0o755);
  assert.equal(isProgram(file), true);
  mkdirSync(join(folder, 'other'), { mode: 0o755 });
  assert.equal(isProgram(join(folder, 'other')), false);
});
