import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ensureExecutables } from '../../scripts/package/ensure.ts';
import { ROOT } from '../support/processes.ts';

const run = promisify(execFile);

/** Instructions of a Dockerfile, each on one line: a backslash at the end goes on, comments are left out. */
function instructionsOf(text: string): { readonly name: string; readonly rest: string }[] {
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ');
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ name: line.slice(0, line.indexOf(' ')), rest: line.slice(line.indexOf(' ') + 1) }));
}

const instructions = instructionsOf(readFileSync(join(ROOT, 'deploy', 'image', 'Dockerfile'), 'utf8'));
const restOf = (name: string) => instructions.filter((one) => one.name === name).map(({ rest }) => rest);

test('the Dockerfile says of user, path, ports, entrypoint and version what the image of the script has', () => {
  const known = ['ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'LABEL', 'RUN', 'USER'];
  for (const { name } of instructions) assert.ok(known.includes(name), name);
  assert.deepEqual(restOf('USER'), ['65532:65532']);
  assert.deepEqual(restOf('EXPOSE'), ['8443 8081 8444']);
  assert.deepEqual(restOf('ENV'), ['PATH=/usr/bin']);
  assert.deepEqual(restOf('ENTRYPOINT'), ['["/usr/bin/hawser-relay"]']);
  assert.deepEqual(restOf('CMD'), ['["run"]']);
  assert.equal(restOf('FROM').at(-1), 'scratch');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  assert.match(restOf('LABEL').join(), new RegExp(`image\\.version="${version.replaceAll('.', '\\.')}"`));
});

/** Its commands run here in place of a container of Debian, with its two folders elsewhere. */
test('its commands put the same libraries together as the script does, on a Debian', {
  skip: process.arch === 'x64' && process.platform === 'linux' ? false : 'its commands are run on amd64 only',
  timeout: 25 * 60_000,
}, async (t) => {
  const [executable] = await ensureExecutables({ only: 'relay', arch: 'x64' });
  assert.ok(executable !== undefined);
  const dir = mkdtempSync(join(tmpdir(), 'hawser-dockerfile-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [executables, root] = [join(dir, 'executables'), join(dir, 'root')];
  mkdirSync(executables);
  copyFileSync(executable.file, join(executables, 'hawser-relay-linux-x64'));
  const [script = ''] = restOf('RUN');
  const here = script.replaceAll('/root-fs', root).replaceAll('/executables', executables);
  await run('sh', ['-c', here], { env: { ...process.env, TARGETARCH: 'amd64' } });
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  const libraries = files.map(({ name }) => name).filter((name) => /\.so\./.test(name));
  const listed = readFileSync(join(import.meta.dirname, 'contents-amd64.txt'), 'utf8').split('\n');
  const ofScript = listed.map((line) => /\/([^/ ]+\.so\.[^/ ]+)( ->|$)/.exec(line)?.[1] ?? '').filter((name) => name !== '');
  assert.deepEqual([...new Set(libraries)].sort(), [...new Set(ofScript)].sort());
  for (const name of ['passwd', 'group', 'nsswitch.conf', 'hawser-relay'])
    assert.ok(
      files.some((file) => file.name === name),
      name,
    );
});
