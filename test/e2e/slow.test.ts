import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ScriptedAgent } from '../relay/scripted-agent.ts';
import { atDevice, type Fleet, type FleetAgent } from '../support/fleet.ts';
import { configMap, fleetFor, nodeReady, podOn } from './harness.ts';

/** Changes that the healthy device is watched to receive while the others misbehave. */
const PROBES = 20;
/** An object that takes longer than a silence may last: 20 KB once compressed, some 20 s of the slow link. */
const LARGE_BASE64_BYTES = 20_000;

const rssMb = (pid: number) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** The sum over a metric's labels. */
async function metric(fleet: Fleet, name: string): Promise<number> {
  const lines = (await fleet.relayMetrics())
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  assert.ok(lines.length > 0, `${name} is no metric`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

function sessionEnded(fleet: Fleet, node: string) {
  return fleet
    .relay()
    .line(`the end of the session of ${node}`, ({ msg, node: of }) => msg === 'session ended' && of === node, 60_000);
}

/** Objects of a device's own that it has not had yet, and a pod that needs them and the probe. */
async function giveWork(fleet: Fleet, node: string, sizes: readonly number[]): Promise<void> {
  for (const [n, bytes] of sizes.entries()) {
    await fleet.kube.create(configMap(`${node}-${n}`, { value: randomBytes(bytes).toString('base64') }));
  }
  const configMaps = ['probe', ...sizes.map((_, n) => `${node}-${n}`)];
  await fleet.kube.create(podOn(node, `web-${node}`, { configMaps }));
}

/** A pod goes after everything that it needs. */
async function hasAll(agent: FleetAgent, timeoutMs: number): Promise<void> {
  await atDevice(agent, 'pods', 'default', `web-${agent.name}`, undefined, timeoutMs);
}

test('devices that are slow, deaf, mute and flapping cost themselves and no other', { timeout: 480_000 }, async (t) => {
  const fleet = await fleetFor(t, {
    agents: ['good', 'slow', 'deaf', 'mute', 'flapping'],
    relayFlags: { '--limits-answer-seconds': '15' },
    agentFlags: { '--backoff-cap-ms': '1000' },
  });
  const [good, slow, deaf, mute, flapping] = fleet.agents;
  assert.ok(good && slow && deaf && mute && flapping);
  for (const { name } of fleet.agents) await nodeReady(fleet.kube, name);
  await fleet.kube.create(configMap('probe', { n: '0' }));
  await giveWork(fleet, 'good', []);
  await atDevice(good, 'configmaps', 'default', 'probe');
  const lists = await metric(fleet, 'hawser_relay_reflector_lists_total');
  const before = rssMb(fleet.relay().pid);

  await mute.process().stop();
  const pem = (name: string) => readFile(join(fleet.dir, 'pki', name), 'utf8');
  const pair = { certificatePem: await pem('mute.crt'), keyPem: await pem('mute.key') };
  const { agent: scripted } = await ScriptedAgent.dial(mute.link.port, pair, await pem('ca.crt'));
  scripted.isMute = true;

  slow.link.shape({ bytesPerSecond: 1_000 });
  slow.link.resetCount();
  deaf.link.freeze('down');
  flapping.link.shape({ bytesPerSecond: 20_000 });
  flapping.link.resetCount();
  const flaps = setInterval(() => flapping.link.flap(), 1_000);
  t.after(() => clearInterval(flaps));
  await giveWork(fleet, 'slow', [500, LARGE_BASE64_BYTES, 500]);
  await giveWork(fleet, 'deaf', Array<number>(20).fill(30_000));
  await giveWork(fleet, 'mute', [500, 500]);
  await giveWork(fleet, 'flapping', Array<number>(20).fill(2_000));

  await t.test('a healthy device gets each change at once meanwhile', async (t) => {
    const took: number[] = [];
    let most = 0;
    for (let n = 1; n <= PROBES; n++) {
      const start = performance.now();
      await fleet.kube.patch('configmaps', 'default', 'probe', { data: { n: String(n) } });
      await atDevice(good, 'configmaps', 'default', 'probe', ({ data }) => (data as { n: string }).n === String(n));
      took.push(performance.now() - start);
      most = Math.max(most, rssMb(fleet.relay().pid));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    took.sort((a, b) => a - b);
    t.diagnostic(`edit to device: median ${took[PROBES / 2]?.toFixed(0)} ms, longest ${took.at(-1)?.toFixed(0)} ms`);
    t.diagnostic(`relay: ${before.toFixed(0)} MB before, ${most.toFixed(0)} MB at most`);
    // On a machine of any speed: what waits for a link that is dead or slow would take longer.
    assert.ok((took.at(-1) ?? 0) < 10_000, `${took.at(-1)} ms`);
  });

  await t.test('one that reads nothing is cut, though it speaks', async () => {
    assert.equal((await sessionEnded(fleet, 'deaf')).how, 'lost');
  });

  await t.test('one that never acks is told so, and to come back later', async () => {
    assert.equal(await scripted.closed, 4009);
    const goodbye = scripted.messages.at(-1);
    assert.ok(goodbye?.type === 'goodbye');
    assert.match(goodbye.detail, /^the ack of batch \d+ did not come within \d+ s$/);
    assert.equal(goodbye.retryAfterMs, 60_000);
  });

  await t.test('one that flaps gets on from connection to connection, and is in sync when it holds still', async (t) => {
    t.diagnostic(`${flapping.link.counted().connections} connections, ${flapping.link.counted().down} bytes down`);
    assert.ok(flapping.link.counted().connections >= 5);
    clearInterval(flaps);
    await hasAll(flapping, 60_000);
  });

  await t.test('one that reads 1 KB/s gets all of it over one connection', async (t) => {
    await hasAll(slow, 60_000);
    await atDevice(slow, 'configmaps', 'default', 'probe', ({ data }) => (data as { n: string }).n === String(PROBES), 60_000);
    const { down, connections } = slow.link.counted();
    t.diagnostic(`${down} bytes at 1,000 a second`);
    assert.equal(connections, 0);
    assert.ok(down < 60_000, 'each change of the probe under way is sent once more at most, not each of twenty');
  });

  await t.test('nobody was listed again, and what was deaf comes back', async () => {
    assert.equal(await metric(fleet, 'hawser_relay_reflector_lists_total'), lists);
    deaf.link.restore();
    await hasAll(deaf, 60_000);
  });
});
