import assert from 'node:assert/strict';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { embeddedOnly } from '../kubernetes/which.ts';
import { atDevice, type Fleet, type FleetAgent, logOf } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

/** A fleet of one with a pod Running that reads the ConfigMap `settings`, and as many more ConfigMaps as asked. */
async function runningPod(t: TestContext, options: Partial<Parameters<typeof fleetFor>[1]> = {}, more = 0) {
  const fleet = await fleetFor(t, { agents: ['edge-1'], ...options });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');
  const names = ['settings', ...Array.from({ length: more }, (_, n) => `more-${n}`)];
  for (const name of names) await fleet.kube.create(configMap(name, { n: '0' }));
  await fleet.kube.create(podOn('edge-1', 'web', { configMaps: names }));
  await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running');
  return { fleet, device };
}

/** All that there is has arrived, and what the device says of it as well. */
async function objectsSettled(device: FleetAgent): Promise<number> {
  return until('the device in sync with nothing to say', 60_000, undefined, async () => {
    const { session, outbox, objects } = Object(await device.status());
    return session.state === 'inSync' && outbox.entries === 0 && Number(objects);
  });
}

async function edit(fleet: Fleet, n: number): Promise<void> {
  await fleet.kube.patch('configmaps', 'default', 'settings', { data: { n: String(n) } });
}

function arrives(device: FleetAgent, n: number, timeoutMs = 60_000) {
  return atDevice(device, 'configmaps', 'default', 'settings', ({ data }) => (data as { n: string }).n === String(n), timeoutMs);
}

async function settingsAt(device: FleetAgent): Promise<unknown> {
  return (await device.local.get('configmaps', 'default', 'settings'))?.data;
}

/** The revision of the embedded API server. */
async function revision(fleet: Fleet): Promise<number> {
  const { body } = await fleet.kube.raw('GET', '/api/v1/configmaps?limit=1');
  return Number((body as { metadata: { resourceVersion: string } }).metadata.resourceVersion);
}

function valueIn(metrics: string, name: string): number {
  const line = metrics.split('\n').find((text) => text.startsWith(`${name} `));
  assert.ok(line, `metrics have no ${name}`);
  return Number(line.slice(name.length + 1));
}

async function metric(fleet: Fleet, name: string): Promise<number> {
  return valueIn(await fleet.relayMetrics(), name);
}

function inLog(fleet: Fleet, name: string, text: string | RegExp, timeoutMs = 60_000): Promise<boolean> {
  return until(`${text} in the log of ${name}`, timeoutMs, undefined, async () => {
    const log = await logOf(fleet, name);
    return typeof text === 'string' ? log.includes(text) : text.test(log);
  });
}

/** The relay knows what the agent holds, and has something to do. */
function inventoried(metrics: () => Promise<string>): Promise<boolean> {
  return until('the inventory is there and the session behind', 60_000, undefined, async () => {
    const text = await metrics();
    return (
      text.includes('hawser_relay_messages_total{direction="in",type="inventory"}') &&
      text.includes('hawser_relay_sessions{state="syncing"} 1')
    );
  });
}

/** After the backup: changes, and a pod that the backup does not have. */
async function liveOn(fleet: Fleet, device: FleetAgent): Promise<void> {
  for (let n = 1; n <= 60; n += 1) await edit(fleet, n);
  await fleet.kube.create(podOn('edge-1', 'late', { configMaps: ['settings'] }));
  await podInCloud(fleet.kube, 'late', ({ phase }) => phase === 'Running');
  await arrives(device, 60);
}

async function followsTheBackup(fleet: Fleet, device: FleetAgent): Promise<void> {
  await arrives(device, 0, 180_000);
  await until('the pod that the backup lacks is gone', 60_000, undefined, async () => {
    return (await device.local.get('pods', 'default', 'late')) === undefined;
  });
  await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running', 60_000);
  assert.equal(await metric(fleet, 'hawser_relay_epoch'), 2);
  await inLog(fleet, 'edge-1', /"epoch":2,"protocolVersion".*session begun/);
  await edit(fleet, 7);
  await arrives(device, 7);
}

