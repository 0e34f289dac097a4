import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../support/pki.ts';
import { type ProcessOptions, runCommand, startProcess } from '../support/processes.ts';

/** What was given wrong ends with its own exit code and a message that says what; nothing that was there is lost. */

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'hawser-bad-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function relayTls(dir: string): Promise<string[]> {
  const authority = await createAuthority('test');
  const ca = await writePem(dir, 'ca.crt', authority.certificatePem);
  const pair = await writePair(dir, 'relay', await authority.issueServer({ commonName: 'relay' }));
  return ['--tls-cert', pair.certificateFile, '--tls-key', pair.keyFile, '--tls-client-ca', ca];
}

async function agentArgs(dir: string): Promise<string[]> {
  const authority = await createAuthority('test');
  const ca = await writePem(dir, 'agent-ca.crt', authority.certificatePem);
  const pair = await writePair(dir, 'edge-1', await issueNodeCertificate(authority, 'edge-1'));
  return [
    '--tls-cert',
    pair.certificateFile,
    '--tls-key',
    pair.keyFile,
    '--tls-ca',
    ca,
    '--relay-urls',
    'wss://127.0.0.1:1',
    '--api-port',
    '0',
  ];
}

const relay = (...args: string[]): ProcessOptions => ({ name: 'hawser-relay', args: ['cloud/src/main.ts', ...args] });
const agent = (...args: string[]): ProcessOptions => ({ name: 'hawser-agent', args: ['edge/src/main.ts', ...args] });
const demo = (...args: string[]): ProcessOptions => ({ name: 'demo', args: ['scripts/demo/main.ts', ...args] });

test('a manifest that is no YAML', async (t) => {
  const file = join(folder(t), 'broken.yaml');
  writeFileSync(file, 'a: [\n');
  const { code, stdout, stderr } = await runCommand(demo('--once', '--json', '--manifests', file));
  assert.equal(code, 2);
  assert.match(stderr, /broken\.yaml, document 1 is no YAML/);
  assert.equal(JSON.parse(stdout.trim().split('\n').at(-1) ?? '').ok, false);
});

test('a manifest that is not there, and one that is no Kubernetes object', async (t) => {
  const missing = await runCommand(demo('--once', '--manifests', '/nonexistent.yaml'));
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /cannot read \/nonexistent\.yaml/);
  const file = join(folder(t), 'other.yaml');
  writeFileSync(file, 'hello: world\n');
  const other = await runCommand(demo('--once', '--manifests', file));
  assert.equal(other.code, 2);
  assert.match(other.stderr, /document 1 is no Kubernetes object/);
});

test('a kubeconfig that is not there', async (t) => {
  const { code, stderr, stdout } = await runCommand(
    relay('run', '--kubeconfig', '/nonexistent/config', ...(await relayTls(folder(t)))),
  );
  assert.equal(code, 2);
  assert.match(stderr + stdout, /\/nonexistent\/config/);
});

test('a port in use', async (t) => {
  const dir = folder(t);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const { code, stderr, stdout } = await runCommand(
    agent('run', '--data-dir', join(dir, 'data'), ...(await agentArgs(dir)), '--api-port', String(port)),
  );
  assert.equal(code, 1);
  assert.match(stderr + stdout, new RegExp(`${port}`));
  assert.match(stderr + stdout, /in use/);
});

test('settings that are wrong are named, each with its path', async (t) => {
  const dir = folder(t);
  const file = join(dir, 'relay.yaml');
  writeFileSync(file, 'labelNodes: perhaps\nlink:\n  port: 70000\nbogus: 1\n');
  const { code, stderr, stdout } = await runCommand(relay('run', '--config', file, ...(await relayTls(dir))));
  assert.equal(code, 2);
  for (const path of [/labelNodes/, /link\.port/, /bogus/]) assert.match(stderr + stdout, path);
});

test('a store that is no database is kept aside, never overwritten', async (t) => {
  const dir = folder(t);
  const data = join(dir, 'data');
  mkdirSync(data, { mode: 0o700 });
  const content = 'this is not a database, but somebody may want it back\n'.repeat(100);
  const args = await agentArgs(dir);
  // The agent names its own file: whatever it is called, the content must be found again.
  const first = startProcess(agent('run', '--data-dir', data, ...args));
  t.after(() => first.stop());
  const started = await first.line('its start', ({ msg }) => msg === 'agent started');
  await first.stop();
  const store = String(started.store);
  for (const file of readdirSync(data)) if (join(data, file).startsWith(store)) rmSync(join(data, file));
  writeFileSync(store, content, { mode: 0o600 });
  const second = startProcess(agent('run', '--data-dir', data, ...args));
  t.after(() => second.stop());
  await second.line('its start', ({ msg }) => msg === 'agent started');
  const kept = readdirSync(data).filter((file) => file.includes('damaged'));
  assert.equal(kept.length, 1, readdirSync(data).join(' '));
  assert.equal(readFileSync(join(data, kept[0] ?? ''), 'utf8'), content);
});

test('commands on a store that is not there, and a resource that is unknown', async (t) => {
  const dir = folder(t);
  const missing = await runCommand(agent('get', 'pods', '--data-dir', join(dir, 'nothing')));
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /nothing/);
  const unknown = await runCommand(agent('get', 'gizmos', '--data-dir', dir));
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /gizmos/);
});
