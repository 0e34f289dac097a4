import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embeddedOnly } from '../kubernetes/which.ts';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

/** A fleet of one with one pod Running that reads the ConfigMap `settings`. */
async function runningPod(t: Parameters<typeof fleetFor>[0], options: Partial<Parameters<typeof fleetFor>[1]> = {}) {
  const fleet = await fleetFor(t, { agents: ['edge-1'], ...options });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');
  await fleet.kube.create(configMap('settings', { n: '0' }));
  await fleet.kube.create(podOn('edge-1', 'web', { configMaps: ['settings'] }));
  await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running');
  return { fleet, device };
}

async function edit(fleet: Fleet, n: number): Promise<void> {
  await fleet.kube.patch('configmaps', 'default', 'settings', { data: { n: String(n) } });
}

function arrives(device: FleetAgent, n: number, timeoutMs?: number) {
  return atDevice(device, 'configmaps', 'default', 'settings', ({ data }) => (data as { n: string }).n === String(n), timeoutMs);
}

test('a relay that is killed and started again goes on where it was', { timeout: 240_000 }, async (t) => {
  const { fleet, device } = await runningPod(t);
  await fleet.relay().kill();
  await edit(fleet, 1);
  await fleet.kube.create(configMap('second', { a: 'b' }));
  await fleet.kube.create(podOn('edge-1', 'web-2', { configMaps: ['second'] }));
  await fleet.kube.remove('pods', 'default', 'web', 0);
  assert.ok(await device.local.get('pods', 'default', 'web'), 'the device serves on');
  await fleet.startRelay();
  await podInCloud(fleet.kube, 'web-2', ({ phase }) => phase === 'Running');
  await until('what was deleted meanwhile is gone', 60_000, undefined, async () => {
    const gone = [await device.local.get('pods', 'default', 'web'), await device.local.get('configmaps', 'default', 'settings')];
    return gone.every((object) => object === undefined);
  });
});

test('an agent that is killed in the middle of changes has what it acknowledged, and catches up', {
  timeout: 240_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t);
  for (let n = 1; n <= 5; n++) {
    const edits = (async () => {
      for (let i = 0; i < 20; i++) await edit(fleet, n * 100 + i);
    })();
    // Not each of a burst arrives: the last one always does.
    await atDevice(device, 'configmaps', 'default', 'settings', ({ data }) => Number((data as { n: string }).n) >= n * 100);
    await device.process().kill();
    await edits;
    device.link.cut();
    await device.start();
    const held = await device.local.get('configmaps', 'default', 'settings');
    assert.ok(held, 'it serves without the link');
    assert.ok(Number((held.data as { n: string }).n) >= n * 100);
    device.link.restore();
    await arrives(device, n * 100 + 19);
  }
  const pod = await fleet.kube.get('pods', 'default', 'web');
  assert.ok(pod);
  assert.equal((pod.status as { containerStatuses: { restartCount: number }[] }).containerStatuses[0]?.restartCount, 0);
});

test('an API server that restarts, with its watches cut, is followed without a word from the operator', {
  timeout: 240_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { keepData: true });
  await fleet.apiServer()?.stop();
  assert.ok(await device.local.get('pods', 'default', 'web'));
  await fleet.startApiServer();
  await edit(fleet, 1);
  await arrives(device, 1, 60_000);
});

test('410 during a burst: the relay lists again and loses nothing', {
  skip: embeddedOnly('faults'),
  timeout: 240_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { faults: true });
  await fleet.kube.create(podOn('edge-1', 'many', { configMaps: Array.from({ length: 20 }, (_, i) => `burst-${i}`) }));
  const burst = (async () => {
    for (let i = 0; i < 20; i++) {
      await fleet.kube.create(configMap(`burst-${i}`, { i: String(i) }));
      await edit(fleet, i);
    }
  })();
  await fleet.fault({ do: 'add', watch: true, times: 8, fault: { type: 'expired' } });
  await fleet.fault({ do: 'cutWatches' });
  await burst;
  await arrives(device, 19);
  for (let i = 0; i < 20; i++) await atDevice(device, 'configmaps', 'default', `burst-${i}`);
  await podInCloud(fleet.kube, 'many', ({ phase }) => phase === 'Running');
});

test('429 and 500 from the API server delay, and nothing is lost', {
  skip: embeddedOnly('faults'),
  timeout: 240_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { faults: true });
  await fleet.fault({ do: 'add', watch: true, times: 3, fault: { type: 'answer', status: 500 } });
  await fleet.fault({
    do: 'add',
    method: 'PATCH',
    pathPrefix: '/api/v1/namespaces/default/pods',
    times: 3,
    fault: { type: 'answer', status: 429, retryAfterSeconds: 1 },
  });
  await fleet.fault({ do: 'cutWatches' });
  await edit(fleet, 1);
  await arrives(device, 1);
  await fleet.kube.create(podOn('edge-1', 'web-2', { configMaps: ['settings'] }));
  await podInCloud(fleet.kube, 'web-2', ({ phase }) => phase === 'Running');
});

test('a cut link: the device serves on, reports what happened meanwhile, and converges', { timeout: 240_000 }, async (t) => {
  const { fleet, device } = await runningPod(t);
  device.link.cut();
  await edit(fleet, 1);
  await fleet.kube.create(podOn('edge-1', 'while-away', { configMaps: ['settings'] }));
  const served = await device.local.get('configmaps', 'default', 'settings');
  assert.deepEqual(served?.data, { n: '0' });
  device.link.restore();
  await arrives(device, 1);
  await podInCloud(fleet.kube, 'while-away', ({ phase }) => phase === 'Running');
});

test('a half-open link is noticed by both sides, and the next one converges', { timeout: 240_000 }, async (t) => {
  const { fleet, device } = await runningPod(t);
  const before = device.link.counted().connections;
  device.link.freeze();
  await edit(fleet, 1);
  await until('the agent dials anew', 60_000, undefined, async () => device.link.counted().connections > before);
  device.link.restore();
  await arrives(device, 1, 60_000);
});

test('5,000 pods of other nodes are listed in pages and reach no device', { timeout: 480_000 }, async (t) => {
  const { fleet, device } = await runningPod(t);
  await fleet.relay().stop();
  const create = async (from: number) => {
    for (let i = from; i < 5000; i += 16) {
      await fleet.kube.create(podOn(`cloud-${i % 50}`, `other-${i}`, { configMaps: ['settings'] }));
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, from) => create(from)));
  await fleet.startRelay();
  await edit(fleet, 1);
  await arrives(device, 1, 60_000);
  const held = await device.local.list('pods');
  assert.deepEqual(
    held.map((pod) => pod.metadata.name),
    ['web'],
  );
});
