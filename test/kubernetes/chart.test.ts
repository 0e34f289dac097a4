import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { JsonObject, KubeObject } from '@hawser/protocol';
import { parseAllDocuments } from 'yaml';
import { CHART, ROOT } from '../../scripts/chart/helm.ts';
import { accountWith, ask } from '../chart/administrator.ts';
import { everything, isUnexpected } from '../chart/contents.ts';
import { helmClient } from '../chart/helm-client.ts';
import { joinLine } from '../chart/notes.ts';
import { specOf } from '../chart/replicas.ts';
import { freshAddress, startService } from '../chart/service.ts';
import { startWorker, type Worker } from '../chart/worker.ts';
import { commandsFor, configMap, nodeReady, podInCloud, podOn } from '../e2e/harness.ts';
import { canConfine } from '../support/confined.ts';
import { relayExecutable } from '../support/executables.ts';
import { severalHelms } from '../support/helm.ts';
import { type KubeClient, kubeClient } from '../support/kube.ts';
import { severalKubectls } from '../support/kubectl.ts';
import { runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { ASKED_AS_PROBE, deniedByAudit } from './audit.ts';
import { startRealCluster } from './cluster.ts';
import { FILES } from './programs.ts';
import { clusterKind, VARIABLE, withoutPrograms } from './which.ts';

/**
 * The chart and the plain manifests on a real API server: its server-side apply, its controllers, its Node and RBAC authorizers. The worker's
 * kubelet is played, and the pods are processes.
 */

const NAMESPACE = 'hawser-system';
const LINK_PORT = 8443;
const MANIFESTS = join(ROOT, 'deploy', 'manifests');
/** The worker says once that it is alive. */
const GRACE_SECONDS = 86_400;
/** For Helm, which waits for the controllers and the relay's probes. */
const WAIT = ['--wait', '--timeout', '180s'];
const REUSE = '--reset-then-reuse-values';

const tools = clusterKind() === 'real' ? await severalHelms() : { found: [], missing: [] };

function reasonToSkip(): string | false {
  if (clusterKind() !== 'real') return `${VARIABLE}=real runs it`;
  if (tools.missing.length > 0) return tools.missing.join('; ');
  if (!canConfine()) return 'this kernel gives no namespace of mounts, as root or otherwise';
  return withoutPrograms();
}

interface Scene {
  readonly folder: string;
  readonly dir: string;
  readonly kube: KubeClient;
  readonly kubeconfig: string;
  readonly worker: Worker;
  /** Where devices dial. */
  readonly address: string;
  /** Ended before the cluster is. */
  readonly ending: (() => Promise<unknown>)[];
}

async function scene(t: TestContext): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-real-chart-'));
  const ending: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    try {
      for (const end of ending.toReversed()) await end();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  const dir = join(folder, 'cluster');
  const cluster = await startRealCluster({ dir, port: 0, bare: true, graceSeconds: GRACE_SECONDS });
  ending.push(() => cluster.stop());
  const kube = await kubeClient(cluster.kubeconfig);
  ending.push(async () => kube.close());
  const address = freshAddress();
  const service = await startService(address, LINK_PORT);
  ending.push(() => service.close());
  const program = await relayExecutable();
  const worker = await startWorker({ server: cluster, kube, namespace: NAMESPACE, program, folder, service });
  ending.push(() => worker.stop());
  return { folder, dir, kube, kubeconfig: cluster.kubeconfig, worker, address, ending };
}

/** What is for the age of this Kubernetes: no `policy/v1`. A Service of type LoadBalancer is never ready here, where no cloud gives addresses. */
function valuesFor(address: string) {
  return {
    image: { repository: 'registry.example/hawser-relay' },
    service: { type: 'NodePort' },
    podDisruptionBudget: { enabled: false },
    settings: {
      link: { names: [address] },
      enroll: { relays: [`wss://${address}:${LINK_PORT}`] },
      // The Service of this test notices at once.
      drainNoticeSeconds: 0,
    },
  };
}

/** The chart without its line on versions of Kubernetes. */
async function chartForAnyAge(folder: string): Promise<string> {
  const chart = join(folder, 'chart');
  await cp(CHART, chart, { recursive: true });
  const file = join(chart, 'Chart.yaml');
  const text = await readFile(file, 'utf8');
  const without = text.replace(/^kubeVersion: .*\n/m, '');
  assert.notEqual(without, text);
  await writeFile(file, without);
  return chart;
}

/** The plain manifests without the one object that this age lacks, each to a file of its own; impersonation in the form of this age. */
async function manifestsOfThisAge(folder: string): Promise<string> {
  const to = join(folder, 'manifests');
  await mkdir(to);
  const files = (await readdir(MANIFESTS)).filter((name) => name.endsWith('.yaml') && !name.startsWith('11-'));
  let left = 0;
  for (const name of [...files, 'optional/as-node-older.yaml']) {
    const documents = parseAllDocuments(await readFile(join(MANIFESTS, name), 'utf8'));
    const kept = documents.filter((document) => document.get('kind') !== 'PodDisruptionBudget');
    left += documents.length - kept.length;
    const texts = kept.map((document) => String(document).replace(/^---\n/, ''));
    await writeFile(join(to, name.replace('optional/', '12-')), texts.join('\n---\n'));
  }
  assert.equal(left, 1, 'the budget alone is left out');
  return to;
}

async function available(kube: KubeClient, replicas: number): Promise<void> {
  await until(`${replicas} replicas available`, 180_000, undefined, async () => {
    const deployment = await kube.get('apps/deployments', NAMESPACE, 'hawser-relay');
    const { availableReplicas, updatedReplicas, observedGeneration } = (deployment?.status ?? {}) as Record<string, number>;
    const isSeen = observedGeneration === (deployment?.metadata.generation as number | undefined);
    return isSeen && availableReplicas === replicas && updatedReplicas === replicas;
  });
}

/** The names of pods that are not being deleted. */
async function podsOf(kube: KubeClient): Promise<string[]> {
  const pods = await kube.list('pods', NAMESPACE);
  return pods.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [metadata.name ?? ''] : [])).sort();
}

