import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { createAuthority, issueNodeCertificate, writePair, writePem } from '../../../test/support/pki.ts';
import { runCommand, startProcess } from '../../../test/support/processes.ts';
import { AGENT_FACTS } from '../ops/facts.ts';
import { ensureLocalAccess } from '../ops/local-access/index.ts';
import { storePath } from '../ops/paths.ts';
import { keySourceOf, sealOf } from '../ops/store-key.ts';
import { openStore } from '../store/index.ts';
import { CLUSTER, silent, storageKey, testObject, upsert } from '../store/testing.ts';
import { SYNC_FACTS } from '../sync/index.ts';
import { requireOwner } from './kubeconfig.ts';

const SECRET_VALUE = 'not-for-everyones-eyes';
const ENCODED = Buffer.from(SECRET_VALUE).toString('base64');

let root = '';
let dataDir = '';

/** A data folder as an agent would leave it: some objects, their facts, the credentials of its API. */
before(async () => {
  root = mkdtempSync(join(tmpdir(), 'hawser-cli-'));
  dataDir = join(root, 'data');
  await ensureLocalAccess(dataDir, '127.0.0.1');
  const store = openStore({
    path: storePath(dataDir),
    seal: sealOf(keySourceOf(undefined, dataDir, undefined)),
    logger: silent,
    clock: { now: () => new Date() },
  });
  store.bindCluster(CLUSTER);
  const put = (resource: string, name: string, namespace: string, fields: Record<string, unknown>) => {
    const key = storageKey(resource, name, namespace);
    const object = testObject(key, `uid-${name}`, { metadata: { creationTimestamp: new Date().toISOString() }, ...fields });
    return upsert(key, '7', resource === 'secrets' ? { ...object, kind: 'Secret' } : object);
  };
  const container = { name: 'm', image: 'i' };
  const { nacks } = store.applyBatch(CLUSTER, [
    put('configmaps', 'settings', 'default', { data: { a: '1', b: '2' } }),
    put('secrets', 'key', 'default', { type: 'Opaque', data: { password: ENCODED } }),
    put('pods', 'web', 'shop', {
      spec: { nodeName: 'edge-1', containers: [container] },
      status: {
        phase: 'Running',
        podIP: '10.88.0.2',
        podIPs: [{ ip: '10.88.0.2' }],
        containerStatuses: [{ name: 'm', ready: true, restartCount: 3 }],
      },
    }),
    put('nodes', 'edge-1', '', { status: { conditions: [{ type: 'Ready', status: 'True' }] } }),
  ]);
  assert.deepEqual(nacks, []);
  store.setFacts({
    [SYNC_FACTS.lastSync]: '2026-01-01T00:00:00.000Z',
    [AGENT_FACTS.nodeName]: 'edge-1',
    [AGENT_FACTS.localApi]: 'https://127.0.0.1:6444',
    [AGENT_FACTS.link]: 'down',
    [AGENT_FACTS.linkRelay]: 'wss://relay:8443',
    [AGENT_FACTS.linkDetail]: 'refused: relay:8443 refuses connections',
  });
  const keep = (name: string, ageMs: number, fields: object) => {
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' }, ...fields });
    store.answers.put(storageKey('secrets', name), { type: 'found', readAt: Date.now() - ageMs, from: 'live', body });
  };
  keep('asked', 3 * 3_600_000, { data: { password: ENCODED } });
  const readAt = Date.now() - 5_000;
  store.answers.put(storageKey('secrets', 'gone'), { type: 'notFound', readAt, from: 'live', message: 'there was none' });
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'edge-2' } });
  store.answers.put(storageKey('nodes', 'edge-2', ''), { type: 'found', readAt: Date.now() - 90_000_000, from: 'live', body });
  store.close();
});

after(() => rmSync(root, { recursive: true, force: true }));

function agent(...args: string[]) {
  return runCommand({ name: 'hawser-agent', args: ['edge/src/main.ts', ...args] });
}

const inStore = (...args: string[]) => agent(...args, '--data-dir', dataDir);

