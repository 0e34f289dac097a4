import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { bundle } from '../../scripts/bundle.ts';
import { makeExecutable } from '../../scripts/package/executable.ts';
import {
  type BillOfMaterials,
  ensureExecutables,
  fileNameOf,
  MACHINES,
  machineOf,
  targetsOf,
} from '../../scripts/package/index.ts';
import { ROOT, runCommand } from '../support/processes.ts';
import { faultsOf } from './cyclonedx.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-package-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

let bundles: Awaited<ReturnType<typeof bundle>>;
const work = mkdtempSync(join(tmpdir(), 'hawser-package-'));
before(async () => {
  bundles = await bundle({
    folder: work,
    sqlite: { bindingModule: join(ROOT, 'edge', 'src', 'native', 'carried-binding.ts') },
  });
});
after(() => rmSync(work, { recursive: true, force: true }));

test('npm run package makes both for both architectures, with bills of materials, and sums that sha256sum takes', async (t) => {
  const out = folderFor(t);
  const { code, stderr } = await runCommand({ name: 'package', args: ['scripts/package/main.ts', '--out', out] });
  assert.equal(code, 0, stderr);
  const executables = targetsOf().map(fileNameOf);
  const expected = [...executables, ...executables.map((name) => `${name}.cdx.json`), 'SHA256SUMS'];
  assert.deepEqual(readdirSync(out).sort(), expected.sort());
  const checked = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: out, encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stderr);
  assert.equal(checked.stdout.trim().split('\n').length, 8);

  for (const target of targetsOf()) {
    const file = join(out, fileNameOf(target));
    assert.equal(statSync(file).mode & 0o777, 0o755);
    const content = readFileSync(file);
    assert.equal(machineOf(content), MACHINES[target.arch]);
    assert.equal(content.includes(ROOT), false, 'the path of this checkout is in the file');
    const bill: BillOfMaterials = JSON.parse(readFileSync(`${file}.cdx.json`, 'utf8'));
    assert.deepEqual(faultsOf(bill), [], file);
    assert.deepEqual(
      bundledPackages(bundles[target.program]).filter((name) => !bill.components.some((one) => one.name === name)),
      [],
    );
    assert.equal(content.includes('// protocol/src/'), false, 'the program has its comments, which take memory');
    assert.equal(
      bill.components.some(({ name }) => name === 'sqlite'),
      target.program === 'agent',
    );
  }
});

/** esbuild writes a comment before each module, which the executable is made without. */
function bundledPackages(file: string): readonly string[] {
  const modules = /^\s*\/\/ node_modules\/(?:[^\s]*node_modules\/)?((?:@[\w.-]+\/)?[\w.-]+)\//gm;
  const names = [...readFileSync(file, 'latin1').matchAll(modules)].map(([, name = '']) => name);
  assert.ok(names.length > 50, 'the bundle has its comments');
  return [...new Set(names)];
}

test('the same sources make the same bytes, in another folder and at another time', async (t) => {
  const target = { program: 'agent', arch: 'arm64' } as const;
  const again = await makeExecutable({ target, bundle: bundles.agent, work: folderFor(t) });
  const [first] = await ensureExecutables({ only: 'agent', arch: 'arm64' });
  assert.ok(first !== undefined && readFileSync(again).equals(readFileSync(first.file)), 'the bytes differ');
});

test('a wrong command line is told, and makes nothing', async () => {
  for (const args of [
    ['--only', 'both'],
    ['--arch', 'riscv64'],
    ['--folder', 'x'],
  ]) {
    const { code, stdout, stderr } = await runCommand({ name: 'package', args: ['scripts/package/main.ts', ...args] });
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /npm run package/);
  }
});
