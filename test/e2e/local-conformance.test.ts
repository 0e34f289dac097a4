import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CoreV1Api, KubeConfig, makeInformer } from '@kubernetes/client-node';
import type { Run } from '../conformance/run.ts';
import type { FleetAgent } from '../support/fleet.ts';
import { runCommand } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podOn } from './harness.ts';

const NODE = 'edge-1';
/** How long random writes go on. Each goes to the cluster too, and comes back. */
const SECONDS = 5;

test('clients of a running agent that is linked', { timeout: 600_000 }, async (t) => {
  const fleet = await fleetFor(t, { agents: [NODE] });
  const [agent] = fleet.agents;
  assert.ok(agent);
  await nodeReady(fleet.kube, NODE);
  await fleet.kube.create(configMap('settings', { colour: 'red' }));

  await t.test("the informer of @kubernetes/client-node follows a device's pods as they come, change and go", async () => {
    const config = new KubeConfig();
    config.loadFromFile(agent.localKubeconfig);
    const core = config.makeApiClient(CoreV1Api);
    const informer = makeInformer(config, '/api/v1/namespaces/default/pods', () =>
      core.listNamespacedPod({ namespace: 'default' }),
    );
    const events = new EventTarget();
    for (const type of ['add', 'update', 'delete'] as const) {
      informer.on(type, ({ metadata }) => void events.dispatchEvent(new Event(`${type} ${metadata?.name}`)));
    }
    // It ends on an error: whoever uses it starts it again.
    let isWanted = true;
    informer.on('error', () => {
      if (isWanted) setTimeout(() => informer.start().catch(() => {}), 200);
    });
    await informer.start();
    try {
      const added = once(events, 'add web');
      const updated = once(events, 'update web');
      await fleet.kube.create(podOn(NODE, 'web', { configMaps: ['settings'] }));
      await added;
      // It may have come as it is when it runs: one change more.
      await fleet.kube.patch('pods', 'default', 'web', { metadata: { labels: { changed: 'true' } } });
      await updated;
      const deleted = once(events, 'delete web');
      await fleet.kube.remove('pods', 'default', 'web', 0);
      await deleted;
    } finally {
      isWanted = false;
      await informer.stop();
    }
  });

  await t.test('the conformance kit finds nothing wrong for its viewer, and writes nothing', async () => {
    const viewer = await kubeconfigOf(agent, fleet.dir, 'viewer.kubeconfig');
    const run = await conformance(viewer, '--only', 'list.form', '--only', 'discovery', '--only', 'informers', '--seconds', '2');
    assert.deepEqual(run.wrote, []);
    assertNothingFailed(run);
  });

  // With the link each of its pods is given another uid by the cluster while it works on it: the page of the kit says what it makes of that.
  await t.test('nor for its administrator without a link; with it, nothing of what it wrote is left in the cluster', async () => {
    await fleet.relay().kill();
    // Nobody else writes the status of its pods.
    await agent.process().stop();
    const started = agent.launch({ '--workload': 'none' });
    await started.line('its start', ({ msg }) => msg === 'agent started', 30_000);
    const admin = await kubeconfigOf(agent, fleet.dir, 'admin.kubeconfig', '--write');
    const run = await conformance(
      admin,
      '--only',
      'informers',
      '--only',
      'pods',
      '--only',
      'delete',
      '--seconds',
      String(SECONDS),
    );
    assert.deepEqual(run.wrote, [`mirror pods of ${NODE}`]);
    assertNothingFailed(run);
    await fleet.startRelay();
    await until('the outbox told', 60_000, undefined, async () => {
      const { outbox, session } = (await agent.status()) as { outbox?: { entries?: number }; session?: { state?: string } };
      return session?.state === 'inSync' && outbox?.entries === 0;
    });
    assert.deepEqual(await fleet.kube.list('pods', 'default'), []);
  });
});

async function kubeconfigOf(agent: FleetAgent, folder: string, name: string, ...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await agent.command('kubeconfig', ...flags);
  assert.equal(code, 0, stderr);
  const file = join(folder, name);
  await writeFile(file, stdout, { mode: 0o600 });
  return file;
}

/** `npm run conformance`, as a process of its own. */
async function conformance(kubeconfig: string, ...args: string[]): Promise<Run> {
  const { code, stdout, stderr } = await runCommand({
    name: 'conformance',
    args: ['test/conformance/main.ts', '--kubeconfig', kubeconfig, '-o', 'json', ...args],
  });
  assert.ok(code === 0 || code === 1, `it ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Run;
}

function assertNothingFailed({ results, left, seed }: Run): void {
  const failed = results.filter(({ outcome }) => outcome === 'failed');
  assert.deepEqual(failed, [], `seed ${seed}`);
  assert.deepEqual(left, []);
  assert.ok(results.some(({ outcome }) => outcome === 'passed'));
}
