import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import { MAY_BE_DELETED } from '../enroll/devices/administration.ts';
import { recordData } from '../enroll/devices/record.ts';
import { device, hash } from '../enroll/devices/testing/entries.ts';
import { saidBy, startCluster } from './testing/cluster.ts';

const NAMESPACE = 'hawser-system';

async function scene(t: TestContext) {
  const { api, kube, admin } = await startCluster(t);
  return { api, kube, relay: (...args: string[]) => saidBy(args, admin) };
}

const record = (node: string, data: KubeObject['data']): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: `device-${node}`, namespace: NAMESPACE, labels: { 'hawser.dev/device': 'true', team: 'north' } },
  data,
});

const dataOf = (nodeName: string) => recordData(device({ nodeName, validTo: new Date('2100-01-01T00:00:00Z') }));

test('a device is revoked, listed and let in again; the same twice is no error and changes nothing', async (t) => {
  const { kube, relay } = await scene(t);
  await kube.create(record('truck-1', dataOf('truck-1')));
  assert.equal((await relay('revocations')).out, `nothing is revoked (namespace ${NAMESPACE})\n`);
  const revoked = await relay('revoke', 'truck-1', '--reason', 'stolen\nin Bremen');
  assert.deepEqual(revoked, { code: 0, out: 'truck-1: revoked: stolen in Bremen\n', error: '' });
  const again = await relay('revoke', 'truck-1', '--reason', 'lost');
  assert.match(again.out, /^truck-1: was revoked on 20\S+Z: stolen in Bremen\n$/);
  const listed = await relay('revocations');
  assert.match(listed.out, /^NODE +REVOKED +KEY +REASON\ntruck-1 +20\S+Z +sha256:010101010101 +stolen in Bremen\n$/);
  const kept = await kube.get('configmaps', NAMESPACE, 'device-truck-1');
  assert.equal(kept?.metadata.labels?.team, 'north', 'what others have put on it stays');
  assert.deepEqual(await relay('unrevoke', 'truck-1'), {
    code: 0,
    out: 'truck-1: no longer revoked (stolen in Bremen)\n',
    error: '',
  });
  assert.deepEqual(await relay('unrevoke', 'truck-1'), { code: 0, out: 'truck-1: is not revoked\n', error: '' });
  assert.deepEqual((await kube.get('configmaps', NAMESPACE, 'device-truck-1'))?.data, dataOf('truck-1'));
});

test('a node whose device never joined is revoked all the same, and nothing is left when it is taken back', async (t) => {
  const { kube, relay } = await scene(t);
  const { out } = await relay('revoke', 'truck-9');
  assert.match(
    out,
    /^truck-9: revoked\ntruck-9: no device of that name had joined; every certificate of it is refused\n.*: hawser-relay unrevoke truck-9\n/,
  );
  assert.match(out, /no sign of relays in the namespace hawser-system: .* name theirs with -n\n$/);
  assert.equal((await kube.get('configmaps', NAMESPACE, 'device-truck-9'))?.metadata.labels?.['hawser.dev/device'], 'true');
  await relay('unrevoke', 'truck-9');
  assert.equal(await kube.get('configmaps', NAMESPACE, 'device-truck-9'), undefined);
});

test('where other devices have joined, or an authority is published, nobody is warned of the namespace', async (t) => {
  const metadata = { name: 'hawser-ca', namespace: NAMESPACE };
  for (const sign of [record('truck-1', dataOf('truck-1')), { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: {} }]) {
    const { kube, relay } = await scene(t);
    assert.match((await relay('revoke', 'truck-8')).out, /no sign of relays/);
    await kube.create(sign);
    assert.doesNotMatch((await relay('revoke', 'truck-9')).out, /no sign of relays/);
  }
});