test('an API server that is restored from a backup while the relay runs is followed, in a new epoch', {
  skip: embeddedOnly('faults'),
  timeout: 480_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { faults: true });
  const backup = await revision(fleet);
  await liveOn(fleet, device);
  await fleet.fault({ do: 'rewind', revision: backup });
  await followsTheBackup(fleet, device);
  assert.equal(await metric(fleet, 'hawser_relay_restorations_total'), 1);
  // The epoch outlives the relay: the agent has it, and the next relay takes it over.
  await fleet.relay().stop();
  await fleet.startRelay();
  await edit(fleet, 8);
  await arrives(device, 8);
  assert.equal(await metric(fleet, 'hawser_relay_epoch'), 2);
});

test('an API server that was restored while no relay ran is recognised by what the agent holds', {
  skip: embeddedOnly('faults'),
  timeout: 480_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { faults: true });
  const backup = await revision(fleet);
  await liveOn(fleet, device);
  await fleet.relay().stop();
  await fleet.fault({ do: 'rewind', revision: backup });
  await fleet.startRelay();
  await inventoried(() => fleet.relayMetrics());
  assert.deepEqual(await settingsAt(device), { n: '60' }, 'nothing is overwritten before it is known why');
  await followsTheBackup(fleet, device);
});

test('a relay whose watches lag by far neither overwrites nor deletes what an agent brings from another, and finds out', {
  skip: embeddedOnly('faults'),
  timeout: 480_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { faults: true });
  const other = await fleet.addRelay('relay-2');
  await until('the other relay is ready', 60_000, undefined, async () => (await other.readiness()).status === 200);
  await fleet.fault({ do: 'silenceOpenWatches' });
  // A relay that has just started watches anew, and sees what goes on; the other one does not.
  await fleet.relay().stop();
  await fleet.startRelay();
  await fleet.kube.create(configMap('late', { n: '0' }));
  await fleet.kube.create(podOn('edge-1', 'late', { configMaps: ['late'] }));
  await edit(fleet, 1);
  await arrives(device, 1);
  await podInCloud(fleet.kube, 'late', ({ phase }) => phase === 'Running');
  device.link.retarget(other.linkPort);
  device.link.flap();
  await inLog(fleet, 'relay-2', 'session opened');
  await edit(fleet, 2);
  await inventoried(other.metrics);
  assert.deepEqual(await settingsAt(device), { n: '1' });
  assert.ok(await device.local.get('pods', 'default', 'late'));
  await arrives(device, 2, 180_000);
  await inLog(fleet, 'relay-2', 'watch lags behind what agents hold');
  const metrics = await other.metrics();
  assert.equal(valueIn(metrics, 'hawser_relay_operations_total{operation="delete"}'), 0);
  assert.equal(valueIn(metrics, 'hawser_relay_epoch'), 1);
});

test('another cluster under the same address is followed neither by a running relay nor by an agent', {
  skip: embeddedOnly('objects in a file'),
  timeout: 480_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { keepData: true });
  const data = join(fleet.dir, 'objects.json');
  const held = await objectsSettled(device);
  await fleet.apiServer()?.stop();
  await rename(data, `${data}.ours`);
  await fleet.startApiServer();
  await fleet.kube.create(configMap('settings', { n: 'of another cluster' }));
  await until('the relay says what has happened', 60_000, undefined, async () => {
    const { status, text } = await fleet.relayReadiness();
    return status === 503 && text.includes('another cluster now');
  });
  await until('the agent is told to wait', 60_000, undefined, async () => {
    return JSON.stringify((await device.status()).session).includes('waiting: relaySyncing');
  });
  assert.deepEqual(await settingsAt(device), { n: '0' });
  assert.equal(await device.objectsHeld(), held);

  // The relay that is started now belongs to the other cluster, and the agent does not.
  await fleet.relay().stop();
  await fleet.startRelay();
  await inLog(fleet, 'edge-1', 'relay speaks for another cluster');
  assert.deepEqual(await settingsAt(device), { n: '0' });
  assert.equal(await device.objectsHeld(), held);
  assert.equal(await fleet.kube.get('nodes', '', 'edge-1'), undefined, 'nothing of it was told to the other cluster');

  await fleet.apiServer()?.stop();
  await rm(data);
  await rename(`${data}.ours`, data);
  await fleet.startApiServer();
  await fleet.relay().stop();
  await fleet.startRelay();
  await device.process().stop();
  await device.start();
  await edit(fleet, 1);
  await arrives(device, 1);
});

