import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { atDevice } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { commandsFor, fleetFor, nodeReady, podOn, secret } from './harness.ts';

const SECRETS = 400;
const BYTES_EACH = 512 * 1024;
/** What the relay may take with 200 MB of Secrets in the cluster that no edge node needs. */
const LIMIT_MB = 150;

const peakMb = (pid: number) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

test('200 MB of Secrets that no device needs take no room in the relay', { timeout: 480_000 }, async (t) => {
  const bundles = await commandsFor(t);
  const fleet = await fleetFor(t, { agents: ['edge-1'], relayMain: bundles.relay });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');
  const filler = 'x'.repeat(BYTES_EACH);
  const create = async (from: number) => {
    for (let i = from; i < SECRETS; i += 4) await fleet.kube.create(secret(`unrelated-${i}`, { filler: `${i}-${filler}` }));
  };
  await Promise.all([0, 1, 2, 3].map(create));
  const watched = peakMb(fleet.relay().pid);

  // Once more from the beginning: a relay that finds all of them in its first list.
  await fleet.relay().stop();
  await fleet.startRelay();
  await fleet.kube.create(secret('needed', { a: 'b' }));
  await fleet.kube.create(podOn('edge-1', 'web', { secrets: ['needed', 'unrelated-7'] }));
  await atDevice(device, 'secrets', 'default', 'needed', undefined, 90_000);
  await atDevice(device, 'secrets', 'default', 'unrelated-7');
  await until(
    'the pod on the device',
    30_000,
    undefined,
    async () => (await device.local.get('pods', 'default', 'web')) !== undefined,
  );
  const listed = peakMb(fleet.relay().pid);
  t.diagnostic(
    `peak resident memory of the relay: ${watched.toFixed(0)} MB while they were made, ${listed.toFixed(0)} MB with all in the first list`,
  );
  assert.ok(watched < LIMIT_MB && listed < LIMIT_MB, `${watched} and ${listed} MB, at most ${LIMIT_MB}`);
});
