import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';
import { startHttpProxy } from '../../../../test/net/http-proxy.ts';
import { type CertificateAuthority, type CertificatePair, createAuthority } from '../../../../test/support/pki.ts';
import { NODE, ROOT } from '../../../../test/support/processes.ts';
import { createIdentityFolder } from '../../enroll/index.ts';
import { storePath } from '../../ops/paths.ts';
import { openStore } from '../../store/index.ts';
import { CLUSTER, silent, storageKey, temporaryFolder, testObject, upsert } from '../../store/testing.ts';
import { cli, unlinkedAgent } from '../testing.ts';
import type { DoctorReport } from './index.ts';

interface Device {
  readonly dataDir: string;
  readonly authority: CertificateAuthority;
}

/** A device that has joined and whose agent has run, as it lies there. */
async function device(t: TestContext, begins = new Date(Date.now() - 60_000)): Promise<Device> {
  const dataDir = join(temporaryFolder(t), 'data');
  const authority = await createAuthority('hawser-relays');
  const identity = createIdentityFolder({ dataDir, logger: silent });
  const spki = createPublicKey(identity.requestKey()).export({ type: 'spki', format: 'der' });
  identity.writeJoined({
    nodeName: 'truck-1',
    relays: ['wss://127.0.0.1:1'],
    certificates: [new X509Certificate(await authority.certifyNode('truck-1', spki, 30 * 86_400, begins))],
    authorities: [new X509Certificate(authority.certificatePem)],
  });
  const store = openStore({ path: storePath(dataDir), logger: silent, clock: { now: () => new Date() } });
  store.bindCluster(CLUSTER);
  const keys = Array.from({ length: 200 }, (_, index) => storageKey('configmaps', `settings-${index}`));
  store.applyBatch(
    CLUSTER,
    keys.map((key) => upsert(key, '7', testObject(key, `uid-${key.name}`, { data: { text: 'x'.repeat(2_000) } }))),
  );
  store.close();
  return { dataDir, authority };
}

async function doctor(dataDir: string, ...args: string[]): Promise<{ code: number; report: DoctorReport; err: string }> {
  const { code, out, err } = await cli(['doctor', '-o', 'json', '--data-dir', dataDir, '--api-port', '0', ...args]);
  return { code, report: JSON.parse(out), err };
}

/** What stands there about that, as `level text → remedy`. */
function told({ findings }: DoctorReport, check: string, subject?: string): string[] {
  return findings
    .filter((finding) => finding.check === check && (subject === undefined || finding.subject === subject))
    .map(({ level, text, remedy }) => `${level} ${text}${remedy === null ? '' : ` → ${remedy}`}`);
}

