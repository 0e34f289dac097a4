import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import Database from 'better-sqlite3';
import { atDevice, type FleetAgent, logOf } from '../support/fleet.ts';
import { secretsIn } from '../support/output-check.ts';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { leaksIn, planted } from '../support/planted.ts';
import { runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { fleetFor, nodeReady, podInCloud, podOn, secret } from './harness.ts';

/** Every file and folder below a folder, itself included, by its path in it. */
function everythingIn(folder: string): string[] {
  return ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })];
}

function modesOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    everythingIn(folder).map((name) => {
      const stats = lstatSync(join(folder, name));
      return [name, `${stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other'} ${(stats.mode & 0o777).toString(8)}`];
    }),
  );
}

function leakingFiles(folder: string): string[] {
  return everythingIn(folder).filter(
    (name) => lstatSync(join(folder, name)).isFile() && leaksIn(readFileSync(join(folder, name))).length > 0,
  );
}

const valueAt = ({ data }: KubeObject, name: string) => Buffer.from(String(Object(data)[name]), 'base64').toString();

/** An agent that must not start: what it says and how it ends. */
async function refusalOf(device: FleetAgent, flags: Readonly<Record<string, string>> = {}) {
  const started = device.launch(flags);
  const { code } = await started.exited;
  return { code, said: started.tail() };
}

