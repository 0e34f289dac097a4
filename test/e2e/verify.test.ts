import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { atDevice } from '../support/fleet.ts';
import { valueIn } from '../support/metrics-page.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

/** Rows of the store that something else than the agent has changed: noticed, repaired, counted on both sides and logged. */

/** A fleet of one in sync, whose agent reads its few rows again each second or so. */
async function inSync(t: TestContext) {
  const fleet = await fleetFor(t, { agents: ['edge-1'], agentFlags: { '--recheck-seconds': '1', '--ops-port': '0' } });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');
  for (const name of ['one', 'two', 'three']) await fleet.kube.create(configMap(name, { text: `needle-${name}.` }));
  await fleet.kube.create(podOn('edge-1', 'web', { configMaps: ['one', 'two', 'three'] }));
  await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running');
  return { fleet, device, store: join(device.dataDir, 'agent.db') };
}

function foreign(store: string, statement: string): void {
  const db = new Database(store);
  assert.equal(db.prepare(statement).run().changes, 1);
  db.close();
}

/** What is in the row of that object. */
function rowOf(store: string, name: string, resource = 'configmaps') {
  const db = new Database(store, { readonly: true });
  const row = db
    .prepare<[string, string], { body: string; hash: string; refused: string | null }>(
      'SELECT uid, resource_version, body, hash, refused FROM objects WHERE resource = ? AND name = ?',
    )
    .get(resource, name);
  db.close();
  return row;
}

const DAMAGES: readonly (readonly [string, string, string, string])[] = [
  [
    'a letter of a body',
    "UPDATE objects SET body = replace(body, 'needle', 'noodle') WHERE name = 'two'",
    'body',
    'stored body damaged',
  ],
  ['a digit of a hash', "UPDATE objects SET hash = substr(hash, 2) || '0' WHERE name = 'two'", 'row', 'stored row damaged'],
  ['a row', "DELETE FROM objects WHERE name = 'two'", 'lost', 'stored rows lost'],
];

test('what another process does to a row is repaired while the link is idle, without any change in the cloud', {
  timeout: 360_000,
}, async (t) => {
  const { fleet, device, store } = await inSync(t);
  for (const [what, statement, kind, said] of DAMAGES) {
    await t.test(what, async () => {
      const mismatches = 'hawser_relay_digest_mismatches_total{told="check"}';
      const before = { row: rowOf(store, 'two'), mismatches: valueIn(await fleet.relayMetrics(), mismatches) };
      assert.ok(before.row);
      foreign(store, statement);
      assert.notDeepEqual(rowOf(store, 'two'), before.row);
      await until('the row is as it was', 60_000, undefined, async () => {
        const row = rowOf(store, 'two');
        return row !== undefined && JSON.stringify(row) === JSON.stringify(before.row);
      });
      await atDevice(device, 'configmaps', 'default', 'two', ({ data }) => Object(data).text === 'needle-two.');
      const metrics = await device.metrics();
      assert.equal(valueIn(metrics, `hawser_agent_damaged_rows_total{damage="${kind}"}`), 1);
      assert.equal(valueIn(await fleet.relayMetrics(), mismatches), before.mismatches + 1);
      await device.process().line(said, ({ msg }) => msg === said);
    });
  }
  await fleet.relay().line('the mismatch', ({ msg, told }) => msg === 'digest mismatch' && told === 'check');
  assert.equal(valueIn(await device.metrics(), 'hawser_agent_checks_total'), DAMAGES.length);
});

test('a byte of a body that changes in the file while the agent is stopped is repaired when it is back', {
  timeout: 240_000,
}, async (t) => {
  const { fleet, device, store } = await inSync(t);
  const before = rowOf(store, 'two');
  await device.process().stop();
  const text = Buffer.from('needle-two');
  assert.ok(before?.body.includes(text.toString()));
  const bytes = readFileSync(store);
  const descriptor = openSync(store, 'r+');
  let places = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1), places++) {
    writeSync(descriptor, 'N', at);
  }
  closeSync(descriptor);
  assert.ok(places >= 2, 'body and served state are in the database, as the log was taken into it at the stop');
  await device.start();
  await until(
    'the row is as it was',
    30_000,
    undefined,
    async () => JSON.stringify(rowOf(store, 'two')) === JSON.stringify(before),
  );
  assert.equal(valueIn(await device.metrics(), 'hawser_agent_damaged_rows_total{damage="body"}'), 1);
  assert.equal(valueIn(await fleet.relayMetrics(), 'hawser_relay_nacks_total'), 0);
  await device.process().line('the damage', ({ msg }) => msg === 'stored body damaged');

  await t.test('and a database whose log is gone serves nothing as whole before the relay has compared all of it', async () => {
    const inventories = valueIn(await fleet.relayMetrics(), 'hawser_relay_inventories_total');
    await device.process().kill();
    rmSync(`${store}-wal`);
    device.link.cut();
    await device.start();
    const list = () => device.local.raw('GET', '/api/v1/configmaps');
    const { status } = await list();
    assert.equal(status, 503);
    device.link.restore();
    await until('it serves', 60_000, undefined, async () => (await list()).status === 200);
    assert.equal(valueIn(await fleet.relayMetrics(), 'hawser_relay_inventories_total'), inventories + 1);
    assert.deepEqual(rowOf(store, 'two'), before);
    await device.process().line('the log', (line) => JSON.stringify(line).includes('the log of the store is gone'));
  });
});

test('nothing that is meant to be there is taken for damage', { timeout: 240_000 }, async (t) => {
  const { fleet, device, store } = await inSync(t);
  const inventories = valueIn(await fleet.relayMetrics(), 'hawser_relay_inventories_total');
  const rounds = valueIn(await device.metrics(), 'hawser_agent_reread_rounds_total');
  // The hollow node's events and statuses, and a pod that the cloud has it delete.
  await fleet.kube.create(podOn('edge-1', 'short', { configMaps: ['one'] }));
  await podInCloud(fleet.kube, 'short', ({ phase }) => phase === 'Running');
  await fleet.kube.remove('pods', 'default', 'short', 1);
  await until('the pod is gone', 60_000, undefined, async () => (await fleet.kube.get('pods', 'default', 'short')) === undefined);
  await until('its row is gone', 60_000, undefined, async () => rowOf(store, 'short', 'pods') === undefined);
  // While the link is cut the device deletes a pod of its own accord: it is counted in the digest until the cloud has deleted it too.
  device.link.cut();
  await device.local.remove('pods', 'default', 'web', 0);
  device.link.restore();
  await until('the cloud has deleted it', 60_000, undefined, async () => {
    return (await fleet.kube.get('pods', 'default', 'web')) === undefined && rowOf(store, 'web', 'pods') === undefined;
  });
  await until('all was read again', 60_000, undefined, async () => {
    return valueIn(await device.metrics(), 'hawser_agent_reread_rounds_total') >= rounds + 3;
  });
  assert.equal(valueIn(await fleet.relayMetrics(), 'hawser_relay_inventories_total'), inventories);
  const metrics = await device.metrics();
  for (const damage of ['row', 'lost', 'body', 'write', 'served'])
    assert.equal(valueIn(metrics, `hawser_agent_damaged_rows_total{damage="${damage}"}`), 0, damage);
  assert.equal(valueIn(metrics, 'hawser_agent_checks_total'), 0);
});
