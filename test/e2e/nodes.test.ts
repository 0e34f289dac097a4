import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { createServer } from 'node:tls';
import { runCli } from '../../cloud/src/ops/cli.ts';
import { embeddedOnly } from '../kubernetes/which.ts';
import type { Fleet, FleetRelay } from '../support/fleet.ts';
import { createAuthority } from '../support/pki.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, podInCloud, podOn } from './harness.ts';
import { emptyOutbox } from './kubelet.ts';

const NAMESPACE = 'hawser-system';
const SLICES = 'discovery.k8s.io/endpointslices';

/** The slice that a cluster would make for one pod of the headless Service; ports differ here, as all have one address. */
function sliceOf(replica: string, port: number) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `hawser-relay-replicas-${replica}`,
      namespace: NAMESPACE,
      labels: { 'kubernetes.io/service-name': 'hawser-relay-replicas' },
    },
    addressType: 'IPv4',
    ports: [
      { name: 'ops', port: 1, protocol: 'TCP' },
      { name: 'admin', port, protocol: 'TCP' },
    ],
    endpoints: [{ addresses: ['127.0.0.1'], targetRef: { kind: 'Pod', name: replica } }],
  };
}

interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** `hawser-relay` as an administrator runs it, in this process. */
async function relayCommand(
  kubeconfig: string,
  args: readonly string[],
  on = { signal: new AbortController().signal, said: { out: '', error: '' } },
): Promise<Said> {
  const { signal, said } = on;
  const code = await runCli([...args, '--kubeconfig', kubeconfig], {
    version: '1',
    env: {},
    signal,
    write: (text) => {
      said.out += text;
    },
    writeError: (text) => {
      said.error += text;
    },
    run: () => assert.fail('no relay is run'),
  });
  return { code, ...said };
}

function relayAt(fleet: Fleet, index: number): FleetRelay {
  const relay = fleet.relays[index];
  assert.ok(relay);
  return relay;
}

