import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { type Kubectl, severalKubectls } from '../support/kubectl.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podOn } from './harness.ts';

const NODE = 'edge-1';
/** For one run of kubectl, in milliseconds: it starts slowly on a busy machine. */
const RUN_TIMEOUT_MS = 60_000;

test('kubectl of the oldest and the newest version against the API of a running agent', { timeout: 600_000 }, async (t) => {
  const { found, missing } = await severalKubectls();
  for (const why of missing) t.diagnostic(`without kubectl ${why}`);
  if (found.length === 0) return t.skip('no kubectl could be downloaded, and none is on PATH or in KUBECTL');
  const fleet = await fleetFor(t, { agents: [NODE] });
  const [agent] = fleet.agents;
  assert.ok(agent);
  await nodeReady(fleet.kube, NODE);
  await fleet.kube.create(configMap('settings', { colour: 'red' }));
  for (const name of ['web', 'api']) await fleet.kube.create(podOn(NODE, name, { configMaps: ['settings'] }));
  for (const name of ['web', 'api']) {
    await atDevice(
      agent,
      'pods',
      'default',
      name,
      ({ status }) => (status as { phase?: string } | undefined)?.phase === 'Running',
    );
  }
  for (const kubectl of found) {
    await t.test(`kubectl ${kubectl.version}`, async (t) => {
      await whatItReads(t, new Runner(t, kubectl, agent.localKubeconfig));
      await whatItWrites(t, new Runner(t, kubectl, agent.localKubeconfig), fleet, agent);
      await whatIsRefused(t, new Runner(t, kubectl, agent.localKubeconfig));
    });
  }
  await t.test('without the link', async (t) => {
    await fleet.relay().kill();
    await until('the agent knows that its link is gone', 60_000, undefined, async () => {
      const { link } = (await agent.status()) as { link?: { state?: string } };
      return link?.state !== 'open';
    });
    const [kubectl] = found;
    assert.ok(kubectl);
    const { run, fails } = new Runner(t, kubectl, agent.localKubeconfig);
    assert.match(await run('get', 'pods'), /\nweb /);
    // It takes its time: kubectl comes back ten times after the second that the server asks for.
    assert.match(await fails('get', 'configmap', 'never-seen'), /ServiceUnavailable.*not known without a link/);
  });
});

