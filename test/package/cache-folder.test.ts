import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ensureExecutables } from '../../scripts/package/index.ts';
import { runCommand } from '../support/processes.ts';

/** A namespace of mounts: as root, or else as the root of a user namespace. */
const WAYS = [
  ['unshare', '--mount', '--propagation', 'private'],
  ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private'],
];

async function agent(): Promise<string> {
  const [made] = await ensureExecutables({ only: 'agent', arch: process.arch === 'arm64' ? 'arm64' : 'x64' });
  if (made === undefined) throw new Error('there is no agent');
  return made.file;
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-cache-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** `hawser-agent version -o json`, which loads SQLite, after a script of the shell in which $1 is the folder. */
async function sqliteAfter(script: string, folder: string, before: readonly string[] = []) {
  const words = [...before, 'sh', '-c', `set -e; ${script}; folder=$1; shift; exec "$@" --cache-dir "$folder"`, 'sh', folder];
  const { stdout, stderr } = await runCommand({
    name: 'agent',
    before: words,
    node: await agent(),
    args: ['version', '-o', 'json'],
  });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as { readonly sqlite: string | null; readonly sqliteFault?: string };
}

test('a cache folder that is mounted noexec or read-only, or is full, is told with its reason and the setting', async (t) => {
  const way = WAYS.find(([command = '', ...args]) => spawnSync(command, [...args, 'true']).status === 0);
  if (way === undefined) return t.skip('this kernel gives no namespace of mounts, as root or otherwise');
  const folder = folderFor(t);
  const mounts = {
    'it is mounted noexec': 'mount -t tmpfs -o noexec,mode=0700 none "$1"',
    'it is mounted read-only': 'mount -t tmpfs -o ro,mode=0700 none "$1"',
    'there is no room on its disk': 'mount -t tmpfs -o size=1m,mode=0700 none "$1"',
  };
  for (const [reason, mount] of Object.entries(mounts)) {
    const { sqlite, sqliteFault } = await sqliteAfter(mount, folder, way);
    assert.equal(sqlite, null, reason);
    assert.equal(
      sqliteFault,
      `the cache folder ${folder} cannot be used: ${reason}. SQLite is written there and loaded from there: name another folder ` +
        'with --cache-dir, HAWSER_CACHE_DIR or cacheDir in the file',
    );
  }
  assert.match(String((await sqliteAfter('true', folder)).sqlite), /^3\./);
  const readOnly = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; ! touch "$1/probe" 2>/dev/null';
  assert.match(String((await sqliteAfter(readOnly, folder, way)).sqlite), /^3\./, 'what is there already is loaded');
});

test('a cache folder of another user is refused, and one that this user may not make is told', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can make a folder of another user');
  const folder = folderFor(t);
  const foreign = await sqliteAfter('chown 65532 "$1"', folder);
  assert.match(String(foreign.sqliteFault), /it belongs to user 65532, and this is user 0/);
  const { sqliteFault } = await sqliteAfter('true', join(folder, 'below'), [
    'setpriv',
    '--reuid',
    '65533',
    '--clear-groups',
    '--',
  ]);
  assert.match(String(sqliteFault), /this user may not write there \(EACCES for /);
});

test('a command that needs the store ends with code 1 and that line', async (t) => {
  const folder = folderFor(t);
  const notAFolder = join(folder, 'file');
  for (const name of ['file', 'agent.db']) writeFileSync(join(folder, name), '');
  const args = ['status', '--data-dir', folder, '--cache-dir', join(notAFolder, 'cache')];
  const { code, stderr } = await runCommand({ name: 'agent', before: [], node: await agent(), args });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^hawser-agent: the cache folder .+\/file\/cache cannot be used: .+ is no folder\. .+ cacheDir in the file\n$/,
  );
});

test('doctor says so, also on a device that has no store yet', async (t) => {
  const folder = folderFor(t);
  writeFileSync(join(folder, 'file'), '');
  const args = ['doctor', '-o', 'json', '--data-dir', folder, '--cache-dir', join(folder, 'file', 'cache'), '--api-port', '0'];
  const { code, stdout } = await runCommand({ name: 'agent', before: [], node: await agent(), args });
  assert.equal(code, 1);
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly { check: string; level: string; text: string }[] };
  const [store] = findings.filter(({ check }) => check === 'store');
  assert.equal(store?.level, 'problem');
  assert.match(store?.text ?? '', /^the cache folder .+ cannot be used: .+ is no folder\. .+ cacheDir in the file$/);
});

test('ten processes that start at once with an empty folder all load SQLite, and one file is there then', async (t) => {
  const folder = join(folderFor(t), 'cache');
  mkdirSync(folder, { mode: 0o700 });
  const results = await Promise.all(Array.from({ length: 10 }, () => sqliteAfter('true', folder)));
  for (const { sqlite, sqliteFault } of results) assert.match(String(sqlite), /^3\./, sqliteFault);
  assert.equal(readdirSync(folder).length, 1);
});