test("what lies on a device shows no Secret and is nobody else's to read", { timeout: 480_000 }, async (t) => {
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const fleet = await fleetFor(t, {
    agents: ['edge-1'],
    identities: 'joined',
    agentFlags: { '--log-level': 'trace', '--recheck-seconds': '1' },
    relayFlags: { '--log-level': 'trace' },
  });
  const [device] = fleet.agents;
  assert.ok(device);
  const { kube } = fleet;
  await nodeReady(kube, 'edge-1');
  await kube.create(secret('login', { password: planted('first') }));
  await kube.create(podOn('edge-1', 'web', { secrets: ['login'] }));
  await podInCloud(kube, 'web', ({ phase }) => phase === 'Running');

  await t.test('a Secret arrives, is changed, asked for, and shows in no file', async () => {
    const held = await atDevice(device, 'secrets', 'default', 'login');
    assert.equal(valueAt(held, 'password'), planted('first'));
    assert.deepEqual(leakingFiles(device.dataDir), []);
    await kube.patch('secrets', 'default', 'login', { stringData: { password: planted('second') } });
    await atDevice(device, 'secrets', 'default', 'login', (object) => valueAt(object, 'password') === planted('second'));
    assert.equal((await device.command('query', 'secret', 'login', '--live')).code, 0);
    assert.deepEqual(leakingFiles(device.dataDir), []);
    assert.match((await device.command('status')).stdout, /Sealed: +xaes256gcm:[0-9a-f]{16}\n/);
  });

  await t.test('every file that the agent has made has mode 0600 in a folder of mode 0700, whatever the umask', () => {
    const modes = modesOf(device.dataDir);
    for (const name of [
      '',
      'agent.db',
      'agent.db-wal',
      'agent.db-shm',
      'agent.db.lock',
      'api.key',
      'api.token',
      'kubelet.token',
      'viewer.token',
      'store.key',
      'identity/device.pem',
    ]) {
      assert.ok(name in modes, `${name} is there`);
    }
    for (const [name, mode] of Object.entries(modes)) assert.match(mode, /^(file 600|folder 700)$/, name);
  });

  await t.test('no command line of any process has a secret in it', () => {
    for (const running of [device.process(), fleet.relay(), fleet.apiServer()]) {
      assert.ok(running);
      const line = readFileSync(`/proc/${running.pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      assert.notEqual(line, '');
      assert.deepEqual(secretsIn(line), []);
    }
  });

  await t.test('a sealed row that is damaged while the agent runs is fetched again', async () => {
    const db = new Database(join(device.dataDir, 'agent.db'));
    const { changes } = db.prepare("UPDATE objects SET body = substr(body, 1, 60) || 'AAAA' WHERE name = 'login'").run();
    db.close();
    assert.equal(changes, 1);
    await until('the row mended', 60_000, undefined, async () => {
      const reader = device.store();
      try {
        return reader.refusedObjects().length === 0 && (await logOf(fleet, 'edge-1')).includes('stored body damaged');
      } finally {
        reader.close();
      }
    });
    await atDevice(device, 'secrets', 'default', 'login', (object) => valueAt(object, 'password') === planted('second'));
    assert.deepEqual(leakingFiles(device.dataDir), []);
  });

  await t.test('without a link the agent opens after a power cut what it has sealed', async () => {
    await device.process().kill();
    device.link.cut();
    assert.deepEqual(leakingFiles(device.dataDir), []);
    await device.start();
    assert.equal(valueAt(await atDevice(device, 'secrets', 'default', 'login'), 'password'), planted('second'));
    await device.process().stop();
    assert.deepEqual(leakingFiles(device.dataDir), []);
  });

  await t.test('a file or folder that others can reach is refused with the command that mends it, whichever it is', async () => {
    for (const name of everythingIn(device.dataDir)) {
      const path = join(device.dataDir, name);
      const isFolder = lstatSync(path).isDirectory();
      chmodSync(path, isFolder ? 0o750 : 0o640);
      const { code, said } = await refusalOf(device);
      assert.equal(code, 2, `${path}: ${said}`);
      assert.ok(said.includes(`To mend: chmod ${isFolder ? 700 : 600} ${path}`), said);
      chmodSync(path, isFolder ? 0o700 : 0o600);
    }
  });

  await t.test('a file that is a link is refused', async () => {
    for (const name of ['agent.db', 'store.key', 'api.token']) {
      const [path, elsewhere] = [join(device.dataDir, name), join(fleet.dir, `elsewhere-${name}`)];
      renameSync(path, elsewhere);
      symlinkSync(elsewhere, path);
      const { code, said } = await refusalOf(device);
      assert.equal(code, 2);
      assert.ok(said.includes(`${path} is a symbolic link`), said);
      rmSync(path);
      renameSync(elsewhere, path);
    }
  });

  await t.test('with another key or none it does not start, and says which it needs; the store is as it was', async () => {
    const other = join(fleet.dir, 'other.key');
    writeFileSync(other, 'ab01'.repeat(16), { mode: 0o600 });
    for (const key of [other, 'none']) {
      const { code, said } = await refusalOf(device, { '--store-key': key });
      assert.equal(code, 2, said);
      assert.match(said, /sealed with the key [0-9a-f]{16}, and .*store drop-secrets/);
    }
    await device.start();
    assert.equal(valueAt(await atDevice(device, 'secrets', 'default', 'login'), 'password'), planted('second'));
    await device.process().stop();
  });

  await t.test('a lost key costs the Secrets alone, and they come back with the link', async () => {
    const kept = join(fleet.dir, 'lost.key');
    renameSync(join(device.dataDir, 'store.key'), kept);
    const { code, said } = await refusalOf(device);
    assert.equal(code, 2);
    assert.match(said, /store\.key is not there, .*store drop-secrets/);
    assert.equal((await device.command('store', 'drop-secrets')).code, 0);
    await device.start();
    assert.equal((await device.local.get('pods', 'default', 'web'))?.metadata.name, 'web');
    assert.equal(await device.local.get('secrets', 'default', 'login'), undefined);
    device.link.restore();
    await atDevice(device, 'secrets', 'default', 'login', (object) => valueAt(object, 'password') === planted('second'));
    assert.deepEqual(leakingFiles(device.dataDir), []);
  });

  await t.test('a store that lay there as it was, in whole or in part, shows nothing after the next start', async () => {
    await device.process().stop();
    assert.equal((await device.command('store', 'rekey', '--new-key', 'none')).code, 0);
    assert.deepEqual(leakingFiles(device.dataDir), ['agent.db']);
    const plain = device.launch({ '--store-key': 'none' });
    await plain.line('the warning', ({ msg }) => String(msg).startsWith('store.key is none'));
    await plain.line('its start', ({ msg }) => msg === 'agent started');
    await plain.kill();
    await device.start();
    assert.deepEqual(leakingFiles(device.dataDir), []);
    await atDevice(device, 'secrets', 'default', 'login', (object) => valueAt(object, 'password') === planted('second'));
  });
});

test('the password of a proxy is in nothing that the agent says or writes', { timeout: 180_000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-e2e-proxy-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const authority = await createAuthority('proxied');
  const { certificateFile, keyFile } = await writePair(dir, 'device', await issueNodeCertificate(authority, 'edge-1'));
  const dataDir = join(dir, 'data');
  const agent = startProcess({
    name: 'agent behind a proxy',
    args: [
      ...['edge/src/main.ts', 'run', '--data-dir', dataDir, '--relay-urls', 'wss://relay.example:8443', '--api-port', '0'],
      ...[
        '--tls-cert',
        certificateFile,
        '--tls-key',
        keyFile,
        '--tls-ca',
        await writePem(dir, 'ca.crt', authority.certificatePem),
      ],
      ...['--log-level', 'trace'],
    ],
    // Nothing listens at the port of discard.
    env: { HTTPS_PROXY: `http://user:${planted('of the proxy')}@127.0.0.1:9` },
  });
  t.after(() => agent.kill());
  await agent.line('the proxy that does not answer', (line) => JSON.stringify(line).includes('127.0.0.1:9'));
  const status = await runCommand({ name: 'status', args: ['edge/src/main.ts', 'status', '--data-dir', dataDir] });
  assert.match(status.stdout, /127\.0\.0\.1:9/);
  await agent.stop();
  assert.deepEqual(leakingFiles(dir), []);
  for (const text of [status.stdout, agent.tail()]) assert.deepEqual(secretsIn(text), []);
});
