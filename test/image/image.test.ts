import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { DebianArchitecture } from '../../scripts/image/debian.ts';
import type { BillOfMaterials } from '../../scripts/package/sbom.ts';
import { startEmbeddedApiServer } from '../apiserver/server.ts';
import { schemaFaultsOf } from '../package/schema.ts';
import { createAuthority, writePair, writePem } from '../support/pki.ts';
import { ROOT, runCommand, startProcess } from '../support/processes.ts';
import { debianTool, withoutTool } from '../support/tools.ts';
import { until } from '../support/until.ts';
import { contentsOf } from './contents.ts';

const run = promisify(execFile);

/** What `npm run image` needs beside Node; a machine without apt has no libraries to put into it. */
const withoutApt =
  process.env.CI || existsSync('/usr/bin/apt-get') ? false : 'there is no apt-get: the image is made on a Debian';
const skip = withoutTool('skopeo') || withoutTool('umoci') || withoutApt;
const isRoot = process.getuid?.() === 0;
const ARCHITECTURES: readonly DebianArchitecture[] = ['amd64', 'arm64'];
const VERSION = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
/** Two executables and two downloads, on a busy machine; in milliseconds. */
const MAKE_TIMEOUT_MS = 25 * 60_000;

let dir = '';
let layout = '';

before(
  async () => {
    if (skip) return;
    dir = mkdtempSync(join(tmpdir(), 'hawser-image-'));
    const { code, stdout, stderr } = await runCommand({ name: 'image', args: ['scripts/image/main.ts', '--out', dir] });
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    layout = join(dir, 'hawser-relay-image');
  },
  { timeout: MAKE_TIMEOUT_MS },
);

after(() => {
  if (dir !== '') rmSync(dir, { recursive: true, force: true });
});

/** The root file system, unpacked by a tool of others. */
async function unpacked(arch: DebianArchitecture): Promise<string> {
  const bundle = join(dir, `bundle-${arch}`);
  const image = `${layout}:${VERSION}-${arch}`;
  await run(debianTool('umoci'), ['unpack', ...(isRoot ? [] : ['--rootless']), '--image', image, bundle]);
  return join(bundle, 'rootfs');
}

async function skopeo(...args: string[]): Promise<unknown> {
  return JSON.parse((await run(debianTool('skopeo'), args)).stdout);
}

interface Inspected {
  readonly architecture: string;
  readonly os: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    readonly ExposedPorts: Readonly<Record<string, object>>;
    readonly Labels: Readonly<Record<string, string>>;
  };
}

test('tools of others find both architectures under one tag, in the folder and in the file', { skip }, async () => {
  const transports = [`oci:${layout}:${VERSION}`, `oci-archive:${layout}.tar:${VERSION}`];
  for (const image of transports) {
    const index = (await skopeo('inspect', '--raw', image)) as {
      manifests: { platform: { architecture: string; os: string } }[];
    };
    assert.deepEqual(
      index.manifests.map(({ platform }) => platform),
      ARCHITECTURES.map((architecture) => ({ architecture, os: 'linux' })),
    );
    for (const arch of ARCHITECTURES) {
      const { architecture, os, config } = (await skopeo('--override-arch', arch, 'inspect', '--config', image)) as Inspected;
      assert.deepEqual([architecture, os], [arch, 'linux']);
      assert.equal(config.User, '65532:65532');
      assert.deepEqual(config.Env, ['PATH=/usr/bin']);
      assert.deepEqual([config.Entrypoint, config.Cmd], [['/usr/bin/hawser-relay'], ['run']]);
      assert.deepEqual(Object.keys(config.ExposedPorts).sort(), ['8081/tcp', '8443/tcp', '8444/tcp']);
      assert.equal(config.Labels['org.opencontainers.image.version'], VERSION);
      assert.match(config.Labels['dev.hawser.debian-packages'] ?? '', /^libc6=\S+ libgcc-s1=\S+ libstdc\+\+6=\S+/);
    }
  }
});

test('skopeo copies the whole index, so that a registry gets what was made', { skip }, async () => {
  const copy = join(dir, 'copy');
  await run(debianTool('skopeo'), ['copy', '--all', `oci-archive:${layout}.tar:${VERSION}`, `oci:${copy}:${VERSION}`]);
  const blobs = readdirSync(join(copy, 'blobs', 'sha256')).sort();
  for (const blob of blobs) assert.ok(readdirSync(join(layout, 'blobs', 'sha256')).includes(blob), blob);
  const ours = await skopeo('inspect', '--raw', `oci:${layout}:${VERSION}`);
  assert.deepEqual(await skopeo('inspect', '--raw', `oci:${copy}:${VERSION}`), ours);
});

test('made once more, of one architecture, it has the same bytes', { skip, timeout: MAKE_TIMEOUT_MS }, async () => {
  const again = join(dir, 'again');
  const args = ['scripts/image/main.ts', '--arch', 'amd64', '--out', again];
  const { code, stderr } = await runCommand({ name: 'image', args });
  assert.equal(code, 0, stderr);
  const digest = async (folder: string) => {
    const image = `oci:${join(folder, 'hawser-relay-image')}:${VERSION}-amd64`;
    return ((await skopeo('inspect', image)) as { Digest: string }).Digest;
  };
  assert.equal(await digest(again), await digest(dir));
});

