import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Clock } from '@hawser/edge';
import { systemClock } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type LocalDevice, startLocalDevice } from './device.ts';

const LIST = '/api/v1/namespaces/shop/configmaps';

function configMap(index: number): KubeObject {
  const uid = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
  const metadata = { name: `map-${index}`, namespace: 'shop', uid, resourceVersion: String(index + 1) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { n: String(index) } };
}

interface List {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubeObject[];
}

async function listed(device: LocalDevice, query = ''): Promise<List> {
  const { status, json } = await device.call('GET', `${LIST}${query}`, { token: device.access.token });
  assert.equal(status, 200, JSON.stringify(json));
  return json as unknown as List;
}

/** Everything that a client may still hold of a device. */
interface Held {
  readonly position: string;
  readonly token: string;
}

async function held(device: LocalDevice): Promise<Held> {
  const { metadata } = await listed(device, '?limit=1');
  assert.ok(metadata.continue);
  return { position: metadata.resourceVersion, token: metadata.continue };
}

async function watched(device: LocalDevice, query: string): Promise<{ type: string; object: KubeObject }[]> {
  const { status, bytes } = await device.call('GET', `${LIST}?watch=true&timeoutSeconds=1&${query}`, {
    token: device.access.token,
  });
  assert.equal(status, 200);
  return bytes
    .toString()
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

async function assertExpired(device: LocalDevice, { position, token }: Held): Promise<void> {
  for (const query of [`?resourceVersion=${position}&resourceVersionMatch=Exact`, `?resourceVersion=${position}&limit=1`]) {
    const { status, json } = await device.call('GET', `${LIST}${query}`, { token: device.access.token });
    assert.deepEqual([status, json?.reason], [410, 'Expired'], query);
  }
  const goingOn = await device.call('GET', `${LIST}?limit=1&continue=${token}`, { token: device.access.token });
  assert.deepEqual([goingOn.status, goingOn.json?.reason], [410, 'Expired']);
  const rest = goingOn.json?.metadata.continue;
  assert.equal(
    (await device.call('GET', `${LIST}?limit=1&continue=${rest}`, { token: device.access.token })).status,
    200,
    'it names a way to go on',
  );
  const [first, ...others] = await watched(device, `resourceVersion=${position}`);
  assert.deepEqual([first?.type, first?.object.code, first?.object.reason, others.length], ['ERROR', 410, 'Expired', 0]);
}

/** A store that was lost: another begins in its place, on a clock that says whatever it says. */
async function replaced(t: TestContext, device: LocalDevice, clock: Clock = systemClock): Promise<LocalDevice> {
  await device.stop();
  for (const name of ['agent.db', 'agent.db-wal', 'agent.db-shm']) rmSync(join(device.folder, name), { force: true });
  const next = await startLocalDevice({ folder: device.folder, clock });
  t.after(next.close);
  return next;
}

test('positions of a store that was replaced are told to list again, whether they are above or below', async (t) => {
  const first = await startLocalDevice();
  t.after(first.close);
  first.put(...Array.from({ length: 5 }, (_, index) => configMap(index)));
  // Where stores begin is drawn at random: some begin above the one before, some below.
  let device = first;
  const sides = new Set<boolean>();
  for (let round = 0; round < 20 && sides.size < 2; round += 1) {
    const before = await held(device);
    device = await replaced(t, device);
    device.put(...Array.from({ length: 8 }, (_, index) => configMap(index)));
    const { position } = await held(device);
    sides.add(Number(before.position) > Number(position));
    await assertExpired(device, before);
  }
  assert.equal(sides.size, 2, 'both were met');
  const above = BigInt((await held(device)).position) + 1n;
  const [error] = await watched(device, `resourceVersion=${above}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`);
  assert.deepEqual([error?.type, error?.object.code], ['ERROR', 410]);
  const notOlder = await device.call('GET', `${LIST}?resourceVersion=${above}&resourceVersionMatch=NotOlderThan`, {
    token: device.access.token,
  });
  assert.deepEqual([notOlder.status, notOlder.json?.reason], [410, 'Expired']);
});

test("a clock that begins anew with each store leads nobody to another store's changes", async (t) => {
  const clock: Clock = { ...systemClock, now: () => new Date(1_000) };
  const first = await startLocalDevice({ clock });
  t.after(first.close);
  first.put(...Array.from({ length: 5 }, (_, index) => configMap(index)));
  const before = await held(first);
  const second = await replaced(t, first, clock);
  second.put(...Array.from({ length: 20 }, (_, index) => configMap(index)));
  await assertExpired(second, before);
});

test('in one store positions rise over restarts, and a watch goes on from one of before', async (t) => {
  const first = await startLocalDevice();
  t.after(first.close);
  first.put(configMap(0), configMap(1));
  const { position, token } = await held(first);
  await first.stop();
  const second = await startLocalDevice({ folder: first.folder });
  t.after(second.close);
  const { items } = await listed(second, `?limit=1&continue=${token}`);
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['map-1'],
  );
  second.put(configMap(2));
  const { metadata } = await listed(second);
  assert.ok(Number(metadata.resourceVersion) > Number(position));
  const events = await watched(second, `resourceVersion=${position}`);
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.metadata.name]),
    [['ADDED', 'map-2']],
  );
  const exact = await listed(second, `?resourceVersion=${position}&resourceVersionMatch=Exact`);
  assert.deepEqual([exact.metadata.resourceVersion, exact.items.length], [position, 2]);
  const newer = await listed(second, `?resourceVersion=${position}&resourceVersionMatch=NotOlderThan`);
  assert.equal(newer.items.length, 3);
});
