import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embeddedOnly } from '../kubernetes/which.ts';
import { atDevice } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';
import { emptyOutbox, NAMESPACE, refusalsOf, writeEvent } from './kubelet.ts';

/**
 * A report that was answered and then lost, because the API server was restored from a backup that is older: nobody sends it again. What
 * is state comes again from whoever looks after it; an Event is gone.
 */
test('after a restoration from a backup, statuses and removals come again by the kubelet, and Events do not', {
  skip: embeddedOnly('faults'),
  timeout: 480_000,
}, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'], faults: true });
  const [device] = fleet.agents;
  assert.ok(device);
  const { kube } = fleet;
  await nodeReady(kube, 'edge-1');
  await kube.create(configMap('settings', { n: '0' }));
  // Waits for what it needs, so that its status before and after the backup differ.
  await kube.create(podOn('edge-1', 'web', { configMaps: ['settings', 'late'] }));
  await kube.create(podOn('edge-1', 'ended', { configMaps: ['settings'] }));
  await podInCloud(kube, 'ended', ({ phase }) => phase === 'Running');
  const blocked = 'CreateContainerConfigError';
  await podInCloud(kube, 'web', ({ containerStatuses = [] }) => containerStatuses[0]?.state.waiting?.reason === blocked);
  await emptyOutbox(device);
  const { body } = await kube.raw('GET', '/api/v1/configmaps?limit=1');
  const backup = Number((body as { metadata: { resourceVersion: string } }).metadata.resourceVersion);

  await kube.create(configMap('late', { n: '0' }));
  await podInCloud(kube, 'web', ({ phase }) => phase === 'Running');
  await kube.remove('pods', NAMESPACE, 'ended', 1);
  await until('the pod gone', 60_000, undefined, async () => (await kube.get('pods', NAMESPACE, 'ended')) === undefined);
  await writeEvent(device, 'told');
  await until('the Event', 60_000, undefined, () => kube.get('events', NAMESPACE, 'told'));
  await emptyOutbox(device);
  const before = await kube.get('pods', NAMESPACE, 'web');

  await fleet.fault({ do: 'rewind', revision: backup });
  // What the pod needs is not in the backup; its containers run on, and the device says so.
  const after = await podInCloud(kube, 'web', ({ phase }) => phase === 'Running', 90_000);
  assert.equal(after.metadata.uid, before?.metadata.uid);
  const runs = (object: typeof after | undefined) => JSON.stringify(Object(object?.status).containerStatuses?.[0]?.state);
  assert.equal(runs(after), runs(before), 'since when it did');
  // To the restored cluster the pod was never deleted. It is another run of it, until it is deleted again.
  await atDevice(device, 'pods', NAMESPACE, 'ended', undefined, 60_000);
  await podInCloud(kube, 'ended', ({ phase }) => phase === 'Running', 60_000);
  await kube.remove('pods', NAMESPACE, 'ended', 1);
  await until('the pod gone again', 60_000, undefined, async () => (await kube.get('pods', NAMESPACE, 'ended')) === undefined);
  await emptyOutbox(device);
  assert.equal(await kube.get('events', NAMESPACE, 'told'), undefined);
  assert.ok(await device.local.get('events', NAMESPACE, 'told'), 'only the device has it');
  assert.deepEqual(refusalsOf(device), []);
});
