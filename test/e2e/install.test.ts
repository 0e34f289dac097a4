import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyCluster, folderFor, publish } from '../chart/cluster.ts';
import { type Replica, specOf, startReplica } from '../chart/replicas.ts';
import { freshAddress, startService } from '../chart/service.ts';
import { canConfine } from '../support/confined.ts';
import { executablesFor, relayExecutable } from '../support/executables.ts';
import { severalHelms } from '../support/helm.ts';
import { severalKubectls } from '../support/kubectl.ts';
import { neverSay } from '../support/output-check.ts';
import { commandsOf } from '../support/page.ts';
import { ROOT, type RunningProcess, runCommand, startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { nodeReady } from './harness.ts';

/** What docs/install.md tells a reader to type, typed: by a shell, with the programs that the page makes, in a cluster that has nothing yet. */

const PAGE = 'docs/install.md';
const NAMESPACE = 'hawser-system';
const PORT = 8443;
const NODE_NAME = 'truck-17';

const { found: helms, missing } = await severalHelms();
const [helm] = helms;
if (missing.length > 0 && process.env.CI) throw new Error(missing.join('\n'));

test('the page makes files by scripts that there are', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  const made = commandsOf(PAGE, '1. Files').flatMap((line) => /^npm run (\w+)/.exec(line)?.[1] ?? []);
  assert.deepEqual(made.toSorted(), ['deb', 'image', 'package']);
  for (const name of made) assert.ok(existsSync(join(ROOT, (scripts[name] ?? '').replace(/^(exec )?node /, ''))), name);
});

