import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podOn } from './harness.ts';

const OBJECTS = 2_000;
const OBJECTS_PER_POD = 100;
/** What etcd takes at most is 1.5 MB; base64 of random bytes compresses to three quarters. */
const LARGE_TEXT = randomBytes(750_000).toString('base64');

const rssMb = (pid: number) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
const memory = (fleet: Fleet, device: FleetAgent) =>
  `relay ${rssMb(fleet.relay().pid).toFixed(0)} MB, agent ${rssMb(device.process().pid).toFixed(0)} MB`;

/** Runs `act`, and asks the device's own API all the while. Returns how long each took at most, in ms. */
async function whileAsking(device: FleetAgent, act: () => Promise<unknown>): Promise<{ took: number; longestAnswer: number }> {
  let isDone = false;
  let longestAnswer = 0;
  const start = performance.now();
  const asking = (async () => {
    while (!isDone) {
      const asked = performance.now();
      await device.local.get('nodes', '', device.name);
      longestAnswer = Math.max(longestAnswer, performance.now() - asked);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    await act();
  } finally {
    isDone = true;
    await asking;
  }
  return { took: performance.now() - start, longestAnswer };
}

function inSync(device: FleetAgent, timeoutMs: number) {
  return until(`${device.name} in sync`, timeoutMs, undefined, async () => {
    const { session } = (await device.status()) as { session?: { state: string } };
    return session?.state === 'inSync';
  });
}

test('a ConfigMap of 1 MB is sent, changed, and taken back', { timeout: 240_000 }, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'] });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');
  // Its API answers once it has had all its objects.
  await atDevice(device, 'nodes', '', 'edge-1');
  await fleet.kube.create(configMap('large', { text: LARGE_TEXT, n: '0' }));
  device.link.resetCount();
  const first = await whileAsking(device, async () => {
    await fleet.kube.create(podOn('edge-1', 'web', { configMaps: ['large'] }));
    const held = await atDevice(device, 'configmaps', 'default', 'large');
    assert.deepEqual(held.data, { text: LARGE_TEXT, n: '0' });
  });
  const sent = device.link.counted().down;
  t.diagnostic(
    `first: ${first.took.toFixed(0)} ms, ${sent} bytes; the device answered within ${first.longestAnswer.toFixed(0)} ms`,
  );
  device.link.resetCount();
  const changed = await whileAsking(device, async () => {
    await fleet.kube.patch('configmaps', 'default', 'large', { data: { n: '1' } });
    const held = await atDevice(device, 'configmaps', 'default', 'large', ({ data }) => (data as { n: string }).n === '1');
    assert.deepEqual(held.data, { text: LARGE_TEXT, n: '1' });
  });
  const { down } = device.link.counted();
  t.diagnostic(
    `one key changed: ${changed.took.toFixed(0)} ms, ${down} bytes; answers within ${changed.longestAnswer.toFixed(0)} ms`,
  );
  t.diagnostic(memory(fleet, device));
  assert.ok(sent > 700_000, 'it does not compress');
  assert.ok(down < 20_000, 'a change of it is a difference');
  await fleet.kube.remove('pods', 'default', 'web', 0);
  await until('it goes with its last pod', 60_000, undefined, async () => {
    return (await device.local.get('configmaps', 'default', 'large')) === undefined;
  });
});

test('2,000 objects on a device: first sync, restarts of both sides, a difference', { timeout: 480_000 }, async (t) => {
  const fleet = await fleetFor(t, { agents: ['edge-1'] });
  const [device] = fleet.agents;
  assert.ok(device);
  await nodeReady(fleet.kube, 'edge-1');
  const name = (n: number) => `config-${n}`;
  const create = async (from: number) => {
    for (let n = from; n < OBJECTS; n += 8)
      await fleet.kube.create(configMap(name(n), { text: randomBytes(375).toString('base64') }));
  };
  await Promise.all(Array.from({ length: 8 }, (_, from) => create(from)));
  device.link.cut();
  for (let pod = 0; pod < OBJECTS / OBJECTS_PER_POD; pod++) {
    const configMaps = Array.from({ length: OBJECTS_PER_POD }, (_, n) => name(pod * OBJECTS_PER_POD + n));
    await fleet.kube.create(podOn('edge-1', `web-${pod}`, { configMaps }));
  }
  const holdsAll = () =>
    until('all pods on the device', 90_000, undefined, async () => {
      return (await device.local.list('pods')).length === OBJECTS / OBJECTS_PER_POD;
    });

  await t.test('come in a first sync, and the device answers meanwhile', async (t) => {
    device.link.restore();
    device.link.resetCount();
    const { took, longestAnswer } = await whileAsking(device, holdsAll);
    assert.ok((await device.local.list('configmaps')).length >= OBJECTS);
    const { up, down } = device.link.counted();
    t.diagnostic(
      `${took.toFixed(0)} ms with the dialling, ${down} bytes down, ${up} up; answers within ${longestAnswer.toFixed(0)} ms`,
    );
    t.diagnostic(memory(fleet, device));
  });

  await t.test('are not sent again after a restart of the agent', async (t) => {
    await inSync(device, 60_000);
    await device.process().stop();
    device.link.resetCount();
    await device.start();
    await inSync(device, 60_000);
    const { up, down } = device.link.counted();
    t.diagnostic(`${down} bytes down, ${up} up; ${memory(fleet, device)}`);
    assert.ok(down < 200_000);
  });

  await t.test('are compared after a restart of the relay, and what has changed is sent', async (t) => {
    await fleet.relay().stop();
    for (let n = 0; n < 10; n++) await fleet.kube.patch('configmaps', 'default', name(n * 7), { data: { changed: String(n) } });
    await fleet.kube.remove('pods', 'default', 'web-19', 0);
    device.link.resetCount();
    const start = performance.now();
    await fleet.startRelay();
    for (let n = 0; n < 10; n++) {
      await atDevice(
        device,
        'configmaps',
        'default',
        name(n * 7),
        ({ data }) => (data as { changed?: string }).changed === String(n),
        60_000,
      );
    }
    await until('what is no longer needed goes', 60_000, undefined, async () => {
      return (await device.local.get('configmaps', 'default', name(OBJECTS - 1))) === undefined;
    });
    const { up, down } = device.link.counted();
    t.diagnostic(
      `${(performance.now() - start).toFixed(0)} ms with the start of the relay, ${down} bytes down, ${up} up; ${memory(fleet, device)}`,
    );
    assert.ok(down < 200_000);
  });
});
