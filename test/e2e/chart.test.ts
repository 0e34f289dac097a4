import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { JsonObject } from '@hawser/protocol';
import { CHART, ROOT } from '../../scripts/chart/helm.ts';
import { accountWith, ask } from '../chart/administrator.ts';
import { emptyCluster, folderFor, publish } from '../chart/cluster.ts';
import { everything, isUnexpected } from '../chart/contents.ts';
import { helmClient } from '../chart/helm-client.ts';
import { joinLine } from '../chart/notes.ts';
import { type Replica, specOf, startReplica } from '../chart/replicas.ts';
import { freshAddress, startService } from '../chart/service.ts';
import { canConfine } from '../support/confined.ts';
import { relayExecutable } from '../support/executables.ts';
import { severalHelms } from '../support/helm.ts';
import { severalKubectls } from '../support/kubectl.ts';
import { writePem } from '../support/pki.ts';
import { runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { commandsFor, configMap, nodeReady, podInCloud, podOn } from './harness.ts';

const NAMESPACE = 'hawser-system';
const LINK_PORT = 8443;
const MANIFESTS = join(ROOT, 'deploy', 'manifests');

const { found, missing } = await severalHelms();
const [helm3, ...others] = found;
if (missing.length > 0 && process.env.CI) throw new Error(missing.join('\n'));
const skip = helm3 === undefined ? missing.join('; ') : false;

const valuesFor = (address: string) => ({
  image: { repository: 'registry.example/hawser-relay' },
  settings: {
    link: { names: [address] },
    enroll: { relays: [`wss://${address}:${LINK_PORT}`] },
    // The Service of this test notices at once.
    drainNoticeSeconds: 0,
  },
});

test('a walk through the chart: installed, running with its own rights alone, joined as its notes say, upgraded, rolled back, removed', {
  timeout: 480_000,
  skip,
}, async (t) => {
  if (helm3 === undefined) return;
  if (!canConfine() && !process.env.CI) return t.skip('this kernel gives no namespace of mounts, as root or otherwise');
  const bundles = await commandsFor(t);
  const relay = await relayExecutable();
  const folder = await folderFor(t);
  const cluster = await emptyCluster(t, folder);
  const { server, kube, kubeconfig } = cluster;
  const helm = helmClient(helm3, kubeconfig, folder, NAMESPACE);
  const address = freshAddress();
  const service = await startService(address, LINK_PORT);
  t.after(() => service.close());
  const running = new Map<string, Replica>();
  t.after(() => Promise.all([...running.values()].map(({ process }) => process.kill())));
  const before = await everything(kube);

  const start = async (name: string): Promise<Replica> => {
    const replica = await startReplica({ server, kube, namespace: NAMESPACE, program: relay, folder }, name);
    assert.ok(replica, 'this kernel gives no namespace of mounts, as root or otherwise');
    running.set(name, replica);
    return replica;
  };
  const published = () => publish(kube, NAMESPACE, service, [...running.values()]);

  const notes = await helm('install', { args: [CHART, '--create-namespace'], values: valuesFor(address) });
  const installed = await specOf(kube, NAMESPACE);

  await t.test('as many replicas as the Deployment says become ready by its own probes', async () => {
    const all = await Promise.all(Array.from({ length: installed.replicas }, (_, i) => start(`hawser-relay-a${i}`)));
    assert.equal(all.length, 2);
    for (const replica of all) {
      await replica.ready();
      assert.deepEqual(
        replica.process.lines.filter(({ msg }) => msg === 'variables that are no settings'),
        [],
      );
    }
    await published();
  });

  const device = (node: string) => ['--data-dir', join(folder, node)];
  await t.test('devices join by the command that the notes print, and pods reach them through the Service', async () => {
    for (const node of ['edge-1', 'edge-2']) {
      const words = await joinLine(notes, node, bundles.relay, kubeconfig);
      const joined = await runCommand({ name: 'hawser-agent join', args: [bundles.agent, ...words, ...device(node)] });
      assert.equal(joined.code, 0, joined.stderr);
      const agent = startProcess({ name: node, args: [bundles.agent, 'run', ...device(node), '--api-port', '0'] });
      t.after(() => agent.kill());
      await agent.line('its start', ({ msg }) => msg === 'agent started');
    }
    await kube.create(configMap('settings', { colour: 'red' }));
    for (const node of ['edge-1', 'edge-2']) {
      await nodeReady(kube, node);
      await kube.create(podOn(node, `web-${node}`, { configMaps: ['settings'] }));
      await podInCloud(kube, `web-${node}`, ({ phase }) => phase === 'Running');
    }
  });

  await t.test(
    "whoever has the chart's ClusterRole for viewers is told of the devices by each replica, and nobody else",
    async () => {
      const viewer = await accountWith(kube, 'viewer', { name: 'hawser-viewer', namespace: NAMESPACE });
      const nobody = await accountWith(kube, 'nobody');
      const data = (await kube.get('configmaps', NAMESPACE, 'hawser-ca'))?.data;
      const ca = Object.values((data ?? {}) as Record<string, string>).filter((text) => text.includes('BEGIN CERTIFICATE'));
      for (const replica of running.values()) {
        assert.equal((await ask(replica, '/hawser/nodes', nobody, ca.join('\n'))).status, 403);
        assert.equal((await ask(replica, '/hawser/nodes', viewer, ca.join('\n'))).status, 200);
      }
      const config = await writePem(folder, 'viewer.kubeconfig', server.kubeconfig({ name: 'viewer', token: viewer }));
      const words = ['nodes', '--namespace', NAMESPACE, '--kubeconfig', config];
      const { code, stdout, stderr } = await runCommand({ name: 'hawser-relay nodes', args: [bundles.relay, ...words] });
      assert.equal(code, 0, stderr);
      for (const node of ['edge-1', 'edge-2']) assert.match(stdout, new RegExp(`^${node} .*hawser-relay-a[01]`, 'm'));
    },
  );

  await t.test('in a pod, with the token of its own ServiceAccount, the relay tells of all devices, and of one', async () => {
    const [replica] = running.values();
    assert.ok(replica);
    const all = await replica.exec('nodes');
    assert.deepEqual([all.code, all.stderr], [0, '']);
    for (const node of ['edge-1', 'edge-2']) assert.match(all.stdout, new RegExp(`^${node} .*hawser-relay-a[01]$`, 'm'));
    const one = await replica.exec('node', 'edge-1');
    assert.deepEqual([one.code, one.stderr], [0, '']);
    assert.match(one.stdout, /^Replica: +hawser-relay-a[01]$/m);
    // To look is all that a relay may.
    const changing = await replica.exec('log-level', 'debug');
    assert.equal(changing.code, 1);
    assert.match(changing.stderr, /403: "system:serviceaccount:hawser-system:hawser-relay" may not update/);
  });

  await t.test('the relay asked for no right that the chart does not give it', () => {
    const { used, denied } = server.relayRights();
    assert.deepEqual(denied, []);
    assert.ok(
      used.includes('patch secrets') && used.includes('create authentication.k8s.io/tokenreviews') && used.includes('watch pods'),
      used.join(', '),
    );
  });

  await t.test('a replica whose event loop does not turn is not live, and is again when it turns', async () => {
    const [replica] = running.values();
    assert.ok(replica);
    replica.signal('SIGSTOP');
    try {
      await assert.rejects(replica.probe('livenessProbe'), { name: 'TimeoutError' });
    } finally {
      replica.signal('SIGCONT');
    }
    await until('an answer', 60_000, undefined, async () => {
      const answer = await replica.probe('livenessProbe').catch(() => undefined);
      return answer?.status === 200;
    });
  });

  await t.test('an upgrade with another setting makes other pods, one after the other, and devices go on', async () => {
    await helm('upgrade', { args: [CHART, '--reset-then-reuse-values'], values: { settings: { replica: { renewSeconds: 3 } } } });
    const upgraded = await specOf(kube, NAMESPACE);
    assert.notDeepEqual(upgraded.template, installed.template);
    for (const [name, older] of [...running]) {
      const fresh = await start(name.replace('-a', '-b'));
      await fresh.ready();
      const lease = await kube.get('coordination.k8s.io/leases', NAMESPACE, `relay-${fresh.name}`);
      assert.equal((lease?.spec as JsonObject | undefined)?.leaseDurationSeconds, 9, 'three times what the setting says');
      running.delete(name);
      await published();
      await older.stop();
    }
    await kube.create(podOn('edge-1', 'later', { configMaps: ['settings'] }));
    await podInCloud(kube, 'later', ({ phase }) => phase === 'Running', 60_000);
    assert.deepEqual(server.relayRights().denied, []);
  });

  await t.test('without one of its rights a replica is not ready, and says which; with it, it is', async () => {
    const id = 'rbac.authorization.k8s.io/clusterroles';
    const role = await kube.get(id, '', 'hawser-relay');
    const rules = role?.rules as unknown as { resources?: string[] }[];
    const [name] = [...running.keys()];
    await running.get(name ?? '')?.stop();
    running.delete(name ?? '');
    await kube.patch(id, '', 'hawser-relay', {
      rules: rules.filter(({ resources = [] }) => !resources.includes('runtimeclasses')),
    });
    const replica = await start('hawser-relay-c0');
    await replica.process.line('its start', ({ msg }) => msg === 'relay listening');
    await until('the missing right', 60_000, undefined, async () =>
      server.relayRights().denied.some((right) => right.endsWith(' node.k8s.io/runtimeclasses')),
    );
    // The API server has refused it before the relay knows so.
    await until('the right by its name', 60_000, undefined, async () => {
      const { status, text } = await replica.probe('readinessProbe');
      assert.equal(status, 503);
      return text.includes('runtimeclasses');
    });
    assert.equal((await replica.probe('livenessProbe')).status, 200);
    await kube.patch(id, '', 'hawser-relay', { rules });
    await replica.ready();
  });

  await t.test('a rollback is what was installed', async () => {
    await helm('rollback');
    assert.deepEqual(await specOf(kube, NAMESPACE), installed);
  });

  await t.test('what is left after an uninstall is what the README of the chart says', async () => {
    await helm('uninstall');
    for (const replica of running.values()) await replica.stop();
    const left = [...(await everything(kube))].filter((name) => !before.has(name));
    assert.deepEqual(left.filter(isUnexpected), []);
    assert.ok(left.includes('secrets hawser-system/hawser-ca'));
  });
});

for (const helm of others) {
  test(`Helm ${helm.version} installs, upgrades, rolls back and removes the chart`, { timeout: 240_000 }, async (t) => {
    const folder = await folderFor(t);
    const { kube, kubeconfig } = await emptyCluster(t, folder);
    const before = await everything(kube);
    const client = helmClient(helm, kubeconfig, folder, NAMESPACE);
    await client('install', { args: [CHART, '--create-namespace'], values: valuesFor('relay.example') });
    const installed = await specOf(kube, NAMESPACE);
    await client('upgrade', {
      args: [CHART, '--reset-then-reuse-values'],
      values: { settings: { logLevel: 'debug' }, replicaCount: 3 },
    });
    const upgraded = await specOf(kube, NAMESPACE);
    assert.equal(upgraded.replicas, 3);
    assert.notDeepEqual(upgraded.template, installed.template);
    await client('rollback');
    assert.deepEqual(await specOf(kube, NAMESPACE), installed);
    await client('uninstall');
    const left = [...(await everything(kube))].filter((name) => !before.has(name));
    assert.deepEqual(left.sort(), [
      `configmaps ${NAMESPACE}/kube-root-ca.crt`,
      `namespaces /${NAMESPACE}`,
      `serviceaccounts ${NAMESPACE}/default`,
    ]);
  });
}

test('the plain manifests are applied by both versions of kubectl, again without a change, and removed', {
  timeout: 240_000,
}, async (t) => {
  const kubectls = await severalKubectls();
  if (kubectls.missing.length > 0 && process.env.CI) throw new Error(kubectls.missing.join('\n'));
  const folder = await folderFor(t);
  const { kube, kubeconfig } = await emptyCluster(t, folder);
  const before = await everything(kube);
  for (const { file, version } of kubectls.found) {
    const run = async (...args: string[]) =>
      (await promisify(execFile)(file, ['--kubeconfig', kubeconfig, '--cache-dir', join(folder, version), ...args])).stdout;
    const created = (await run('apply', '-f', MANIFESTS)).trim().split('\n');
    assert.ok(created.length >= 15 && created.every((line) => line.endsWith(' created')), created.join('\n'));
    const again = (await run('apply', '-f', MANIFESTS)).trim().split('\n');
    assert.deepEqual(
      // Of a budget kubectl always sends the selector, which is replaced whole.
      again.filter((line) => !line.endsWith(' unchanged') && !line.startsWith('poddisruptionbudget')),
      [],
    );
    await run('apply', '-f', join(MANIFESTS, 'optional', 'as-node-older.yaml'));
    const role = await kube.get('rbac.authorization.k8s.io/clusterroles', '', 'hawser-relay-as-node');
    assert.ok(JSON.stringify(role?.rules).includes('"impersonate"'));
    // The namespace takes with it what is in it.
    await run('delete', '--ignore-not-found', '-f', MANIFESTS);
    assert.deepEqual(await everything(kube), before);
  }
});
