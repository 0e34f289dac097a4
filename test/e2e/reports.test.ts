import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { embeddedOnly } from '../kubernetes/which.ts';
import { type ChangeHistory, followChanges } from '../support/change-history.ts';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';
import {
  countEvent,
  emptyOutbox,
  ending,
  NAMESPACE,
  outboxOf,
  plainPod,
  readyMessage,
  refusalsOf,
  registered,
  removePod,
  writeEvent,
  writePodStatus,
} from './kubelet.ts';

/** What a device has to say, through cuts, restarts and failures of everything on the way; and about objects that are others by then. */

const FAST_DIALS = { '--backoff-base-ms': '50', '--backoff-cap-ms': '300' };

interface Scene {
  readonly fleet: Fleet;
  readonly device: FleetAgent;
  readonly history: ChangeHistory;
}

/** A registered device whose kubelet the test plays. */
async function played(t: TestContext, options: Partial<Parameters<typeof fleetFor>[1]> = {}): Promise<Scene> {
  const agentFlags = { ...FAST_DIALS, '--workload': 'none' };
  const fleet = await fleetFor(t, { agents: ['edge-1'], agentFlags, ...options });
  const [device] = fleet.agents;
  assert.ok(device);
  const history = followChanges(fleet.kube, ['pods', 'events', 'nodes']);
  t.after(() => history.stop());
  await registered(fleet.kube, device);
  return { fleet, device, history };
}

async function podsAt({ fleet, device }: Scene, names: readonly string[]): Promise<void> {
  for (const name of names) await fleet.kube.create(plainPod(device.node, name));
  for (const name of names) await atDevice(device, 'pods', NAMESPACE, name);
}

const PODS = ['one', 'two', 'three', 'four', 'five', 'six'];
const STATUSES_EACH = 30;
const EVENTS = 500;
const ENDED = ['ended-1', 'ended-2', 'ended-3'];

test('an hour’s worth of reports, made while the link is cut, comes about once, though the relay is killed in the middle', {
  timeout: 480_000,
}, async (t) => {
  const scene = await played(t);
  const { fleet, device, history } = scene;
  await podsAt(scene, PODS);
  for (const name of ENDED) await ending(fleet.kube, device, name);
  await writeEvent(device, 'repeated');
  await emptyOutbox(device);

  device.link.cut();
  // As a cluster does with every Event after an hour.
  await fleet.kube.remove('events', NAMESPACE, 'repeated');
  await countEvent(device, 'repeated', 2);
  const events = Array.from({ length: EVENTS }, (_, n) => `event-${n}`);
  for (let n = 0; n < STATUSES_EACH; n += 1) {
    for (const name of PODS) await writePodStatus(device, name, `${name} ${n}`);
    for (const name of events.slice((n * EVENTS) / STATUSES_EACH, ((n + 1) * EVENTS) / STATUSES_EACH))
      await writeEvent(device, name);
  }
  for (const name of ENDED) await removePod(device, name);
  assert.equal(outboxOf(device), PODS.length + EVENTS + 1 + ENDED.length, 'statuses of a pod are one');

  device.link.restore();
  const arrived = () => events.filter((name) => history.count('ADDED', 'events', NAMESPACE, name) > 0).length;
  await until('a part of the Events', 60_000, undefined, async () => arrived() > EVENTS / 10);
  await fleet.relay().kill();
  t.diagnostic(`the relay was killed after ${arrived()} of ${EVENTS} Events`);
  await fleet.startRelay();
  await emptyOutbox(device, 120_000);
  await history.caughtUp();

  for (const name of events) assert.equal(history.of('events', NAMESPACE, name).length, 1, name);
  const repeated = await fleet.kube.get('events', NAMESPACE, 'repeated');
  assert.deepEqual([repeated?.count, repeated?.message], [2, 'image is present'], 'it is made anew, whole');
  for (const name of PODS) {
    assert.equal(history.count('MODIFIED', 'pods', NAMESPACE, name), 1, name);
    assert.equal(readyMessage((await fleet.kube.get('pods', NAMESPACE, name)) ?? assert.fail()), `${name} ${STATUSES_EACH - 1}`);
  }
  for (const name of ENDED) assert.equal(history.count('DELETED', 'pods', NAMESPACE, name), 1, name);
  assert.deepEqual(refusalsOf(device), []);
});