test('from an empty cluster to a device, by the lines of the page', {
  timeout: 600_000,
  skip: helm === undefined ? missing.join('; ') : false,
}, async (t) => {
  if (helm === undefined) return;
  if (!canConfine() && !process.env.CI) return t.skip('this kernel gives no namespace of mounts, as root or otherwise');
  assert.ok(process.arch === 'x64' || process.arch === 'arm64');
  const folder = await folderFor(t);
  const { server, kube, kubeconfig } = await emptyCluster(t, folder);
  const address = freshAddress();
  const service = await startService(address, PORT);
  t.after(() => service.close());

  const relay = await relayExecutable();
  const { agent } = await executablesFor(process.arch, join(folder, 'cache'));
  const [kubectl] = (await severalKubectls()).found.slice(-1);
  assert.ok(kubectl !== undefined);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const programs = { helm: helm.file, kubectl: kubectl.file, 'hawser-relay': relay, 'hawser-agent': agent.executable };
  for (const [name, file] of Object.entries(programs)) symlinkSync(file, join(bin, name));
  const home = join(folder, 'home');
  // The file that the Debian package brings, where the page says /etc/hawser/agent.yaml.
  const config = join(folder, 'agent.yaml');
  copyFileSync(join(ROOT, 'deploy', 'debian', 'agent.yaml'), config);
  const onDevice = {
    HAWSER_DATA_DIR: join(folder, 'device'),
    HAWSER_CACHE_DIR: join(folder, 'cache'),
    HAWSER_CONFIG: config,
  };
  /** As somebody types it, with the names of this cluster. Nothing else is in the environment that the programs would take. */
  const type = async (line: string, { showsSecrets = false } = {}): Promise<string> => {
    const typed = line.replaceAll('relay.example:8443', `${address}:${PORT}`).replaceAll('relay.example', address);
    const { code, stdout, stderr } = await runCommand({
      name: line.split(' ', 2).join(' '),
      before: [],
      node: 'sh',
      args: ['-c', typed],
      env: { PATH: `${bin}:${process.env.PATH}`, KUBECONFIG: kubeconfig, HOME: home, HELM_CACHE_HOME: home, ...onDevice },
      showsSecrets,
    });
    assert.equal(code, 0, `${line}\n${stderr}`);
    return stdout;
  };

  for (const variant of ['kubeadm', 'k3s', 'A managed cluster']) {
    const lines = commandsOf(PAGE, variant).filter((line) => line.startsWith('helm '));
    assert.ok(lines.length > 0, variant);
    for (const line of lines) {
      const said = await type(`${line.replace(/--kubeconfig \S+/, '')} --dry-run=client`);
      assert.match(said, /kind: Deployment/, variant);
    }
  }

  const running: Replica[] = [];
  t.after(() => Promise.all(running.map(({ process: one }) => one.kill())));
  for (const line of commandsOf(PAGE, '2. The relay')) {
    if (line.startsWith('helm install')) {
      await type(`${line} --set settings.drainNoticeSeconds=0`);
      const { replicas } = await specOf(kube, NAMESPACE);
      for (let n = 0; n < replicas; n += 1) {
        const replica = await startReplica({ server, kube, namespace: NAMESPACE, program: relay, folder }, `hawser-relay-${n}`);
        assert.ok(replica, 'this kernel gives no namespace of mounts, as root or otherwise');
        running.push(replica);
      }
      for (const replica of running) await replica.ready();
      await publish(kube, NAMESPACE, service, running);
      // What the cluster's own controller says of a Deployment whose pods are ready.
      const counts = { replicas, readyReplicas: replicas, updatedReplicas: replicas, availableReplicas: replicas };
      const generation = (await kube.get('apps/deployments', NAMESPACE, 'hawser-relay'))?.metadata.generation ?? 1;
      await kube.patch(
        'apps/deployments',
        NAMESPACE,
        'hawser-relay',
        { status: { ...counts, observedGeneration: generation } },
        'status',
      );
    } else assert.match(await type(line), /successfully rolled out|in the Secret hawser-ca/, line);
  }

  let printed = '';
  let started: RunningProcess | undefined;
  const device = { before: agent.before, node: agent.executable, env: onDevice };
  /** What is done for the lines of the page, by how they begin; the first that matches. */
  const steps: readonly (readonly [begins: string, step: (line: string) => Promise<unknown>])[] = [
    [
      'hawser-relay token create',
      async (line) => {
        printed = (await type(line, { showsSecrets: true })).trim();
        neverSay(/--token \w+\.(\w+)/.exec(printed)?.[1] ?? assert.fail('the line has no token'));
      },
    ],
    [
      'hawser-agent join',
      async (line) => {
        const shown = line.replaceAll('relay.example:8443', `${address}:${PORT}`).replaceAll('.', '\\.');
        const like = shown.replace('ID\\.SECRET', '\\w{6}\\.\\w{16}').replace('HEX', '[0-9a-f]{64}');
        assert.match(printed, new RegExp(`^${like}$`), 'the line that is printed is the one of the page');
        // Not by a shell, in whose arguments the token would be seen.
        const joined = await runCommand({ ...device, name: 'hawser-agent join', args: printed.split(' ').slice(1) });
        assert.equal(joined.code, 0, joined.stderr);
      },
    ],
    [
      'systemctl start hawser-agent',
      async () => {
        started = startProcess({ ...device, name: NODE_NAME, args: ['run', '--api-port', '0'] });
        const { kill } = started;
        t.after(kill);
        await started.line('its start', ({ msg }) => msg === 'agent started');
        await nodeReady(kube, NODE_NAME);
      },
    ],
    [
      'kubectl -n hawser-system exec deploy/hawser-relay -- hawser-relay',
      (line) =>
        until('the device in sync', 60_000, undefined, async () => {
          const words = line.split(' -- hawser-relay ')[1]?.split(' ') ?? [];
          const { code, stdout, stderr } = (await running[0]?.exec(...words)) ?? assert.fail('no replica');
          assert.equal(code, 0, stderr);
          return new RegExp(`^${NODE_NAME} +inSync `, 'm').test(stdout);
        }),
    ],
    ['kubectl get nodes', async (line) => assert.match(await type(line), new RegExp(`^${NODE_NAME} +Ready `, 'm'))],
    ['kubectl get pod ', (line) => until('the pod', 60_000, undefined, async () => / Running /.test(await type(line)))],
    ['kubectl run ', (line) => type(line)],
    ['sed ', (line) => type(line.replaceAll('/etc/hawser/agent.yaml', config))],
    ['hawser-agent status', async (line) => assert.match(await type(line), new RegExp(NODE_NAME))],
    // Done in test/deb, in a Debian of its own.
    ['scp dist/hawser-agent_', async () => undefined],
    ['apt-get install /tmp/hawser-agent_', async () => undefined],
  ];
  for (const line of commandsOf(PAGE, '3. A device')) {
    const [, step] = steps.find(([begins]) => line.startsWith(begins)) ?? assert.fail(`nothing is known to do for: ${line}`);
    await step(line);
  }
  assert.ok(started !== undefined);
  assert.deepEqual(server.relayRights().denied, []);
  assert.deepEqual(await started.stop(), { code: 0, signal: null });
});