/** Speaks TLS, and nothing after it. */
async function tlsServer(t: TestContext, pair: CertificatePair): Promise<string> {
  const server = createServer({ cert: pair.certificatePem, key: pair.keyPem }, (socket) => {
    socket.on('error', () => {}).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `wss://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('relays at a dead port, under a wrong name, behind a stranger’s TLS and without a name in DNS are told apart', async (t) => {
  const { dataDir, authority } = await device(t);
  const inspection = await createAuthority('Corporate TLS Inspection');
  const [dead, nameless] = ['wss://127.0.0.1:1', 'wss://relay.invalid:8443'];
  const wrongName = await tlsServer(t, await authority.issueServer({ commonName: 'relay', hosts: ['relay.example'] }));
  const stranger = await tlsServer(t, await inspection.issueServer({ commonName: 'relay' }));
  const { code, report } = await doctor(dataDir, '--relay-urls', [dead, wrongName, stranger, nameless].join(','));
  assert.deepEqual([code, report.ok], [1, false]);
  assert.match(told(report, 'tcp', dead)[0] ?? '', /^problem 127\.0\.0\.1:1 refuses connections.* → is the port right/);
  assert.match(told(report, 'tls', dead)[0] ?? '', /^unseen/);
  assert.match(told(report, 'tcp', wrongName)[0] ?? '', /^ok 127\.0\.0\.1:\d+ in/);
  assert.match(
    told(report, 'tls', wrongName)[0] ?? '',
    /^problem its certificate is not for 127\.0\.0\.1: it is for DNS:relay\.example →/,
  );
  assert.match(
    told(report, 'tls', stranger)[0] ?? '',
    /^problem somebody else answers: it shows CN=relay, issued by CN=Corporate TLS Inspection; .* → a box on the way/,
  );
  assert.match(told(report, 'dns', 'relay.invalid')[0] ?? '', /^problem does not resolve \(/);
  assert.match(told(report, 'tcp', nameless)[0] ?? '', /^unseen its name does not resolve/);
  // No agent runs, so a greeting was tried with each.
  assert.match(told(report, 'link')[0] ?? '', /^problem /);
  assert.match(told(report, 'store')[0] ?? '', /^ok whole: 200 objects/);
  assert.match(told(report, 'certificate')[0] ?? '', /^ok truck-1, ends .*, renewed from/);
  assert.match(told(report, 'disk')[0] ?? '', /^(ok|note) is written and synced in/);
});

test('a proxy that refuses is told of once, with the way out, and its password nowhere', async (t) => {
  const { dataDir } = await device(t);
  const proxy = await startHttpProxy({ conduct: 'refuses' });
  const before = process.env.HTTPS_PROXY;
  t.after(async () => {
    if (before === undefined) delete process.env.HTTPS_PROXY;
    else process.env.HTTPS_PROXY = before;
    await proxy.close();
  });
  process.env.HTTPS_PROXY = proxy.url.replace('http://', 'http://user:tell-nobody@');
  const { code, report } = await doctor(dataDir, '--relay-urls', 'wss://relay.example:8443');
  assert.equal(code, 1);
  assert.match(
    told(report, 'proxy')[0] ?? '',
    /^problem the proxy 127\.0\.0\.1:\d+ lets nobody connect to relay\.example:8443 \(HTTP 403\) → its operator/,
  );
  assert.match(told(report, 'dns')[0] ?? '', /^ok is looked up by the proxy/);
  assert.match(told(report, 'tcp')[0] ?? '', /^unseen/);
  assert.ok(!JSON.stringify(report).includes('tell-nobody'));
});

test('a certificate of the past and a damaged store are found', async (t) => {
  const { dataDir } = await device(t, new Date('2025-01-01T00:00:00Z'));
  const path = storePath(dataDir);
  const bytes = readFileSync(path);
  // Headers of pages in the middle: what SQLite looks at, and reads only when it comes to them.
  for (let page = 10; page < 60; page += 1) bytes.fill(0xa5, page * 4_096, page * 4_096 + 100);
  writeFileSync(path, bytes);
  const { code, report, err } = await doctor(dataDir);
  assert.equal(code, 1);
  assert.match(told(report, 'certificate')[0] ?? '', /^problem truck-1, ends 2025-01-31T.*: it has ended .* ago → /);
  assert.match(told(report, 'store')[0] ?? '', /^problem is damaged: .* → restart the agent/);
  assert.match(err, /^hawser-agent: \d problems\n$/);
});

test('files that others can reach are told with the command that mends it, which does', async (t) => {
  const { dataDir } = await device(t);
  const identity = join(dataDir, 'identity');
  chmodSync(identity, 0o755);
  const { report } = await doctor(dataDir);
  const [modes] = told(report, 'certificate');
  assert.equal(modes, `problem ${identity} has mode 0755 and may hold secrets: others must not reach it → chmod 700 ${identity}`);
  assert.equal(spawnSync('sh', ['-c', modes?.split(' → ')[1] ?? 'false']).status, 0);
  assert.match(told((await doctor(dataDir)).report, 'certificate')[0] ?? '', /^ok/);
});

test('a user who may not look is told so, and what cannot be seen is not told as wrong', async (t) => {
  const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const program = join(ROOT, 'edge/src/main.ts');
  if (spawnSync('setpriv', [...nobody, 'test', '-r', program]).status !== 0) {
    return t.skip('this takes root, and a clone that others may read');
  }
  const { dataDir } = await device(t);
  chmodSync(join(dataDir, '..'), 0o755);
  const args = [...nobody, NODE, program, 'doctor', '-o', 'json'];
  const { status, stdout, stderr } = spawnSync('setpriv', [...args, '--data-dir', dataDir], { cwd: ROOT, encoding: 'utf8' });
  assert.equal(status, 1, stderr);
  const report: DoctorReport = JSON.parse(stdout);
  assert.match(
    told(report, 'agent')[0] ?? '',
    /^problem this user may not look into .* → run it as the user of the agent or as root/,
  );
  for (const check of ['certificate', 'link', 'store', 'api']) assert.match(told(report, check)[0] ?? '', /^unseen/, check);
});

test('a folder that is mounted read-only is told of', async (t) => {
  const { dataDir } = await device(t);
  const ways = [[], ['--user', '--map-root-user']].map((more) => ['unshare', ...more, '--mount', '--propagation', 'private']);
  const way = ways.find(([command = '', ...args]) => spawnSync(command, [...args, 'true']).status === 0);
  if (way === undefined) return t.skip('this system gives no namespace of mounts');
  const script = `mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" edge/src/main.ts doctor -o json --data-dir "$1" --api-port 0`;
  const [command = '', ...args] = [...way, 'sh', '-c', script, 'sh', dataDir, NODE];
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  assert.equal(status, 1, stderr);
  assert.match(told(JSON.parse(stdout), 'disk')[0] ?? '', /^problem is read-only → mount it writable/);
  assert.match(told(JSON.parse(stdout), 'store')[0] ?? '', /^ok whole: 200 objects/);
});

test('beside a running agent its word is taken for the link, and its API is asked', async (t) => {
  const { dataDir, settings, agent } = await unlinkedAgent(t);
  const { tls, relay } = settings;
  const files = ['--tls-cert', tls.cert ?? '', '--tls-key', tls.key ?? '', '--tls-ca', tls.ca ?? ''];
  const { report } = await doctor(dataDir, ...files, '--relay-urls', relay.urls?.join(',') ?? '');
  assert.match(told(report, 'agent')[0] ?? '', /pid \d+|the agent that runs is/);
  assert.match(told(report, 'link')[0] ?? '', /^(problem down: 127\.0\.0\.1:1 refuses|unseen the running agent is)/);
  // The first sync never came.
  assert.match(told(report, 'api', agent.localApi)[0] ?? '', /^problem is not ready: .*the first sync/);
  assert.match(told(report, 'kubelet')[0] ?? '', /^ok none is run by the agent/);
});

test('it is text for people, ends with 2 for settings that are wrong, and with 130 where it is interrupted', async (t) => {
  const { dataDir } = await device(t);
  const { code, out } = await cli(['doctor', '--data-dir', dataDir, '--api-port', '0']);
  assert.equal(code, 1);
  assert.match(
    out,
    /^problem {2}tcp {10}wss:\/\/127\.0\.0\.1:1: 127\.0\.0\.1:1 refuses connections.*\n {22}→ is the port right/m,
  );
  assert.match(out, /^ok {7}store {8}\/.*agent\.db: whole: /m);
  const wrong = await cli(['doctor', '--data-dir', dataDir, '--workload', 'docker']);
  assert.equal(wrong.code, 2);
  const interrupted = await cli(['doctor', '--data-dir', dataDir], { interrupted: () => AbortSignal.abort() });
  assert.deepEqual([interrupted.code, interrupted.out], [130, '']);
});