test('an administrator sees the fleet over all replicas, one node, changes the log level; nobody else, and no stranger gets a token', async (t) => {
  const fleet = await fleetFor(t, {
    agents: ['edge-1', { node: 'edge-2', relay: 1 }],
    relays: 2,
    faults: true,
    identities: 'joined',
  });
  const { kube } = fleet;
  const [one, two] = [relayAt(fleet, 0), relayAt(fleet, 1)];
  for (const { name, adminPort } of [one, two]) await kube.create(sliceOf(name, adminPort));
  const command = (...args: string[]) => relayCommand(fleet.kubeconfig, args);

  await t.test('the table has each node with its replica, JSON the same in full', async () => {
    await kube.create(configMap('settings', { colour: 'red' }));
    await kube.create(podOn('edge-1', 'front', { configMaps: ['settings'] }));
    // Until nothing is on its way any more: a change would be a moment of syncing in what the tests see of the devices.
    await podInCloud(kube, 'front', ({ phase }) => phase === 'Running');
    for (const agent of fleet.agents) await emptyOutbox(agent);
    const { code, out, error } = await until('both to be in sync', 60_000, undefined, async () => {
      const said = await command('nodes');
      return said.out.match(/inSync/g)?.length === 2 ? said : undefined;
    });
    assert.deepEqual([code, error], [0, '']);
    assert.match(
      out,
      /^NODE +STATE +SINCE +LAG +SENT +RECEIVED +VERSION +REPLICA\nedge-1 +inSync +\d+s .* relay-1\nedge-2 +inSync .* relay-2\n$/,
    );
    const rows = JSON.parse((await command('nodes', 'edge-2', '-o', 'json')).out);
    assert.deepEqual([rows.length, rows[0].node, rows[0].replica, rows[0].state], [1, 'edge-2', 'relay-2', 'inSync']);
    assert.ok(rows[0].sentBytes > 0 && Date.parse(rows[0].since) <= Date.now());
    assert.equal((await command('nodes', '--state', 'down')).out, '');
  });

  await t.test('where one replica alone is asked, the nodes of the other are unknown, not down', async () => {
    const alone = ['--replica', `https://127.0.0.1:${one.adminPort}`];
    const { code, out } = await command('nodes', ...alone);
    assert.equal(code, 0);
    assert.match(out, /\nedge-1 +inSync .* relay-1\nedge-2 +unknown .* relay-2\n$/);
    const node = await command('node', 'edge-2', ...alone);
    assert.match(node.out, /^State: +unknown: its replica does not answer, or was not asked$/m);
  });

  await t.test('one node is told with its objects, and what its agent says of itself', async () => {
    // What the pod says of itself comes back as a change of its own.
    const { code, out, error } = await until('all of the node’s objects known', 60_000, undefined, async () => {
      const said = await command('node', 'edge-1');
      return /^State: +inSync$/m.test(said.out) && /^pods +1 +1 +0$/m.test(said.out) ? said : undefined;
    });
    assert.deepEqual([code, error], [0, '']);
    assert.match(out, /^Replica: +relay-1$/m);
    assert.match(out, /^Refused in this session: nothing$/m);
    assert.match(out, /^Outbox: +(empty|\d+ entries)/m);
    assert.match(out, /^Workload: +hollow$/m);
    const { report } = JSON.parse((await command('node', 'edge-1', '-o', 'json')).out);
    assert.ok(report.device.storeBytes > 0 && report.device.freeBytes > 0);
    assert.ok(Math.abs(Date.parse(report.device.time) - Date.now()) < 60_000);
    assert.deepEqual(report.session.features, ['delta', 'deviceState']);
    const nobody = await command('node', 'edge-9');
    assert.deepEqual([nobody.code, nobody.out], [1, '']);
    assert.match(nobody.error, /edge-9: no replica, Lease or record of a device knows of it/);
  });

  await t.test(
    'a token that is worth nothing, a user without the right, and a cluster that does not answer are told apart',
    async () => {
      const ca = join(fleet.dir, 'published-ca.crt');
      const data = (await kube.get('configmaps', NAMESPACE, 'hawser-ca'))?.data as Record<string, string>;
      await writeFile(ca, data['ca.crt'] ?? '');
      const wrong = join(fleet.dir, 'wrong.kubeconfig');
      await writeFile(wrong, (await readFile(fleet.kubeconfig, 'utf8')).replace(/token: .*/, 'token: wrong'), { mode: 0o600 });
      const direct = ['nodes', '--replica', `https://127.0.0.1:${one.adminPort}`, '--ca', ca];
      const unknown = await relayCommand(wrong, direct);
      assert.equal(unknown.code, 1);
      assert.match(unknown.error, /does not answer: 401: the cluster does not know this token/);
      await kube.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'visitor', namespace: NAMESPACE } });
      const visitor = ['--as-service-account', 'visitor'];
      const refused = await command('nodes', ...visitor);
      assert.equal(refused.code, 1);
      assert.match(
        refused.error,
        /replica relay-1 .* 403: "system:serviceaccount:hawser-system:visitor" may not get the path \/hawser\/nodes/,
      );
      assert.match(refused.error, /replica relay-2 .* 403/);
    },
  );

  await t.test('a replica that cannot ask who a token is from says so', { skip: embeddedOnly('faults') }, async () => {
    await fleet.fault({
      do: 'add',
      pathPrefix: '/apis/authentication.k8s.io/v1/tokenreviews',
      fault: { type: 'answer', status: 503 },
      times: 2,
    });
    const unasked = await command('nodes', '--as-service-account', 'visitor');
    assert.equal(unasked.code, 1);
    assert.equal(unasked.error.match(/503: who the token is from could not be asked/g)?.length, 2, unasked.error);
  });

  await t.test('a stranger at an address of the Service is named, and shown nothing', async () => {
    const pair = await (await createAuthority('stranger')).issueServer({ commonName: 'hawser-relay', hosts: ['127.0.0.1'] });
    const heard: Buffer[] = [];
    const stranger = createServer({ cert: pair.certificatePem, key: pair.keyPem }, (socket) =>
      socket.on('data', (bytes) => heard.push(bytes)),
    );
    stranger.on('tlsClientError', () => undefined);
    stranger.listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    await kube.create(sliceOf('relay-9', (stranger.address() as AddressInfo).port));
    const { code, out, error } = await command('nodes');
    assert.equal(code, 1);
    assert.match(error, /replica relay-9 \(127\.0\.0\.1:\d+\) does not answer: it is not verified, and was not shown the token/);
    assert.equal(out.match(/inSync/g)?.length, 2, 'the others are listed');
    assert.deepEqual(heard, []);
    await kube.remove(SLICES, NAMESPACE, 'hawser-relay-replicas-relay-9');
    stranger.close();
  });

  await t.test('the log level of all replicas changes while they run, their logs say so, and back', async () => {
    const { out } = await command('log-level', 'debug');
    assert.match(out, /^REPLICA +LEVEL +SET\nrelay-1 +debug +info\nrelay-2 +debug +info\n$/);
    await two.process().line('the change', ({ msg, to }) => msg === 'log level changed' && to === 'debug');
    assert.match((await command('log-level', '--reset')).out, /relay-1 +info +info\nrelay-2 +info +info\n$/);
    assert.equal((await command('log-level', 'loud')).code, 2);
  });

  await t.test(
    'a watch goes on when a replica is killed, and says what became of its nodes; ended, it leaves nothing open',
    async () => {
      const ending = new AbortController();
      const said = { out: '', error: '' };
      const watching = relayCommand(fleet.kubeconfig, ['nodes', '-w'], { signal: ending.signal, said });
      await until('the table', 60_000, undefined, async () => said.out.includes('edge-2'));
      await two.process().kill();
      await until('the lost replica', 60_000, undefined, async () => /^edge-2 +unknown .* relay-2$/m.test(said.out));
      assert.match(said.error, /replica relay-2 \(127\.0\.0\.1:\d+\) does not answer: .*; it is asked again/);
      await fleet.agents[0]?.process().stop();
      await until('the device that was ended', 60_000, undefined, async () => /^edge-1 +down .* relay-1$/m.test(said.out));
      ending.abort();
      assert.equal((await watching).code, 0);
      const { code, out, error } = await command('nodes');
      assert.equal(code, 1);
      assert.match(error, /replica relay-2 .* does not answer: .*ECONNREFUSED/);
      assert.match(out, /^edge-1 +down .* relay-1\nedge-2 +unknown .* relay-2\n$/m);
      const gone = await until('the last word of its replica', 60_000, undefined, async () => {
        const told = await command('node', 'edge-1');
        return /^Link: +down since 20/m.test(told.out) ? told : undefined;
      });
      assert.match(gone.out, /^Device: +enrolled, joined /m);
    },
  );
});