async function whatItReads(t: TestContext, { run, fails }: Runner): Promise<void> {
  await t.test('says what server it is, and which resources it has', async () => {
    assert.match(await run('version'), /Server Version: v1\.\d+\.\d+/);
    const resources = await run('api-resources');
    assert.match(resources, /\npods +po +v1 +true +Pod\n/);
    assert.doesNotMatch(resources, /deployments/);
    assert.match(await fails('get', 'deployments'), /the server doesn't have a resource type "deployments"/);
  });

  await t.test('shows pods as a table, wide, in pages, by selectors, and as YAML', async () => {
    assert.match(await run('get', 'pods'), /^NAME +READY +STATUS +RESTARTS +AGE\napi +1\/1 +Running .*\nweb +1\/1 +Running /);
    assert.match(await run('get', 'pods', '-o', 'wide'), /^NAME .* NODE .*\n.* edge-1 /);
    assert.equal((await run('get', 'pods', '--chunk-size=1', '-A', '-o', 'name')).trim(), 'pod/api\npod/web');
    const selected = await run('get', 'pods', '--field-selector', 'metadata.name=web,status.phase=Running', '-o', 'name');
    assert.equal(selected.trim(), 'pod/web');
    assert.match(await run('get', 'configmap', 'settings', '-o', 'yaml'), /\n {2}colour: red\n.*kind: ConfigMap/s);
    assert.match(await run('get', 'node'), /edge-1 +Ready/);
  });

  await t.test('describes a pod and its node', async () => {
    assert.match(await run('describe', 'pod', 'web'), /Name: +web\n.*Environment Variables from:\n +settings +ConfigMap/s);
    assert.match(await run('describe', 'node', NODE), /Name: +edge-1\n.*Non-terminated Pods: +\(2 in total\)/s);
  });

  await t.test('says what the cloud says of what is not here: that it is not there, or is not for this node', async () => {
    assert.match(await fails('get', 'pod', 'nowhere'), /pods "nowhere" not found/);
    assert.match(await fails('get', 'service', 'nowhere'), /services "nowhere" not found/);
    assert.match(await fails('get', 'configmap', 'nowhere'), /no relationship found between node 'edge-1' and this object/);
  });
}

async function whatItWrites(t: TestContext, runner: Runner, fleet: Fleet, agent: FleetAgent): Promise<void> {
  const { run, kubectl } = runner;
  const name = `passing-${kubectl.version.replaceAll('.', '-')}`;
  await t.test('watches pods come and go, waits for them, and deletes one here and in the cloud', async () => {
    const watching = runner.watch('get', 'pods', '--watch', '--output-watch-events');
    try {
      await watching.line(/ADDED +web /);
      await fleet.kube.create(podOn(NODE, name));
      await watching.line(new RegExp(`ADDED +${name} `));
      assert.match(await run('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s'), /condition met/);
      const waiting = run('wait', '--for=delete', `pod/${name}`, '--timeout=60s');
      assert.match(await run('delete', 'pod', name, '--grace-period=1'), new RegExp(`pod "${name}" deleted`));
      await watching.line(new RegExp(`DELETED +${name} `));
      assert.match(await waiting, /condition met|^$/);
    } finally {
      await watching.end();
    }
    await until(`${name} gone in the cloud`, 60_000, undefined, async () => {
      return (await fleet.kube.get('pods', 'default', name)) === undefined;
    });
    assert.equal(await agent.local.get('pods', 'default', name), undefined);
  });
}

async function whatIsRefused(t: TestContext, { run, fails, fileWith }: Runner): Promise<void> {
  const inCluster = /is forbidden: .*changed? (this )?in the cluster/;
  const manifest = (name: string) => fileWith(`${name}.json`, JSON.stringify(configMap(name, { colour: 'blue' })));

  await t.test(
    'an apply, from either side, a create, an edit and a delete of a ConfigMap are refused by the name of who may',
    async () => {
      for (const name of ['settings', 'mine']) {
        assert.match(await fails('apply', '-f', manifest(name)), inCluster);
        assert.match(await fails('apply', '--server-side', '-f', manifest(name)), inCluster);
      }
      assert.match(await fails('create', '-f', manifest('mine')), inCluster);
      assert.match(await fails('create', 'configmap', 'mine', '--from-literal=a=b'), inCluster);
      assert.match(await fails('label', 'configmap', 'settings', 'a=b'), inCluster);
      assert.match(await fails('delete', 'configmap', 'settings'), inCluster);
      assert.equal(await run('get', 'configmap', 'settings', '-o', 'jsonpath={.data.colour}'), 'red');
    },
  );

  await t.test('logs, exec and port-forward are refused with what does it on the device', async () => {
    assert.match(await fails('logs', 'web'), /does not reach into containers; .*crictl logs/);
    assert.match(await fails('exec', 'web', '--', 'true'), /does not reach into containers; .*crictl exec/);
    assert.match(await fails('port-forward', 'pod/web', '8080:80'), /does not reach into containers; .*crictl port-forward/);
  });

  await t.test('auth can-i says beforehand what may be done', async () => {
    assert.equal((await run('auth', 'can-i', 'list', 'pods')).trim(), 'yes');
    assert.match(await fails('auth', 'can-i', 'create', 'configmaps'), /^no/);
  });
}

class Runner {
  readonly kubectl: Kubectl;
  readonly #folder: string;
  readonly #args: readonly string[];

  constructor(t: TestContext, kubectl: Kubectl, kubeconfig: string) {
    this.kubectl = kubectl;
    this.#folder = mkdtempSync(join(tmpdir(), 'hawser-kubectl-test-'));
    t.after(() => rmSync(this.#folder, { recursive: true, force: true }));
    this.#args = [`--kubeconfig=${kubeconfig}`, `--cache-dir=${join(this.#folder, 'cache')}`];
  }

  /** What it prints. @throws when it fails */
  readonly run = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(this.kubectl.file, [...this.#args, ...args], { timeout: RUN_TIMEOUT_MS });
    return stdout;
  };

  /** What it says when it fails, as it has to, on both streams. */
  readonly fails = async (...args: string[]): Promise<string> => {
    const failed = await this.run(...args).then(
      (stdout) => assert.fail(`kubectl ${args.join(' ')} did not fail: ${stdout}`),
      (cause: { code?: unknown; stdout: string; stderr: string }) => cause,
    );
    assert.equal(failed.code, 1, `kubectl ${args.join(' ')}: ${failed.stdout}${failed.stderr}`);
    return `${failed.stdout}${failed.stderr}`;
  };

  readonly fileWith = (name: string, text: string): string => {
    const file = join(this.#folder, name);
    writeFileSync(file, text);
    return file;
  };

  /** One that goes on. */
  watch(...args: string[]) {
    const child = spawn(this.kubectl.file, [...this.#args, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const exited = new Promise((resolve) => child.once('exit', resolve));
    return {
      /** The next line that matches; those before it are passed over. @throws when it ends before */
      async line(pattern: RegExp): Promise<string> {
        for (;;) {
          const { value, done } = await lines.next();
          if (done === true) throw new Error(`kubectl ${args.join(' ')} ended before a line that matches ${pattern}`);
          if (pattern.test(value)) return value;
        }
      },
      end() {
        child.kill();
        return exited;
      },
    };
  }
}
