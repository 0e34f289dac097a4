import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import Database from 'better-sqlite3';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

const SIZES = { small: 1_000, medium: 60_000, large: 1_000_000 } as const;
type Name = keyof typeof SIZES;
/** Of several changes the cheapest is taken: a ping may come in between. */
const CHANGES = 4;

/** Keys, hosts and hexadecimal digits: what compresses by about half. */
function content(bytes: number): Record<string, string> {
  const data: Record<string, string> = {};
  for (let n = 0, size = 0; size < bytes; n += 1) {
    const value = `${randomBytes(24).toString('hex')}.host-${n}.example.com:${n}`;
    data[`key-${n}`] = value;
    size += value.length + 14;
  }
  return data;
}

async function metric(fleet: Fleet, line: string): Promise<number> {
  const text = await fleet.relayMetrics();
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(`${line} `))
      ?.slice(line.length + 1) ?? 0,
  );
}

const ACKS = 'hawser_relay_messages_total{direction="in",type="ack"}';

/** A device that runs a pod which reads three ConfigMaps, after all reports about it have been answered. */
async function settled(t: TestContext): Promise<{ fleet: Fleet; device: FleetAgent }> {
  const fleet = await fleetFor(t, { agents: ['edge-1'] });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');
  for (const [name, bytes] of Object.entries(SIZES)) await fleet.kube.create(configMap(name, content(bytes)));
  await fleet.kube.create(podOn('edge-1', 'web', { configMaps: Object.keys(SIZES) }));
  await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running');
  await quiet(device);
  return { fleet, device };
}

/** Nothing more is to come on the link, in either direction: its bytes are those of the next change. */
async function quiet(device: FleetAgent): Promise<void> {
  await until('the device in sync and everything reported', 60_000, undefined, async () => {
    const { session, outbox } = JSON.parse(JSON.stringify(await device.status()));
    return session.state === 'inSync' && outbox.entries === 0;
  });
}

/** Replaces 40 characters of one value, waits until the device has acknowledged it, and gives the bytes on the link. */
async function changeOne(fleet: Fleet, device: FleetAgent, name: Name): Promise<{ up: number; down: number }> {
  // What is still to be acknowledged, whatever it is, would be counted with it, or be taken for its ack.
  const inSync = () =>
    until('the session in sync', 60_000, undefined, async () =>
      (await fleet.relayMetrics()).includes('hawser_relay_sessions{state="inSync"} 1\n'),
    );
  await inSync();
  const acks = await metric(fleet, ACKS);
  device.link.resetCount();
  const value = randomBytes(20).toString('hex');
  const changed = await fleet.kube.patch('configmaps', 'default', name, { data: { 'key-3': value } });
  await until('the ack', 60_000, undefined, async () => (await metric(fleet, ACKS)) > acks);
  await atDevice(device, 'configmaps', 'default', name, ({ data }) => isDeepStrictEqual(data, changed.data));
  await inSync();
  return device.link.counted();
}

async function arrives(fleet: Fleet, device: FleetAgent, name: Name): Promise<void> {
  const wanted = await fleet.kube.get('configmaps', 'default', name);
  await atDevice(device, 'configmaps', 'default', name, ({ data }) => isDeepStrictEqual(data, wanted?.data));
}

test('a change of one key costs a few bytes, whatever the size of its ConfigMap', { timeout: 360_000 }, async (t) => {
  const { fleet, device } = await settled(t);

  for (const name of Object.keys(SIZES) as Name[]) {
    await t.test(`one of ${SIZES[name]} bytes`, async (t) => {
      const costs = [];
      for (let n = 0; n < CHANGES; n += 1) costs.push(await changeOne(fleet, device, name));
      for (const { up, down } of costs) assert.ok(up + down < 2_000, `${up} up, ${down} down`);
      const [{ up, down } = { up: 0, down: 0 }] = costs.toSorted((a, b) => a.up + a.down - b.up - b.down);
      t.diagnostic(`${SIZES[name]} bytes: ${down} down, ${up} up, ${down + up} in all, TLS and all`);
      assert.ok(up + down <= (name === 'large' ? 400 : 250), `${up} up, ${down} down`);
    });
  }

  await t.test('all of them went as deltas', async () => {
    assert.equal(await metric(fleet, 'hawser_relay_delta_retries_total'), 0);
    assert.ok((await metric(fleet, 'hawser_relay_operations_total{operation="upsertDelta"}')) >= 3 * CHANGES);
  });

  await t.test('a relay that has just started sends what changed whole, and deltas after that', async () => {
    await fleet.relay().kill();
    await fleet.kube.patch('configmaps', 'default', 'medium', { data: { 'key-3': 'changed without a relay' } });
    await fleet.startRelay();
    await arrives(fleet, device, 'medium');
    assert.ok((await metric(fleet, 'hawser_relay_body_bytes_total{encoding="zstd"}')) > 20_000);
    // The ack of what has arrived would be taken for that of the next change.
    await quiet(device);
    const { up, down } = await changeOne(fleet, device, 'medium');
    assert.ok(up + down < 2_000);
  });

  await t.test('a row that was damaged while the agent was off is never built upon', async () => {
    await device.process().stop();
    const db = new Database(join(device.dataDir, 'agent.db'));
    const { changes } = db
      .prepare(`UPDATE objects SET body = replace(body, '"key-5":"', '"key-5":"damaged ') WHERE name IN ('small', 'medium')`)
      .run();
    db.close();
    assert.equal(changes, 2);
    await fleet.kube.patch('configmaps', 'default', 'medium', { data: { 'key-3': 'changed while the agent was off' } });
    await device.start();
    await arrives(fleet, device, 'medium');
    await fleet.kube.patch('configmaps', 'default', 'small', { data: { 'key-3': 'changed after it' } });
    await arrives(fleet, device, 'small');
  });
});
