import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atDevice } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn, secret } from './harness.ts';

test('a pod, its ConfigMap and its Secret reach the device, and the device reports back', { timeout: 240_000 }, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'] });
  const [device] = fleet.agents;
  assert.ok(device);
  const { kube } = fleet;

  await t.test('the device registers its Node, gets the edge label from the relay, and is Ready', async () => {
    const node = await nodeReady(kube, 'edge-1');
    await until('the edge label', 60_000, undefined, async () => {
      const labels = (await kube.get('nodes', '', 'edge-1'))?.metadata.labels;
      return labels?.['node-role.kubernetes.io/edge'] !== undefined;
    });
    assert.equal(node.metadata.labels?.['kubernetes.io/hostname'], 'edge-1');
    await atDevice(device, 'nodes', '', 'edge-1');
  });

  await t.test('a pod with its ConfigMap and Secret arrives and runs, and the cloud sees it', async () => {
    await kube.create(configMap('settings', { greeting: 'hello' }));
    await kube.create(secret('key', { token: 'planted-secret-value' }));
    await kube.create(podOn('edge-1', 'web', { configMaps: ['settings'], secrets: ['key'] }));
    const pod = await podInCloud(kube, 'web', ({ phase }) => phase === 'Running');
    const status = pod.status as { podIP?: string; startTime?: string; containerStatuses: { ready: boolean }[] };
    assert.ok(status.podIP && status.startTime && status.containerStatuses.every(({ ready }) => ready));
    const held = await atDevice(device, 'secrets', 'default', 'key');
    assert.equal((held.data as Record<string, string>).token, Buffer.from('planted-secret-value').toString('base64'));
  });

  await t.test('what no pod of the device needs is not on the device', async () => {
    await kube.create(configMap('unrelated', { x: 'y' }));
    await kube.create(configMap('settings-2', { x: 'y' }));
    await kube.create(podOn('edge-1', 'web-2', { configMaps: ['settings-2'] }));
    await atDevice(device, 'configmaps', 'default', 'settings-2');
    assert.equal(await device.local.get('configmaps', 'default', 'unrelated'), undefined);
  });

  await t.test('an edit arrives', async () => {
    await kube.patch('configmaps', 'default', 'settings', { data: { greeting: 'good evening' } });
    await atDevice(
      device,
      'configmaps',
      'default',
      'settings',
      ({ data }) => (data as { greeting: string }).greeting === 'good evening',
    );
  });

  await t.test('a pod whose ConfigMap is missing waits as under a kubelet, and runs when it comes', async () => {
    await kube.create(podOn('edge-1', 'early', { configMaps: ['late'] }));
    const waiting = await podInCloud(kube, 'early', (status) =>
      (status.containerStatuses ?? []).some(({ state }) => state.waiting?.reason === 'CreateContainerConfigError'),
    );
    assert.match(JSON.stringify(waiting.status), /configmap \\"late\\" not found/);
    await kube.create(configMap('late', { a: 'b' }));
    await podInCloud(kube, 'early', ({ phase }) => phase === 'Running');
  });

  await t.test('a ConfigMap that is deleted and made again arrives as the new one', async () => {
    const before = await atDevice(device, 'configmaps', 'default', 'settings');
    await kube.remove('configmaps', 'default', 'settings');
    await kube.create(configMap('settings', { greeting: 'reborn' }));
    const after = await atDevice(
      device,
      'configmaps',
      'default',
      'settings',
      (object) => object.metadata.uid !== before.metadata.uid,
    );
    assert.deepEqual(after.data, { greeting: 'reborn' });
  });

  await t.test('a deleted pod ends gracefully, goes in the cloud and on the device, and its ConfigMap goes with it', async () => {
    await kube.remove('pods', 'default', 'web-2', 1);
    await until('the pod gone', 60_000, undefined, async () => (await kube.get('pods', 'default', 'web-2')) === undefined);
    await until('the ConfigMap gone from the device', 60_000, undefined, async () => {
      const [pod, config] = [
        await device.local.get('pods', 'default', 'web-2'),
        await device.local.get('configmaps', 'default', 'settings-2'),
      ];
      return pod === undefined && config === undefined;
    });
    assert.ok(await kube.get('configmaps', 'default', 'settings-2'), 'it stays in the cloud');
  });

  await t.test('hawser-agent get and status tell what is in the store, and show Secrets only when asked', async () => {
    const pods = await device.command('get', 'pods', '-A');
    assert.equal(pods.code, 0, pods.stderr);
    assert.match(pods.stdout, /default\s+web\s+1\/1\s+Running/);
    const hidden = await device.command('get', 'secrets', 'key', '-n', 'default', '-o', 'yaml');
    const encoded = Buffer.from('planted-secret-value').toString('base64');
    assert.equal(hidden.code, 0, hidden.stderr);
    assert.doesNotMatch(hidden.stdout, new RegExp(`planted-secret-value|${encoded}`));
    const shown = await device.command('get', 'secrets', 'key', '-n', 'default', '-o', 'yaml', '--show-secrets');
    assert.ok(shown.stdout.includes(encoded));
    const status = await device.status();
    assert.ok(Number(status.objects) > 0);
  });

  await t.test('the stopped agent’s store can still be read', async () => {
    await device.process().stop();
    const pods = await device.command('get', 'pods', '-A', '-o', 'json');
    assert.equal(pods.code, 0, pods.stderr);
    assert.ok(
      (JSON.parse(pods.stdout) as { items: { metadata: { name: string } }[] }).items.some(
        ({ metadata }) => metadata.name === 'web',
      ),
    );
  });
});
