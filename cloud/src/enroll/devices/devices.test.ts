import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { pino } from 'pino';
import { startEmbeddedApiServer } from '../../../../test/apiserver/server.ts';
import { kubeClient } from '../../../../test/support/kube.ts';
import { until } from '../../../../test/support/until.ts';
import { createApiClient, loadCredentials } from '../../apiserver/index.ts';
import { systemClock } from '../../clock.ts';
import type { EnrolRequest } from '../types.ts';
import { createDevices, type WatchedDevices } from './devices.ts';
import { hash, NODE } from './testing/entries.ts';

const NAMESPACE = 'hawser-system';
const VALID_TO = new Date(Date.now() + 90 * 24 * 3_600_000);
const logger = pino({ level: 'silent' });

/** An API server, with the rights of deploy/manifests, and replicas that share it. */
async function scene(t: TestContext, replicas = 1) {
  const api = await startEmbeddedApiServer();
  t.after(() => api.close());
  const folder = mkdtempSync(join(tmpdir(), 'hawser-devices-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const kubeconfig = (who: 'admin' | 'relay') => {
    const path = join(folder, who);
    writeFileSync(path, api.kubeconfig(who));
    return path;
  };
  const kube = await kubeClient(kubeconfig('admin'));
  t.after(() => kube.close());
  const calls: string[] = [];
  const all = Array.from({ length: replicas }, () => {
    const client = createApiClient(loadCredentials({ kubeconfig: kubeconfig('relay') }), { logger });
    const devices = createDevices({
      client,
      namespace: NAMESPACE,
      graceDays: 365,
      instance: 'relay-0',
      clock: systemClock,
      random: Math.random,
      logger,
      counts: { apiCall: (verb, status) => calls.push(`${verb} ${status}`) },
      identity: { check: async () => undefined, doubt: () => undefined },
      onRestored: () => false,
      onStatus: () => undefined,
    });
    t.after(async () => {
      await devices.stop();
      client.close();
    });
    return devices;
  });
  const [devices] = all;
  assert.ok(devices);
  return { api, kube, devices, all, calls };
}

async function started(...all: readonly WatchedDevices[]): Promise<void> {
  for (const devices of all) {
    devices.start();
    await until('the records', 60_000, undefined, async () => devices.status().state === 'synced');
  }
}

const joining = (key: number, fields: Partial<EnrolRequest> = {}): EnrolRequest => ({
  nodeName: NODE,
  key: hash(key),
  validTo: VALID_TO,
  mayReplace: false,
  remote: '192.0.2.1:40000',
  ...fields,
});

const why = (devices: WatchedDevices, key: number) => {
  const verdict = devices.verdict(NODE, hash(key));
  return verdict.type === 'admitted' ? verdict.as : verdict.why;
};

const becomes = (devices: WatchedDevices, key: number, expected: string) =>
  until(`key ${key} to be ${expected}`, 60_000, undefined, async () => why(devices, key) === expected);

const record = (node: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: `device-${node}`, namespace: NAMESPACE, labels: { 'hawser.dev/device': 'true' } },
  data: { node, revokedAt: '2030-01-01T00:00:00Z', revokedReason: 'stolen' },
});

test('nobody is let in before the records are read, and then who is unknown, but for a revocation', async (t) => {
  const { kube, devices } = await scene(t);
  await kube.create(record(NODE));
  assert.equal(why(devices, 1), 'notSynced');
  await started(devices);
  assert.equal(why(devices, 1), 'revoked');
  assert.deepEqual(devices.verdict('truck-2', hash(1)), { type: 'admitted', as: 'unknown' });
});

test('a device that joins at one replica is known there at once and at the other by its watch; kubectl reads the record', async (t) => {
  const { kube, all } = await scene(t, 2);
  const [here, there] = all;
  assert.ok(here && there);
  await started(here, there);
  assert.deepEqual(await here.enrol(joining(1)), { type: 'written' });
  assert.deepEqual([why(here, 1), why(here, 2)], ['key', 'otherKey']);
  await becomes(there, 1, 'key');
  const [kept] = await kube.list('configmaps', NAMESPACE, 'labelSelector=hawser.dev/device');
  assert.equal(kept?.metadata.name, `device-${NODE}`);
  assert.deepEqual(Object.keys(Object(kept?.data)).sort(), ['enrolledAt', 'issuedAt', 'key', 'node', 'validTo']);
});

test('two devices that join one free name at two replicas: one gets it', async (t) => {
  const { all } = await scene(t, 2);
  await started(...all);
  const outcomes = await Promise.all(all.map((devices, index) => devices.enrol(joining(index + 1))));
  assert.deepEqual(outcomes.map(({ type }) => type).sort(), ['refused', 'written']);
});

