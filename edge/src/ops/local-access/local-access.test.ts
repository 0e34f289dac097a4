import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { ensureLocalAccess, kubeletKubeconfig, localKubeconfig, rotateTokens } from './index.ts';
import { createSelfSigned } from './self-signed.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'hawser-access-'));
  folders.push(path);
  return path;
}

test('the certificate is read by OpenSSL, signed by itself and good for its hosts at any time', async () => {
  const { cert } = await createSelfSigned('hawser-agent', ['localhost', '127.0.0.1', '::1', 'fd00::1:2']);
  const certificate = new X509Certificate(cert);
  assert.equal(certificate.subject, 'CN=hawser-agent');
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.ca);
  assert.equal(certificate.validFromDate.getTime(), 0);
  assert.equal(certificate.validToDate.getUTCFullYear(), 9999);
  assert.equal(certificate.checkHost('localhost'), 'localhost');
  for (const address of ['127.0.0.1', '::1', 'fd00::1:2']) assert.equal(certificate.checkIP(address), address);
  assert.equal(certificate.checkIP('127.0.0.2'), undefined);
});

test('two certificates differ in serial and key', async () => {
  const pairs = await Promise.all([createSelfSigned('a', []), createSelfSigned('a', [])]);
  const [one, two] = pairs.map(({ cert }) => new X509Certificate(cert));
  assert.notEqual(one?.serialNumber, two?.serialNumber);
  assert.notEqual(one?.fingerprint256, two?.fingerprint256);
});

test('a TLS client that trusts the certificate connects', async () => {
  const { cert, key } = await createSelfSigned('hawser-agent', ['localhost', '127.0.0.1']);
  const server = createServer({ cert, key }, (_request, response) => response.end('here')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [response] = await once(get({ host: '127.0.0.1', port, ca: cert }), 'response');
  assert.equal(response.statusCode, 200);
  response.resume();
  server.closeAllConnections();
  server.close();
});

test('what was made is private and stays over restarts', async () => {
  const dataDir = join(folder(), 'data');
  const first = await ensureLocalAccess(dataDir, '127.0.0.1');
  assert.match(first.token, /^[\w-]{43}$/);
  assert.deepEqual(readdirSync(dataDir).sort(), ['api.crt', 'api.key', 'api.token', 'kubelet.token', 'viewer.token']);
  for (const file of readdirSync(dataDir)) assert.equal(statSync(join(dataDir, file)).mode & 0o777, 0o600);
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  const { changedTokens: _, ...second } = await ensureLocalAccess(dataDir, '127.0.0.1');
  const { changedTokens: __, ...before } = first;
  assert.deepEqual(second, before);
});

test('the library of certificates is loaded at the first start only', async () => {
  const dataDir = folder();
  const module = join(import.meta.dirname, 'index.ts');
  const start = async () => {
    const script = `
      const { ensureLocalAccess } = await import(${JSON.stringify(pathToFileURL(module).href)});
      const { cert } = await ensureLocalAccess(${JSON.stringify(dataDir)}, '127.0.0.1');
      console.log(JSON.stringify({ cert, isLoaded: 'getMetadata' in Reflect }));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    return JSON.parse(stdout);
  };
  const first = await start();
  assert.equal(first.isLoaded, true);
  assert.deepEqual(await start(), { cert: first.cert, isLoaded: false });
});

test('what is damaged or for another address is made anew, the rest stays', async () => {
  const dataDir = folder();
  const first = await ensureLocalAccess(dataDir, '127.0.0.1');
  writeFileSync(join(dataDir, 'api.token'), 'short\n');
  const second = await ensureLocalAccess(dataDir, '127.0.0.1');
  assert.deepEqual([second.cert, second.key], [first.cert, first.key]);
  assert.notEqual(second.token, first.token);
  writeFileSync(join(dataDir, 'api.crt'), first.cert.slice(0, 100));
  const third = await ensureLocalAccess(dataDir, '127.0.0.1');
  assert.notEqual(third.cert, first.cert);
  assert.equal(third.token, second.token);
  const fourth = await ensureLocalAccess(dataDir, '127.0.0.9');
  assert.equal(new X509Certificate(fourth.cert).checkIP('127.0.0.9'), '127.0.0.9');
});

test('the kubeconfig is one that Kubernetes clients take', async () => {
  const dataDir = folder();
  assert.throws(
    () => localKubeconfig(dataDir, 'https://127.0.0.1:6444', 'edge-1'),
    /there is no token in .*: start the agent once/,
  );
  const { token, viewerToken, cert } = await ensureLocalAccess(dataDir, '127.0.0.1');
  const server = 'https://127.0.0.1:6444';
  for (const [text, expected] of [
    [localKubeconfig(dataDir, server, 'edge-1'), viewerToken],
    [localKubeconfig(dataDir, server, 'edge-1', 'administrator'), token],
  ] as const) {
    const config = new KubeConfig();
    config.loadFromString(text);
    assert.equal(config.getCurrentCluster()?.server, server);
    assert.equal(config.getCurrentUser()?.token, expected);
    assert.equal(Buffer.from(config.getCurrentCluster()?.caData ?? '', 'base64').toString(), cert);
  }
});

test('the kubelet finds certificate and token by their files, so that its kubeconfig holds no secret', async () => {
  const dataDir = folder();
  const { token, viewerToken, nodeToken, cert } = await ensureLocalAccess(dataDir, '127.0.0.1');
  assert.equal(new Set([token, viewerToken, nodeToken]).size, 3);
  const text = kubeletKubeconfig(dataDir, 'https://127.0.0.1:6444', 'edge-1');
  for (const secret of [token, viewerToken, nodeToken]) assert.ok(!text.includes(secret));
  const config = new KubeConfig();
  config.loadFromString(text);
  assert.equal(readFileSync(parse(text).users[0].user.tokenFile, 'utf8').trim(), nodeToken);
  assert.equal(readFileSync(config.getCurrentCluster()?.caFile ?? '', 'utf8'), cert);
});

test('tokens that were rotated are told once, and all of them', async () => {
  const dataDir = folder();
  const access = await ensureLocalAccess(dataDir, '127.0.0.1');
  assert.equal(access.changedTokens(), undefined);
  const rotated = rotateTokens(dataDir);
  assert.equal(new Set([...Object.values(rotated), access.token, access.viewerToken, access.nodeToken]).size, 6);
  assert.deepEqual(access.changedTokens(), rotated);
  assert.equal(access.changedTokens(), undefined);
  writeFileSync(join(dataDir, 'viewer.token'), 'half of i');
  assert.equal(access.changedTokens(), undefined);
});