test('get shows tables like kubectl, of one namespace or all', async () => {
  const all = await inStore('get', 'pods', '-A');
  assert.equal(all.stderr, '');
  assert.match(
    all.stdout,
    /^NAMESPACE {3}NAME {3}READY {3}STATUS {4}RESTARTS {3}AGE\nshop {8}web {4}1\/1 {5}Running {3}3 {10}\d+s\n$/,
  );
  assert.match((await inStore('get', 'po', '-n', 'shop', '-o', 'wide')).stdout, /IP .* NODE .*\n.*10\.88\.0\.2 +edge-1/);
  const none = await inStore('get', 'pods');
  assert.deepEqual([none.code, none.stdout, none.stderr], [0, '', 'No resources found in default namespace.\n']);
  assert.match((await inStore('get', 'nodes')).stdout, /^NAME {5}STATUS/);
  assert.match((await inStore('get', 'cm')).stdout, /settings +2 /);
});

test('get gives one object, or a List, as JSON and YAML', async () => {
  const one = await inStore('get', 'configmaps', 'settings', '-o', 'json');
  assert.deepEqual(JSON.parse(one.stdout).data, { a: '1', b: '2' });
  const list = parse((await inStore('get', 'configmap', '-o', 'yaml')).stdout);
  assert.equal(list.kind, 'List');
  assert.equal(list.items[0].metadata.name, 'settings');
});

test('values of Secrets are shown only when asked for', async () => {
  for (const output of ['table', 'wide', 'json', 'yaml']) {
    const { stdout } = await inStore('get', 'secrets', '-o', output);
    assert.ok(stdout.includes('key'));
    assert.ok(!stdout.includes(ENCODED) && !stdout.includes(SECRET_VALUE), output);
  }
  const shown = await inStore('get', 'secrets', 'key', '-o', 'json', '--show-secrets');
  assert.equal(JSON.parse(shown.stdout).data.password, ENCODED);
  const hidden = JSON.parse((await inStore('get', 'secrets', 'key', '-o', 'json')).stdout);
  assert.equal(hidden.data.password, `(${SECRET_VALUE.length} bytes hidden; --show-secrets shows them)`);
});

test('what is not there, and what nobody knows, are told with different exit codes', async () => {
  const absent = await inStore('get', 'configmaps', 'other', '-n', 'shop');
  assert.deepEqual([absent.code, absent.stdout], [1, '']);
  assert.equal(absent.stderr, 'hawser-agent: configmaps "other" not found on this device in the namespace shop\n');
  const unknown = await inStore('get', 'gizmos');
  assert.deepEqual(
    [unknown.code, unknown.stderr],
    [2, 'hawser-agent: unknown resource "gizmos": try pods, configmaps, secrets, services or nodes\n'],
  );
  assert.equal((await inStore('get', 'pods', 'web', '-A')).code, 2);
  assert.equal((await inStore('get')).code, 2);
  assert.equal((await inStore('get', 'pods', '-o', 'xml')).code, 2);
  assert.equal((await inStore('fetch')).code, 2);
});

test('without an agent query tells what the store has, where it is from and how old it is', async () => {
  const kept = await inStore('query', 'secrets', 'asked', '-o', 'json');
  assert.equal(kept.code, 0);
  assert.match(kept.stderr, /^The agent is not running: from its store\.\nKept on this device, as it was 3h\w* ago\.\n$/);
  assert.deepEqual(JSON.parse(kept.stdout).data, {
    password: `(${SECRET_VALUE.length} bytes hidden; --show-secrets shows them)`,
  });
  const shown = await inStore('query', 'secret/asked', '--show-secrets');
  assert.equal(parse(shown.stdout).data.password, ENCODED);
  const synced = await inStore('query', 'cm', 'settings', '-o', 'name');
  assert.deepEqual([synced.code, synced.stdout], [0, 'configmap/settings\n']);
  assert.match(synced.stderr, /\nSynced to this device, as it was \d+d ago\.\n$/);
});

test('query has an exit code for each thing that is no object', async () => {
  const gone = await inStore('query', 'secret', 'gone');
  assert.deepEqual([gone.code, gone.stdout], [3, '']);
  assert.match(
    gone.stderr,
    /secrets "gone" in the namespace default not found\nhawser-agent: Kept on this device, as it was \w+ ago\.\n$/,
  );
  const never = await inStore('query', 'persistentvolumes', 'disk', '-o', 'answer');
  assert.deepEqual([never.code, JSON.parse(never.stdout).type], [6, 'unknownOffline']);
  assert.match(
    never.stderr,
    /persistentvolumes "disk": not known without a link: nothing that the cloud has said about it is kept here/,
  );
  const old = await inStore('query', 'no', 'edge-2');
  assert.equal(old.code, 6);
  assert.match(old.stderr, /the last answer is 90\d{3} s old, and one about nodes serves for 86400 s/);
  assert.equal((await inStore('query', 'deployments', 'web')).code, 7);
});

