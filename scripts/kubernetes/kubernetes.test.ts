import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { firstMirror } from './mirror.ts';
import { openapiPackages } from './openapi.ts';
import { missingPrograms, PROGRAMS, programFolder } from './programs.ts';
import { run } from './run.ts';

const MARKED = '// +k8s:openapi-gen=true\npackage v1\n';

describe('the mirror of Debian', () => {
  it('is the first of its main archive, not that of updates or of somebody else', () => {
    const targets =
      'Other https://one.example/\nDebian http://two.example/debian-security/\n\nDebian http://three.example/debian/\n';
    assert.equal(firstMirror(targets), 'http://three.example/debian/');
  });

  it('is asked for in words where apt knows none', () => {
    assert.throws(() => firstMirror('Ubuntu http://one.example/\n'), /run apt-get update/);
  });
});

describe('packages with OpenAPI definitions', () => {
  it('are those with the mark, each once, staged ones as vendored', async (t) => {
    const root = tree(t, {
      'pkg/apis/one/v1/types.go': MARKED,
      'pkg/apis/one/v1/more.go': MARKED,
      'pkg/apis/two/types.go': 'package two\n',
      'vendor/k8s.io/klog/klog.go': MARKED,
      'staging/src/k8s.io/api/core/v1/doc.go': MARKED,
    });
    symlinkSync('../../staging/src/k8s.io/api', join(root, 'vendor/k8s.io/api'));
    assert.deepEqual(await openapiPackages(root), [
      'k8s.io/kubernetes/pkg/apis/one/v1',
      'k8s.io/kubernetes/vendor/k8s.io/api/core/v1',
      'k8s.io/kubernetes/vendor/k8s.io/klog',
    ]);
  });

  it('are none of tests, examples and generators', async (t) => {
    const root = tree(t, {
      'pkg/one/one_test.go': MARKED,
      'pkg/generated/openapi/doc.go': MARKED,
      'vendor/k8s.io/kube-openapi/cmd/main.go': MARKED,
      'staging/src/k8s.io/sample-apiserver/v1/types.go': MARKED,
      'staging/src/k8s.io/code-generator/_examples/types.go': MARKED,
    });
    assert.deepEqual(await openapiPackages(root), []);
  });
});

describe('the programs', () => {
  it('are below the folder of caches, and missing until they may be run', (t) => {
    const home = tree(t, {});
    const folder = programFolder({ XDG_CACHE_HOME: home });
    assert.equal(dirname(dirname(folder)), home);
    assert.deepEqual(missingPrograms(folder), PROGRAMS);
    mkdirSync(folder, { recursive: true });
    for (const name of PROGRAMS) writeFileSync(join(folder, name), '', { mode: name === 'kubelet' ? 0o644 : 0o755 });
    assert.deepEqual(missingPrograms(folder), ['kubelet']);
  });
});

describe('a command', () => {
  it('gives what it says, and tells each line of its progress', async () => {
    const lines: string[] = [];
    const script = 'printf "one\\ntw" >&2; printf "o\\n" >&2; echo out';
    assert.equal(await run('sh', ['-c', script], { timeoutMs: 60_000, onLine: (line) => lines.push(line) }), 'out\n');
    assert.deepEqual(lines, ['one', 'two']);
  });

  it('that fails says with what, and one that is missing says so', async () => {
    await assert.rejects(run('sh', ['-c', 'echo no room >&2; exit 3'], { timeoutMs: 60_000 }), /ended with 3:\nno room/);
    await assert.rejects(run('hawser-no-such-command', [], { timeoutMs: 60_000 }), /there is no hawser-no-such-command/);
  });
});

function tree(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'hawser-kubernetes-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const folder of ['pkg', 'vendor/k8s.io', 'staging/src/k8s.io']) mkdirSync(join(root, folder), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}