test('the name of a Node that did not join is held; an administrator takes it, and an Event on the Node says so', async (t) => {
  const { kube, devices } = await scene(t);
  await kube.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  await started(devices);
  const refused = await devices.enrol(joining(1));
  assert.ok(refused.type === 'refused' && refused.reason === 'nameHeld');
  assert.deepEqual(await devices.enrol(joining(1, { mayReplace: true })), { type: 'written' });
  const event = await until('the Event', 60_000, undefined, async () =>
    (await kube.list('events', 'default')).find(({ reason }) => reason === 'DeviceReplaced'),
  );
  assert.deepEqual([event.type, event.involvedObject], ['Warning', { apiVersion: 'v1', kind: 'Node', name: NODE, uid: NODE }]);
  assert.match(String(event.message), /from 192\.0\.2\.1:40000/);
});

test('a record that another replica has just written is known at once to whoever looks again', async (t) => {
  const { all, api } = await scene(t, 2);
  await started(...all);
  const [here, there] = all;
  assert.ok(here && there);
  await here.enrol(joining(1));
  await becomes(there, 1, 'key');
  api.faults.silenceWatches();
  await here.enrol(joining(2, { mayReplace: true }));
  assert.equal(why(there, 2), 'otherKey');
  await there.lookAgain(NODE);
  assert.deepEqual([why(there, 1), why(there, 2)], ['otherKey', 'key']);
});

test('a device that is replaced is told to whoever listens, at every replica', async (t) => {
  const { all } = await scene(t, 2);
  await started(...all);
  const [here, there] = all;
  assert.ok(here && there);
  await here.enrol(joining(1));
  await becomes(there, 1, 'key');
  const told: string[] = [];
  for (const devices of all) devices.onChange((node) => told.push(`${node} ${why(devices, 1)}`));
  await here.enrol(joining(2, { mayReplace: true }));
  await until('both to be told', 60_000, undefined, async () => told.length >= 2);
  assert.deepEqual(told, [`${NODE} otherKey`, `${NODE} otherKey`]);
});

test('a revocation by kubectl is told, a record that is made unreadable too, and one that is deleted admits again', async (t) => {
  const { kube, devices } = await scene(t);
  await started(devices);
  const told: string[] = [];
  devices.onChange((node) => told.push(node));
  await devices.enrol(joining(1));
  await kube.patch('configmaps', NAMESPACE, `device-${NODE}`, { data: { revokedAt: '2030-01-01T00:00:00Z' } });
  await becomes(devices, 1, 'revoked');
  await kube.patch('configmaps', NAMESPACE, `device-${NODE}`, { data: { revokedAt: 'yes' } });
  await becomes(devices, 1, 'unreadable');
  assert.deepEqual(
    [...devices.counts()].filter(([, count]) => count > 0),
    [['unreadable', 1]],
  );
  await kube.remove('configmaps', NAMESPACE, `device-${NODE}`);
  await becomes(devices, 1, 'unknown');
  assert.deepEqual(new Set(told), new Set([NODE]));
});

describe('a renewed device', () => {
  test('is let in by both keys until it has linked with the next one, which is then written, whatever comes between', async (t) => {
    const { api, kube, devices } = await scene(t);
    await started(devices);
    await devices.enrol(joining(1));
    assert.deepEqual(await devices.renewing(NODE, hash(1), hash(2), VALID_TO), { type: 'written' });
    assert.deepEqual([why(devices, 1), why(devices, 2)], ['key', 'nextKey']);
    api.faults.add({ method: 'PUT', times: 2, fault: { type: 'answer', status: 503 } });
    api.faults.add({ method: 'PUT', fault: { type: 'cut' } });
    devices.linked(NODE, hash(2));
    await becomes(devices, 1, 'otherKey');
    assert.equal(why(devices, 2), 'key');
    const kept = await kube.get('configmaps', NAMESPACE, `device-${NODE}`);
    assert.equal(Object(kept?.data).key, hash(2));
  });

  test('that another writes meanwhile is decided on anew', async (t) => {
    const { all } = await scene(t, 2);
    await started(...all);
    const [here, there] = all;
    assert.ok(here && there);
    await here.enrol(joining(1));
    const outcomes = await Promise.all([
      here.renewing(NODE, hash(1), hash(2), VALID_TO),
      there.renewing(NODE, hash(1), hash(3), VALID_TO),
    ]);
    assert.deepEqual(outcomes, [{ type: 'written' }, { type: 'written' }]);
    assert.equal([2, 3].filter((key) => why(here, key) === 'nextKey' || why(there, key) === 'nextKey').length >= 1, true);
  });
});

test('an API server that is away, or refuses, is an error and no answer', async (t) => {
  const { api, devices } = await scene(t);
  await started(devices);
  await api.close();
  await assert.rejects(devices.enrol(joining(1)), { code: 'unreachable' });
  assert.equal(why(devices, 1), 'unknown', 'what was read before stands');
});