test('query takes resources and names as kubectl does', async () => {
  const type = async (...args: string[]) => (await inStore('query', ...args)).code;
  for (const name of [
    'volumeattachments',
    'VolumeAttachment',
    'volumeattachments.storage.k8s.io',
    'volumeattachment.v1.storage.k8s.io',
  ]) {
    assert.equal(await type(name, 'a'), 6, name);
  }
  for (const wrong of [
    ['pv'],
    ['pv/a', 'b'],
    ['pv/a/b'],
    ['pv', 'a b'],
    ['gizmos', 'a'],
    ['pv', 'a', '--timeout', '5'],
    ['pv', 'a', '--timeout', '11m'],
  ]) {
    assert.equal(await type(...wrong), 2, wrong.join(' '));
  }
});

test('a store that is not there, or is none, is told and left alone', async () => {
  const missing = await agent('get', 'pods', '--data-dir', join(root, 'nothing'));
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /there is no store at .*nothing\/agent\.db.*--data-dir/);
  const folder = mkdtempSync(join(root, 'broken-'));
  writeFileSync(storePath(folder), 'this is no database\n'.repeat(100));
  const broken = await agent('status', '--data-dir', folder);
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /no SQLite database/);
});

test('the data folder may come from the environment or a file', async () => {
  const file = join(root, 'agent.yaml');
  writeFileSync(file, `dataDir: ${dataDir}\n`);
  assert.equal((await agent('get', 'nodes', '--config', file)).code, 0);
  const args = ['edge/src/main.ts', 'get', 'nodes'];
  assert.equal((await runCommand({ name: 'hawser-agent', args, env: { HAWSER_DATA_DIR: dataDir } })).code, 0);
  const unread = await agent('get', 'nodes', '--config', join(root, 'none.yaml'));
  assert.deepEqual([unread.code, /none\.yaml is not there/.test(unread.stderr)], [2, true]);
});

test('status tells of a stopped agent’s last run', async () => {
  const { code, stdout } = await inStore('status', '-o', 'json');
  const report = JSON.parse(stdout);
  assert.equal(code, 0);
  assert.deepEqual(
    { running: report.running, node: report.node, cluster: report.cluster, objects: report.objects, outbox: report.outbox },
    {
      ...{ running: false, node: 'edge-1', cluster: CLUSTER, objects: 4 },
      outbox: { entries: 0, bytes: 0, oldestSince: null, held: null, droppedEvents: 0, oldest: [] },
    },
  );
  assert.deepEqual(report.served, { configmaps: 1, nodes: 1, pods: 1, secrets: 1 });
  assert.deepEqual([report.link.state, report.link.detail], ['down', 'refused: relay:8443 refuses connections']);
  assert.ok(report.lastSyncAgeSeconds > 0);
  const text = (await inStore('status')).stdout;
  assert.match(text, /^Attention: +no agent runs: .*\nAgent: +not running\n/);
  assert.match(text, /\nLink: +down wss:\/\/relay:8443 \(the agent does not run\)\n +refused: relay:8443 refuses connections\n/);
});

test('kubeconfig is printed, with a warning when nobody would answer', async () => {
  const { code, stdout, stderr } = await inStore('kubeconfig');
  assert.equal(code, 0);
  assert.equal(parse(stdout).clusters[0].cluster.server, 'https://127.0.0.1:6444');
  assert.match(stderr, /Warning: the agent is not running/);
});

test('a kubeconfig is that of a viewer, with --write of the administrator, with --kubelet of the kubelet; --rotate ends the earlier ones', async () => {
  const tokenOf = async (...args: string[]) => parse((await inStore('kubeconfig', ...args)).stdout).users[0].user;
  const inFile = (file: string) => readFileSync(join(dataDir, file), 'utf8').trim();
  const [viewer, administrator] = [inFile('viewer.token'), inFile('api.token')];
  assert.deepEqual(await tokenOf(), { token: viewer });
  assert.deepEqual(await tokenOf('--write'), { token: administrator });
  assert.deepEqual(await tokenOf('--kubelet'), { tokenFile: join(dataDir, 'kubelet.token') });
  assert.deepEqual(await tokenOf('--rotate'), { token: inFile('viewer.token') });
  assert.notEqual(inFile('viewer.token'), viewer);
  assert.notEqual(inFile('api.token'), administrator);
  assert.equal((await inStore('kubeconfig', '--write', '--kubelet')).code, 2);
});