test('a running relay goes on when its own cluster answers again', {
  skip: embeddedOnly('objects in a file'),
  timeout: 480_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { keepData: true });
  const data = join(fleet.dir, 'objects.json');
  await fleet.apiServer()?.stop();
  await rename(data, `${data}.ours`);
  await fleet.startApiServer();
  await inLog(fleet, 'relay', 'the API server is another cluster now');
  await fleet.apiServer()?.stop();
  await rm(data);
  await rename(`${data}.ours`, data);
  await fleet.startApiServer();
  await inLog(fleet, 'relay', 'our cluster again');
  await edit(fleet, 1);
  await arrives(device, 1);
  assert.equal(await metric(fleet, 'hawser_relay_operations_total{operation="delete"}'), 0);
  assert.equal(await metric(fleet, 'hawser_relay_epoch'), 1);
});

test('an empty list deletes nothing, neither of a relay that runs nor of one that has just started', {
  skip: embeddedOnly('faults'),
  timeout: 480_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { faults: true }, 20);
  const held = await objectsSettled(device);
  const empty = { do: 'add', fault: { type: 'emptyList' }, pathPrefix: '/api/v1/configmaps', method: 'GET' };
  await fleet.fault({ do: 'add', fault: { type: 'expired' }, pathPrefix: '/api/v1/configmaps', watch: true });
  await fleet.fault(empty);
  await fleet.fault({ do: 'cutWatches' });
  await inLog(fleet, 'relay', 'list not taken before a second one says the same');
  await edit(fleet, 1);
  await arrives(device, 1);
  assert.equal(await metric(fleet, 'hawser_relay_operations_total{operation="delete"}'), 0);

  await fleet.relay().stop();
  await fleet.fault({ ...empty, times: 2 });
  await fleet.startRelay();
  await inLog(fleet, 'relay', /"resource":"configmaps","detail":"most of what a device holds would be deleted"/);
  await edit(fleet, 2);
  await arrives(device, 2);
  assert.equal(await metric(fleet, 'hawser_relay_operations_total{operation="delete"}'), 0);
  assert.equal(await objectsSettled(device), held);
});

test('an empty list to a relay that has just started does not take the few objects that a device holds of it', {
  skip: embeddedOnly('faults'),
  timeout: 240_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t, { faults: true });
  await fleet.relay().stop();
  await fleet.fault({ do: 'add', fault: { type: 'emptyList' }, pathPrefix: '/api/v1/configmaps', method: 'GET' });
  await fleet.startRelay();
  await inLog(fleet, 'relay', /"resource":"configmaps","detail":"the first list is empty"/);
  await edit(fleet, 1);
  await arrives(device, 1);
  assert.ok(await device.local.get('configmaps', 'default', 'kube-root-ca.crt'));
  assert.equal(await metric(fleet, 'hawser_relay_operations_total{operation="delete"}'), 0);
});

test('what was deleted and made again under its name while the link was cut is one change, to the new object', {
  timeout: 240_000,
}, async (t) => {
  const { fleet, device } = await runningPod(t);
  const before = await atDevice(device, 'configmaps', 'default', 'settings');
  device.link.cut();
  await fleet.kube.remove('configmaps', 'default', 'settings');
  await fleet.kube.create(configMap('settings', { n: 'made again' }));
  const made = await fleet.kube.get('configmaps', 'default', 'settings');
  device.link.restore();
  const after = await atDevice(
    device,
    'configmaps',
    'default',
    'settings',
    ({ metadata }) => metadata.uid !== before.metadata.uid,
  );
  assert.equal(after.metadata.uid, made?.metadata.uid);
  assert.deepEqual(after.data, { n: 'made again' });
  assert.equal(await metric(fleet, 'hawser_relay_operations_total{operation="delete"}'), 0);
});