/** Who wrote the Deployment, and how: `helm Apply` for server-side apply. */
async function writersOf(kube: KubeClient): Promise<string[]> {
  const { body } = await kube.raw('GET', `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/hawser-relay`);
  const { managedFields = [] } = (body as { metadata: { managedFields?: { manager: string; operation: string }[] } }).metadata;
  return managedFields.map(({ manager, operation }) => `${manager} ${operation}`);
}

test('the chart and the plain manifests on a real cluster: by Helm 3 and 4, by kubectl on the side of the server, and a device joins', {
  skip: reasonToSkip(),
  timeout: 900_000,
}, async (t) => {
  const bundles = await commandsFor(t);
  const { folder, dir, kube, kubeconfig, worker, address, ending } = await scene(t);
  const chart = await chartForAnyAge(folder);
  const before = await everything(kube);
  const values = valuesFor(address);
  /** Objects of ours; controllers make others all the time. */
  const unexpected = async () =>
    [...(await everything(kube))].filter((name) => !before.has(name) && /hawser/.test(name) && isUnexpected(name));
  let readTo = 0;
  /** Since the last time. To be asked before the rights are taken away: the relay has a moment left then, without them. */
  const lacked = async () => {
    const log = (await readFile(join(dir, FILES.auditLog))).subarray(readTo).toString('utf8');
    return deniedByAudit(log).filter((right) => right !== ASKED_AS_PROBE);
  };
  /** After the end of all that ran with those rights. */
  const forget = async () => {
    await until('the pods gone', 120_000, undefined, async () => (await kube.list('pods', NAMESPACE)).length === 0);
    readTo = (await readFile(join(dir, FILES.auditLog))).lastIndexOf('\n') + 1;
  };

  // The newer one first: its default is server-side apply.
  for (const found of tools.found.toSorted((a, b) => b.major - a.major)) {
    const helm = helmClient(found, kubeconfig, join(folder, found.version), NAMESPACE, 'default');
    const isFirst = found.major === 4;

    await t.test(`Helm ${found.version} refuses a cluster that is too old by the chart's own line`, async () => {
      await assert.rejects(
        helm('install', { args: [CHART, '--create-namespace'], values }),
        /chart requires kubeVersion: >=1\.30\.0-0 which is incompatible with Kubernetes v1\.20\.2/,
      );
    });

    let notes = '';
    let installed: JsonObject = {};
    await t.test(`Helm ${found.version} installs, and waits until the controllers' pods are ready`, async () => {
      notes = await helm('install', { args: [chart, '--create-namespace', ...WAIT], values });
      installed = await specOf(kube, NAMESPACE);
      await available(kube, 2);
      assert.equal(worker.running().length, 2);
      const writers = await writersOf(kube);
      assert.ok(writers.includes(isFirst ? 'helm Apply' : 'helm Update'), writers.join(', '));
      for (const replica of worker.running()) {
        const { status, text } = await replica.probe('readinessProbe');
        assert.equal(status, 200, text);
      }
    });

    if (isFirst) {
      await t.test('a device joins by the command that the notes print, and a pod runs there', async () => {
        const words = await joinLine(notes, 'edge-1', bundles.relay, kubeconfig);
        const data = ['--data-dir', join(folder, 'edge-1')];
        const joined = await runCommand({ name: 'hawser-agent join', args: [bundles.agent, ...words, ...data] });
        assert.equal(joined.code, 0, joined.stderr);
        const flags = ['--api-port', '0', '--backoff-cap-ms', '2000'];
        const logFile = join(folder, 'edge-1.log');
        const agent = startProcess({ name: 'edge-1', args: [bundles.agent, 'run', ...data, ...flags], logFile });
        ending.push(() => agent.kill());
        await agent.line('its start', ({ msg }) => msg === 'agent started');
        await kube.create(configMap('settings', { colour: 'red' }));
        await nodeReady(kube, 'edge-1');
        await runsAt(kube, `first-${found.major}`);
      });

      await t.test(
        "whoever has the chart's ClusterRole for viewers is told of the device by each replica, and nobody else",
        async () => {
          const viewer = await accountWith(kube, 'viewer', { name: 'hawser-viewer', namespace: NAMESPACE });
          const nobody = await accountWith(kube, 'nobody');
          const data = ((await kube.get('configmaps', NAMESPACE, 'hawser-ca'))?.data ?? {}) as Record<string, string>;
          const ca = Object.values(data).filter((text) => text.includes('BEGIN CERTIFICATE'));
          for (const replica of worker.running()) {
            assert.equal((await ask(replica, '/hawser/nodes', nobody, ca.join('\n'))).status, 403);
          }
          // Each knows those that are linked to it.
          const told = await Promise.all(worker.running().map((one) => ask(one, '/hawser/nodes', viewer, ca.join('\n'))));
          assert.deepEqual(
            told.map(({ status }) => status),
            [200, 200],
          );
          assert.equal(told.filter(({ body }) => JSON.stringify(body).includes('edge-1')).length, 1);
        },
      );
    }

    await t.test(`Helm ${found.version} upgrades: other pods take the place of each, and the device goes on`, async () => {
      const older = await podsOf(kube);
      await helm('upgrade', { args: [chart, REUSE, ...WAIT], values: { settings: { replica: { renewSeconds: 3 } } } });
      await available(kube, 2);
      await until('only other pods', 120_000, undefined, async () => {
        const pods = await podsOf(kube);
        return pods.length === 2 && pods.every((name) => !older.includes(name));
      });
      await runsAt(kube, `upgraded-${found.major}`);
    });

    await t.test(`Helm ${found.version} rolls back to what was installed`, async () => {
      await helm('rollback', { args: WAIT });
      await available(kube, 2);
      assert.deepEqual(await specOf(kube, NAMESPACE), installed);
      await runsAt(kube, `back-${found.major}`);
    });

    await t.test(
      `the relay asked for no right that Helm ${found.version} did not give it; what is left is what the README says`,
      async () => {
        assert.deepEqual(await lacked(), []);
        await helm('uninstall');
        await forget();
        await until('nothing else', 120_000, undefined, async () => {
          assert.deepEqual(await unexpected(), []);
          return true;
        });
        assert.ok((await everything(kube)).has(`secrets ${NAMESPACE}/hawser-ca`));
      },
    );
  }

  const kubectls = await severalKubectls();
  assert.deepEqual(kubectls.missing, []);
  const manifests = await manifestsOfThisAge(folder);
  for (const { file, version } of kubectls.found) {
    const run = async (...args: string[]) => {
      const all = ['--kubeconfig', kubeconfig, '--cache-dir', join(folder, `kubectl-${version}`), ...args];
      return (await promisify(execFile)(file, all)).stdout;
    };
    await t.test(`kubectl ${version} applies the plain manifests on the side of the server, again without a change`, async () => {
      const apply = () => run('apply', '--server-side', '-f', manifests);
      const lines = (await apply()).trim().split('\n');
      assert.ok(lines.length >= 15 && lines.every((line) => line.endsWith(' serverside-applied')), lines.join('\n'));
      await available(kube, 2);
      const generation = async () => (await kube.get('apps/deployments', NAMESPACE, 'hawser-relay'))?.metadata.generation;
      const before = await generation();
      await apply();
      assert.equal(await generation(), before);
      assert.ok((await writersOf(kube)).includes('kubectl Apply'));
    });

    await t.test(
      `kubectl ${version} says of the whole folder only that this age has no policy/v1, and removes what it has applied`,
      async () => {
        const words = await run('apply', '--server-side', '--dry-run=server', '-f', MANIFESTS).then(
          () => '',
          ({ stderr }: { stderr: string }) => stderr.trim(),
        );
        assert.match(
          words,
          /^error: resource mapping not found for name: "hawser-relay" [^\n]*"PodDisruptionBudget" in version "policy\/v1"\n[^\n]*$/,
        );
        assert.deepEqual(await lacked(), []);
        await run('delete', '-f', manifests);
        await forget();
        assert.equal(await kube.get('namespaces', '', NAMESPACE), undefined);
        await until('nothing of it', 60_000, undefined, async () => {
          const left = [...(await everything(kube))].filter((name) => /hawser/.test(name) && !/^events/.test(name));
          assert.deepEqual(left, []);
          return true;
        });
      },
    );
  }
});

async function runsAt(kube: KubeClient, name: string): Promise<KubeObject> {
  await kube.create(podOn('edge-1', name, { configMaps: ['settings'] }));
  return podInCloud(kube, name, ({ phase }) => phase === 'Running', 120_000);
}