test('--forget deletes the Node, too, whether the device was revoked before or not', async (t) => {
  const { kube, relay } = await scene(t);
  // A finalizer keeps it, so that it can be seen: first it says that it may be deleted, as the chart's protection of Nodes asks for.
  await kube.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'truck-1', finalizers: ['example.com/kept'] } });
  assert.match((await relay('revoke', 'truck-1', '--forget')).out, /truck-1: Node deleted\n$/);
  const kept = (await kube.get('nodes', '', 'truck-1'))?.metadata;
  assert.deepEqual([kept?.annotations?.[MAY_BE_DELETED], kept?.deletionTimestamp === undefined], ['yes', false]);
  await kube.patch('nodes', '', 'truck-1', { metadata: { finalizers: null } });
  assert.equal(await kube.get('nodes', '', 'truck-1'), undefined);
  assert.match((await relay('revoke', 'truck-1', '--forget')).out, /was revoked .*\ntruck-1: there was no such Node\n$/);
});

test('devices are listed with their states, as a table and as JSON', async (t) => {
  const { kube, relay } = await scene(t);
  assert.equal((await relay('devices')).out, `no device has joined (namespace ${NAMESPACE})\n`);
  await kube.create(record('a', dataOf('a')));
  await kube.create(record('b', { ...dataOf('b'), validTo: '2020-01-01T00:00:00Z' }));
  await kube.create(record('c', { ...dataOf('c'), nextKey: hash(2) }));
  await kube.create(record('d', { ...dataOf('d'), key: 'none' }));
  await relay('revoke', 'e');
  const { out } = await relay('devices');
  const states = out.split('\n').map((line) => line.split(/ {3,}/));
  assert.deepEqual(states[0], ['NODE', 'KEY', 'ENROLLED', 'ISSUED', 'VALID TO', 'STATE']);
  assert.deepEqual(
    states.slice(1, -1).map(([node, , , , , state]) => [node, state]),
    [
      ['a', 'enrolled'],
      ['b', 'ended'],
      ['c', 'renewing'],
      ['(device-d)', 'unreadable: key is no sha256:HEX of a key'],
      ['e', 'revoked'],
    ],
  );
  const json = JSON.parse((await relay('devices', '-o', 'json')).out);
  assert.equal(json.length, 5);
  assert.deepEqual(
    json.find(({ node }: { node: string }) => node === 'c'),
    {
      node: 'c',
      record: 'device-c',
      state: 'renewing',
      key: hash(1),
      nextKey: hash(2),
      enrolledAt: '2029-12-02T00:00:00.000Z',
      issuedAt: '2030-01-01T00:00:00.000Z',
      validTo: '2100-01-01T00:00:00.000Z',
      revokedAt: null,
      revokedReason: null,
      problem: null,
    },
  );
});

test('a record that cannot be read can be revoked, and not be taken back to something', async (t) => {
  const { kube, relay } = await scene(t);
  await kube.create(record('d', { node: 'd', key: 'none' }));
  const refused = await relay('unrevoke', 'd');
  assert.equal(refused.code, 1);
  assert.match(refused.error, /^hawser-relay: the record of d cannot be read: .*ConfigMap device-d\n$/);
  assert.equal((await relay('revoke', 'd')).code, 0);
  assert.match((await relay('revocations')).out, /^d /m);
});

test('a wrong name is a wrong command line; an API server that is away, or refuses, is told in its words', async (t) => {
  const { api, relay } = await scene(t);
  const wrong = await relay('revoke', 'Truck_1');
  assert.deepEqual([wrong.code, wrong.error], [2, 'hawser-relay: "Truck_1" cannot be the name of a Node\n']);
  assert.equal((await relay('devices', '-o', 'xml')).code, 2);
  const missing = await relay('revoke', 'truck-1', '-n', 'nowhere');
  assert.equal(missing.code, 1);
  assert.match(missing.error, /the record of truck-1 was not written: namespaces "nowhere" not found/);
  await api.close();
  const away = await relay('devices');
  assert.equal(away.code, 1);
  assert.match(away.error, /^hawser-relay: /);
});

test('help tells what follows, with examples and exit codes', async (t) => {
  const { relay } = await scene(t);
  for (const name of ['revoke', 'unrevoke', 'revocations', 'devices']) {
    const { code, out } = await relay(name, '--help');
    assert.equal(code, 0);
    assert.match(out, new RegExp(`hawser-relay ${name === 'revocations' ? 'revocations -o json' : name}`));
    assert.match(out, /Exit codes:/);
  }
});