test('an API server that is down, and then has no time, gets every report in the end, and not before it asked', {
  skip: embeddedOnly('faults'),
  timeout: 360_000,
}, async (t) => {
  const scene = await played(t, { keepData: true, faults: true });
  const { fleet, device } = scene;
  await podsAt(scene, PODS);
  await emptyOutbox(device);
  await fleet.apiServer()?.stop();
  for (const name of PODS) await writePodStatus(device, name, 'down');
  await writeEvent(device, 'down');
  await until('a call without an answer', 60_000, undefined, async () => {
    return /hawser_relay_api_calls_total\{verb="(PATCH|POST)",code="none"\} [1-9]/.test(await fleet.relayMetrics());
  });
  assert.equal(outboxOf(device), PODS.length + 1);
  await fleet.startApiServer();
  await emptyOutbox(device, 120_000);
  for (const name of PODS) assert.equal(readyMessage((await fleet.kube.get('pods', NAMESPACE, name)) ?? assert.fail()), 'down');
  assert.ok(await fleet.kube.get('events', NAMESPACE, 'down'));

  const retryAfterSeconds = 2;
  const fault = { type: 'answer', status: 429, retryAfterSeconds };
  await fleet.fault({ do: 'add', write: true, as: 'system:node:edge-1', times: 1, fault });
  const began = performance.now();
  await writePodStatus(device, 'one', 'busy');
  await emptyOutbox(device);
  const seconds = (performance.now() - began) / 1000;
  assert.ok(seconds >= retryAfterSeconds, `tried again after ${seconds.toFixed(2)} s`);
  assert.equal(readyMessage((await fleet.kube.get('pods', NAMESPACE, 'one')) ?? assert.fail()), 'busy');
  assert.deepEqual(refusalsOf(device), []);
});

test('what a device says about a pod never meets the pod that has its name now', { timeout: 360_000 }, async (t) => {
  const scene = await played(t);
  const { fleet, device, history } = scene;
  await podsAt(scene, ['written', 'removed']);
  await emptyOutbox(device);
  const older = new Set<string | undefined>();
  for (const name of ['written', 'removed']) older.add((await fleet.kube.get('pods', NAMESPACE, name))?.metadata.uid);

  device.link.cut();
  await writePodStatus(device, 'written', 'of the older');
  await removePod(device, 'removed');
  for (const name of ['written', 'removed']) {
    await fleet.kube.remove('pods', NAMESPACE, name, 0);
    await fleet.kube.create(plainPod(device.node, name));
  }
  device.link.restore();
  await emptyOutbox(device);
  for (const name of ['written', 'removed']) {
    const isNewer = ({ metadata }: KubeObject) => !older.has(metadata.uid);
    const newer = await atDevice(device, 'pods', NAMESPACE, name, isNewer);
    await history.caughtUp();
    const seen = history.of('pods', NAMESPACE, name).filter(({ object }) => object.metadata.uid === newer.metadata.uid);
    assert.deepEqual(
      seen.map(({ type }) => type),
      ['ADDED'],
      `${name} is as it was made`,
    );
    await writePodStatus(device, name, 'of the newer');
    await emptyOutbox(device);
    assert.equal(readyMessage((await fleet.kube.get('pods', NAMESPACE, name)) ?? assert.fail()), 'of the newer');
  }
  // That a removal finds its pod gone is what it wanted; of a status somebody should know.
  assert.match(refusalsOf(device).join(), /^pods\/written 4\d\d$/);
});

for (const when of ['linked', 'not linked'] as const) {
  test(`a Node that is deleted in the cluster while its device is ${when} is registered anew, and nothing is refused`, {
    timeout: 180_000,
  }, async (t) => {
    const fleet = await fleetFor(t, { agents: ['edge-1'], agentFlags: FAST_DIALS });
    const [device] = fleet.agents;
    assert.ok(device);
    const { kube } = fleet;
    const { metadata: before } = await nodeReady(kube, 'edge-1');
    await kube.create(configMap('settings', { n: '0' }));
    await kube.create(podOn('edge-1', 'web', { configMaps: ['settings'] }));
    await podInCloud(kube, 'web', ({ phase }) => phase === 'Running');
    await emptyOutbox(device);
    if (when === 'not linked') device.link.cut();
    await kube.remove('nodes', '', 'edge-1');
    device.link.restore();
    const after = await until('another Node, Ready and labelled', 60_000, undefined, async () => {
      const node = await nodeReady(kube, 'edge-1');
      const isAnother = node.metadata.uid !== before.uid;
      return isAnother && node.metadata.labels?.['node-role.kubernetes.io/edge'] !== undefined ? node : undefined;
    });
    await atDevice(device, 'nodes', '', 'edge-1', ({ metadata }) => metadata.uid === after.metadata.uid);
    await kube.patch('configmaps', 'default', 'settings', { data: { n: '1' } });
    await atDevice(device, 'configmaps', 'default', 'settings', ({ data }) => Object(data).n === '1');
    await emptyOutbox(device);
    assert.deepEqual(refusalsOf(device), []);
  });
}