test('only root and the owner of the data folder get a kubeconfig', () => {
  const { uid } = statSync(dataDir);
  for (const user of [0, uid, undefined]) requireOwner(dataDir, user);
  assert.throws(() => requireOwner(dataDir, uid + 1), /belongs to the user \d+: only this user and root/);
});

test('version, helps and completions', async () => {
  assert.match((await agent('version')).stdout, /^hawser-agent \d+\.\d+\.\d+\n$/);
  const { code, stdout } = await agent('run', '--help');
  assert.equal(code, 0);
  assert.match(stdout, /Examples:\n {2}hawser-agent/);
  const bash = await agent('completion', 'bash');
  assert.match(bash.stdout, /complete -F _hawser_agent hawser-agent/);
  assert.match(bash.stdout, /"\/get"\) words=".*--show-secrets.*configmaps/);
  assert.match(bash.stdout, /"\/query"\) words=".*--timeout.*storageclasses/);
  assert.match(bash.stdout, /"\/get --output"\|"\/get -o"\) COMPREPLY=\(\$\(compgen -W "table wide json yaml" /);
  assert.match((await agent('completion', 'zsh')).stdout, /^autoload -U \+X bashcompinit/);
  assert.match((await agent('completion', 'fish')).stdout, /^function __hawser_agent_at$/m);
  assert.equal((await agent('completion', 'csh')).code, 2);
});

/** What `run` needs, with a relay that nobody is. */
async function runArgs(folder: string): Promise<string[]> {
  const authority = await createAuthority('test');
  const ca = await writePem(folder, 'ca.crt', authority.certificatePem);
  const pair = await writePair(folder, 'edge-7', await issueNodeCertificate(authority, 'edge-7'));
  return [
    ...['edge/src/main.ts', 'run', '--data-dir', join(folder, 'data'), '--relay-urls', 'wss://127.0.0.1:1'],
    ...['--tls-cert', pair.certificateFile, '--tls-key', pair.keyFile, '--tls-ca', ca],
  ];
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`run serves, can be asked from beside, and ends cleanly with ${signal}`, async (t) => {
    const folder = mkdtempSync(join(root, 'run-'));
    const running = startProcess({ name: 'agent', args: [...(await runArgs(folder)), '--api-port', '0'] });
    t.after(() => running.kill());
    const started = await running.line('its start', ({ msg }) => msg === 'agent started');
    assert.equal(started.node, 'edge-7');
    assert.equal(started.store, join(folder, 'data', 'agent.db'));
    assert.match(String(started.localApi), /^https:\/\/127\.0\.0\.1:\d+$/);
    const down = await running.line('the link down', ({ msg }) => msg === 'link down');
    assert.equal(down.kind, 'refused');
    const { stdout } = await agent('status', '-o', 'json', '--data-dir', join(folder, 'data'));
    const report = JSON.parse(stdout);
    assert.deepEqual([report.running, report.link.state, report.localApi], [true, 'down', started.localApi]);
    process.kill(running.pid, signal);
    assert.deepEqual(await running.exited, { code: 0, signal: null });
    assert.ok(running.lines.some(({ msg }) => msg === 'agent stopped'));
  });
}

test('run ends with 2 for settings that are wrong and with 1 for a port in use, and says why', async () => {
  const folder = mkdtempSync(join(root, 'bad-'));
  const args = await runArgs(folder);
  const run = (...more: string[]) => runCommand({ name: 'agent', args: [...args, ...more] });
  const settings = await run('--api-port', 'x', '--workload', 'docker');
  assert.equal(settings.code, 2);
  assert.match(settings.stderr, /^hawser-agent: api\.port: .* \(--api-port\)$/m);
  assert.match(settings.stderr, /^hawser-agent: workload: must be one of hollow, kubelet, none, not "docker" \(--workload\)$/m);
  const name = await run('--node-name', 'edge-8');
  assert.equal(name.code, 2);
  assert.match(name.stderr, /nodeName: is edge-8, but the certificate .* is for edge-7/);
  const file = await run('--tls-ca', join(folder, 'none.crt'));
  assert.deepEqual([file.code, /tls\.ca: the file .*none\.crt is not there/.test(file.stderr)], [2, true]);

  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const busy = await run('--api-port', String(port));
  taken.close();
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use.*set api\\.port to another`));
});
