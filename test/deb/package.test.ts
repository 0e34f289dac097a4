import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { emulating, withoutArchitecture } from '../support/executables.ts';
import { ROOT } from '../support/processes.ts';
import { debianTool, withoutTool } from '../support/tools.ts';
import { debFor, folderFor, VERSION } from './deb.ts';

/** What it needs of a Debian: 12 (bookworm) and later have it. Of libc, SQLite's library asks for more than Node. */
const DEPENDS = {
  x64: 'libc6 (>= 2.34), libgcc-s1 (>= 3.4), libstdc++6 (>= 11)',
  arm64: 'libc6 (>= 2.34), libgcc-s1 (>= 3.0), libstdc++6 (>= 11)',
};

const CONTENTS = [
  'drwxr-xr-x root/root ./etc/hawser/',
  '-rw-r----- root/root ./etc/hawser/agent.yaml',
  '-rw-r--r-- root/root ./lib/systemd/system/hawser-agent.service',
  '-rwxr-xr-x root/root ./usr/bin/hawser-agent',
  '-rw-r--r-- root/root ./usr/share/bash-completion/completions/hawser-agent',
  '-rw-r--r-- root/root ./usr/share/doc/hawser-agent/LICENSE.node.gz',
  '-rw-r--r-- root/root ./usr/share/doc/hawser-agent/LICENSE.packages.gz',
  '-rw-r--r-- root/root ./usr/share/doc/hawser-agent/changelog.gz',
  '-rw-r--r-- root/root ./usr/share/doc/hawser-agent/copyright',
  '-rw-r--r-- root/root ./usr/share/doc/hawser-agent/examples/agent-runs-kubelet.conf',
  '-rw-r--r-- root/root ./usr/share/doc/hawser-agent/examples/hawser-join.service',
  '-rw-r--r-- root/root ./usr/share/doc/hawser-agent/examples/kubelet.service',
  '-rw-r--r-- root/root ./usr/share/lintian/overrides/hawser-agent',
  '-rw-r--r-- root/root ./usr/share/man/man8/hawser-agent.8.gz',
];
/** Folders that every Debian has. */
const COMMON =
  /^drwxr-xr-x root\/root \.\/(etc|lib|lib\/systemd|lib\/systemd\/system|usr|usr\/bin|usr\/share(\/(doc|man|man\/man8|lintian|lintian\/overrides|bash-completion|bash-completion\/completions))?|usr\/share\/doc\/hawser-agent(\/examples)?)?\/?$/;

const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });

for (const arch of ['x64', 'arm64'] as const) {
  test(`the package for ${arch} holds these files with these modes, all of root, and depends on what its executable asks for`, {
    timeout: 600_000,
  }, async (t) => {
    const folder = folderFor(t);
    const deb = await debFor(folder, arch);
    assert.ok(deb.endsWith(`/hawser-agent_${VERSION}_${arch === 'x64' ? 'amd64' : 'arm64'}.deb`), deb);
    const listed = run('dpkg-deb', '--contents', deb)
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/));
    const files = listed.map(([mode, owner, , , , path]) => `${mode} ${owner} ${path}`);
    assert.deepEqual(
      files.filter((line) => !COMMON.test(line)),
      [...CONTENTS, 'drwxr-xr-x root/root ./'].filter((line) => !COMMON.test(line)),
    );
    assert.deepEqual([...new Set(listed.map(([, , , date]) => date))], ['2026-01-02']);

    const field = (name: string) => run('dpkg-deb', '--field', deb, name).trim();
    assert.equal(field('Depends'), `adduser, ${DEPENDS[arch]}`);
    assert.equal(field('Architecture'), arch === 'x64' ? 'amd64' : 'arm64');
    run('dpkg-deb', '--raw-extract', deb, join(folder, 'raw'));
    const raw = (path: string) => readFileSync(join(folder, 'raw', path));
    assert.equal(raw('DEBIAN/conffiles').toString(), '/etc/hawser/agent.yaml\n');
    const kib = Number(field('Installed-Size'));
    assert.ok(Math.abs(kib * 1024 - raw('usr/bin/hawser-agent').length) < 1 << 20, `${kib} KiB`);
    const checked = spawnSync('md5sum', ['--check', '--quiet', 'DEBIAN/md5sums'], { cwd: join(folder, 'raw') });
    assert.equal(checked.status, 0, String(checked.stdout));

    const manual = gunzipSync(raw('usr/share/man/man8/hawser-agent.8.gz')).toString();
    for (const command of ['run', 'join', 'status', 'store rekey', 'kubelet config']) {
      assert.match(manual, new RegExp(`^\\.SS ${command}\\n\\.nf\\nUsage: hawser`, 'm'));
    }
    assert.match(
      gunzipSync(raw('usr/share/doc/hawser-agent/LICENSE.packages.gz')).toString(),
      /^better-sqlite3 .*\n\nThe MIT License/m,
    );
    const completion = run(
      'bash',
      '-c',
      `source ${join(folder, 'raw/usr/share/bash-completion/completions/hawser-agent')}; complete -p hawser-agent`,
    );
    assert.match(completion, /-F _hawser_agent hawser-agent/);
  });
}

for (const arch of ['x64', 'arm64'] as const) {
  test(`the agent in the package for ${arch} runs, and loads its SQLite`, {
    skip: withoutArchitecture(arch),
    timeout: 600_000,
  }, async (t) => {
    const folder = folderFor(t);
    run('dpkg-deb', '--extract', await debFor(folder, arch), join(folder, 'root'));
    const agent = join(folder, 'root', 'usr', 'bin', 'hawser-agent');
    const [command = '', ...args] = [...emulating(arch), agent, 'version', '-o', 'json', '--cache-dir', join(folder, 'cache')];
    const facts = JSON.parse(run(command, ...args));
    assert.deepEqual([facts.version, facts.arch, facts.executable], [VERSION, arch, true]);
    assert.match(facts.sqlite, /^3\.\d+\.\d+$/);
  });
}

test('lintian has nothing to say about them that is not said to be so, with its reason', {
  timeout: 900_000,
  skip: withoutTool('lintian'),
}, async (t) => {
  const folder = folderFor(t);
  const debs = [await debFor(folder, 'x64'), await debFor(folder, 'arm64')];
  const said = spawnSync(debianTool('lintian'), ['--allow-root', '--fail-on', 'error', ...debs], { encoding: 'utf8' });
  assert.deepEqual([said.status, said.stdout], [0, ''], said.stderr);
});

test('what systemd says of the unit: nothing to mend, and an exposure of at most 1.7', {
  skip: withoutTool('systemd-analyze'),
}, (t) => {
  const unit = join(ROOT, 'deploy', 'debian', 'hawser-agent.service');
  const verified = spawnSync(debianTool('systemd-analyze'), ['verify', '--man=no', unit], { encoding: 'utf8' });
  // The one that runs it is not this machine.
  const lines = verified.stderr
    .split('\n')
    .filter((line) => line.includes('hawser') && !/hawser-agent is not executable/.test(line));
  assert.deepEqual(lines, []);
  const { stdout } = spawnSync(debianTool('systemd-analyze'), ['security', '--no-pager', '--offline=true', unit], {
    encoding: 'utf8',
  });
  const exposure = /exposure level for hawser-agent\.service: ([\d.]+)/.exec(stdout)?.[1];
  t.diagnostic(`exposure ${exposure}`);
  assert.ok(Number(exposure) <= 1.7, stdout);
});