for (const arch of ARCHITECTURES) {
  test(`${arch}: what is in it is the list beside this test, no shell, nothing that others than root may write`, {
    skip,
  }, async () => {
    const contents = contentsOf(await unpacked(arch));
    const list = join(import.meta.dirname, `contents-${arch}.txt`);
    if (process.env.HAWSER_UPDATE_CONTENTS) writeFileSync(list, `${contents.join('\n')}\n`);
    assert.deepEqual(contents, readFileSync(list, 'utf8').trim().split('\n'));
    for (const line of contents) {
      const [type, mode, owner] = line.split(' ');
      if (type === 'link') continue;
      assert.equal(owner, '0:0', line);
      assert.equal(Number.parseInt(mode ?? '', 8) & 0o6022, 0, `setuid, setgid or writable: ${line}`);
    }
    const isExecutable = (line: string) => line.startsWith('file 0755') && !/\/ld-linux-[^/]*$/.test(line);
    assert.deepEqual(contents.filter(isExecutable), ['file 0755 0:0 /usr/bin/hawser-relay']);
  });

  test(`${arch}: the bill of materials in it names Debian's packages, and is one by the schema`, { skip }, async () => {
    const text = readFileSync(join(dir, `bundle-${arch}`, 'rootfs/usr/share/doc/hawser-relay/hawser-relay.cdx.json'), 'utf8');
    assert.deepEqual(await schemaFaultsOf(text), []);
    const { metadata, components, dependencies } = JSON.parse(text) as BillOfMaterials;
    const packages = components.map(({ purl }) => purl).filter((purl) => purl.startsWith('pkg:deb/debian/'));
    const names = ['gcc-12-base', 'libc6', 'libgcc-s1', 'libstdc%2B%2B6'];
    assert.deepEqual(packages.map((purl) => /debian\/([^@]+)@/.exec(purl)?.[1]).sort(), names);
    const own = dependencies.find(({ ref }) => ref === metadata.component['bom-ref']);
    for (const purl of packages) assert.ok(own?.dependsOn.includes(purl), purl);
  });
}

/** Words before a command that put it into that root, read-only, as the image's user. Its mounts are gone with it, and it has the process id of who was started. */
function within(root: string): string[] {
  const script =
    'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && mount -t proc proc "$0/proc" && exec chroot --userspec=65532:65532 "$0" "$@"';
  return ['unshare', '--mount', 'sh', '-c', script, root];
}

const needsRoot = isRoot ? false : 'a chroot needs root';

test('amd64: the relay runs in it as its user with a read-only root, and is ready', {
  skip: skip || needsRoot || (process.arch === 'x64' ? false : 'this machine is no amd64'),
  timeout: 360_000,
}, async (t) => {
  const root = join(dir, 'bundle-amd64', 'rootfs');
  const api = await startEmbeddedApiServer();
  t.after(() => api.close());
  // What a volume brings: files of root that its user may read.
  const files = join(root, 'tmp');
  const authority = await createAuthority('agents');
  const pair = await writePair(files, 'relay', await authority.issueServer({ commonName: 'relay' }));
  await writePem(files, 'kubeconfig', api.kubeconfig('relay'));
  await writePem(files, 'ca.crt', authority.certificatePem);
  for (const name of readdirSync(files)) await run('chown', ['65532:65532', join(files, name)]);
  const inside = (path: string) => path.slice(root.length);
  const [command = '', ...words] = within(root);
  const relay = startProcess({
    name: 'relay of the image',
    node: command,
    args: [
      ...words,
      ...['/usr/bin/hawser-relay', 'run', '--kubeconfig', '/tmp/kubeconfig', '--tls-client-ca', '/tmp/ca.crt'],
      ...['--tls-cert', inside(pair.certificateFile), '--tls-key', inside(pair.keyFile)],
      ...['--link-address', '127.0.0.1', '--link-port', '0', '--ops-address', '127.0.0.1', '--ops-port', '0'],
      ...['--admin-address', '127.0.0.1', '--admin-port', '0'],
    ],
  });
  t.after(() => relay.kill());
  const startedAt = performance.now();
  const { opsPort } = await relay.line('its ports', ({ msg }) => msg === 'relay listening', 60_000);
  const answer = (path: string) => fetch(`http://127.0.0.1:${opsPort}${path}`);
  assert.equal((await answer('/healthz')).status, 200);
  await until('the relay to be ready', 60_000, undefined, async () => (await answer('/readyz')).ok);
  t.diagnostic(`ready after ${(performance.now() - startedAt).toFixed(0)} ms`);
});

test('arm64: the relay says its version', {
  skip: skip || needsRoot || withoutTool('qemu-aarch64-static'),
  timeout: 360_000,
}, async () => {
  const root = join(dir, 'bundle-arm64', 'rootfs');
  const emulator = join(root, 'tmp', 'qemu');
  mkdirSync(join(root, 'tmp'), { recursive: true });
  copyFileSync(debianTool('qemu-aarch64-static'), emulator);
  const [command = '', ...words] = within(root);
  const { stdout } = await run(command, [...words, '/tmp/qemu', '/usr/bin/hawser-relay', '--version']);
  assert.equal(stdout.trim(), VERSION);
  assert.ok(statSync(emulator).isFile());
});
