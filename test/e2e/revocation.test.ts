import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { decodeEnrolled, type Enrolled, readCertificate, renewalProof, signProof } from '@hawser/protocol';
import { ScriptedAgent } from '../relay/scripted-agent.ts';
import { type DeviceKey, deviceKey, joinOver } from '../support/enrol-client.ts';
import { atDevice, type Fleet, type FleetAgent, type FleetRelay } from '../support/fleet.ts';
import { type LogLine, runCommand } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';

const says = (msg: string) => (line: LogLine) => line.msg === msg;

/** `hawser-relay` as an administrator runs it: a process of its own, which ends well. */
async function administer(fleet: Fleet, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand({
    name: `hawser-relay ${args[0]}`,
    args: ['cloud/src/main.ts', ...args, '--kubeconfig', fleet.kubeconfig],
  });
  assert.equal(code, 0, stderr);
  return stdout;
}

function one<T>(of: readonly T[], index: number): T {
  const found = of[index];
  assert.ok(found !== undefined);
  return found;
}

async function refusals(relay: FleetRelay, why: string): Promise<number> {
  const line = (await relay.metrics())
    .split('\n')
    .find((text) => text.startsWith(`hawser_relay_links_refused_total{why="${why}"}`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

const linked = (agent: FleetAgent) =>
  until(`the link of ${agent.name}`, 60_000, undefined, async () => {
    const { session } = (await agent.status()) as { session: { state: string } };
    return session.state === 'inSync';
  });

const linkOf = async (agent: FleetAgent) => (await agent.status()).link as { state: string; detail: string };

test('a revoked device loses its link at once at the replica that has it, and is let in by none until that is taken back', {
  timeout: 480_000,
}, async (t) => {
  const fleet = await fleetFor(t, { relays: 2, agents: [{ node: 'edge-1', relay: 1 }, 'edge-2'] });
  const [here, there] = [one(fleet.relays, 0), one(fleet.relays, 1)];
  const [device, other] = [one(fleet.agents, 0), one(fleet.agents, 1)];
  await nodeReady(fleet.kube, 'edge-1');
  await nodeReady(fleet.kube, 'edge-2');
  await fleet.kube.create(configMap('settings', { n: '0' }));
  for (const node of ['edge-1', 'edge-2']) await fleet.kube.create(podOn(node, `web-${node}`, { configMaps: ['settings'] }));
  await podInCloud(fleet.kube, 'web-edge-1', ({ phase }) => phase === 'Running');
  await linked(device);
  await linked(other);

  const began = Date.now();
  assert.match(
    await administer(fleet, 'revoke', 'edge-1', '--reason', 'stolen in Bremen'),
    /^edge-1: revoked: stolen in Bremen\n/,
  );
  const asked = Date.now();
  const ended = await there.process().line('the end of the session', says('session ended'));
  t.diagnostic(`cut ${Date.now() - began} ms after the command began, ${Math.max(0, Date.now() - asked)} ms after it was done`);
  assert.deepEqual([ended.node, ended.how], ['edge-1', 'revoked']);
  assert.match(String(ended.detail), /edge-1 was revoked on .*: stolen in Bremen/);
  const told = await device
    .process()
    .line('the word of it', (line) => line.level === 'error' && /stolen/.test(String(line.detail)));
  t.diagnostic(`the agent says: ${told.msg}: ${told.detail}`);
  const down = await device.process().line('the wait', (line) => line.msg === 'link down' && /stolen/.test(String(line.detail)));
  assert.equal(down.retryInMs, 3_600_000);
  const { state, detail } = await linkOf(device);
  assert.equal(state, 'down');
  assert.match(detail, /revoked: edge-1 was revoked on .*: stolen in Bremen/);
  const pod = await device.local.get('pods', 'default', 'web-edge-1');
  assert.equal(Object(pod?.status).phase, 'Running', 'its pods go on');

  // Started anew it dials at once: refused by both replicas, whatever their caches.
  for (const relay of [there, here]) {
    const before = await refusals(relay, 'revoked');
    device.link.retarget(relay.linkPort);
    await device.process().stop();
    await device.start();
    await until(`${relay.name} to refuse it`, 60_000, undefined, async () => (await refusals(relay, 'revoked')) > before);
    const line = await relay.process().line('the refusal', says('link refused'));
    assert.deepEqual([line.node, line.why], ['edge-1', 'revoked']);
    await until('its status', 60_000, undefined, async () => /HTTP 403.*stolen in Bremen/.test((await linkOf(device)).detail));
  }
  await fleet.kube.patch('configmaps', 'default', 'settings', { data: { n: '1' } });
  await atDevice(other, 'configmaps', 'default', 'settings', ({ data }) => (data as { n: string }).n === '1');
  assert.equal(other.process().lines.some(says('link down')), false, 'the other device has noticed nothing');

  assert.match(await administer(fleet, 'revocations'), /^NODE.*\nedge-1 .*stolen in Bremen\n$/);
  assert.equal(JSON.parse(await administer(fleet, 'revocations', '-o', 'json')).length, 1);
  assert.match(await administer(fleet, 'unrevoke', 'edge-1'), /^edge-1: no longer revoked/);
  assert.match(await administer(fleet, 'revocations'), /^nothing is revoked/);
  await device.process().stop();
  await device.start();
  await atDevice(device, 'configmaps', 'default', 'settings', ({ data }) => (data as { n: string }).n === '1');

  const forgotten = await administer(fleet, 'revoke', 'edge-1', '--forget');
  assert.match(forgotten, /^edge-1: revoked\n/);
  assert.match(forgotten, /\nedge-1: Node deleted\n$/);
  await here.process().line('its end', (line) => line.msg === 'session ended' && line.how === 'revoked');
  await device.process().stop();
  await device.start();
  await until('its refusal', 60_000, undefined, async () => /HTTP 403/.test((await linkOf(device)).detail));
  assert.equal(await fleet.kube.get('nodes', '', 'edge-1'), undefined, 'nobody registers it again');
});

/** A link of a device that has joined; its frames are played by the test. */
async function linkWith(
  t: TestContext,
  relay: FleetRelay,
  certificates: readonly Uint8Array[],
  key: DeviceKey,
  { authorities }: Enrolled,
) {
  const pem = (chain: readonly Uint8Array[]) => chain.map((der) => readCertificate(der).toString()).join('');
  const keyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const dialled = await ScriptedAgent.dial(relay.linkPort, { certificatePem: pem(certificates), keyPem }, pem(authorities));
  t.after(() => dialled.agent.close());
  return dialled;
}

test('another device takes a name with an administrator’s token: the older is cut at the other replica, an Event tells it; its key is renewed over the link', {
  timeout: 480_000,
}, async (t) => {
  const fleet = await fleetFor(t, { relays: 2, agents: ['edge-1'], identities: 'joined' });
  const [here, there] = [one(fleet.relays, 0), one(fleet.relays, 1)];
  const device = one(fleet.agents, 0);
  await nodeReady(fleet.kube, 'edge-1');
  await linked(device);
  assert.match(await administer(fleet, 'devices'), /^NODE.*\nedge-1 .* enrolled\n$/);

  const line = await administer(
    fleet,
    'token',
    'create',
    '--node-name',
    'edge-1',
    '--may-replace',
    '--relay',
    'wss://127.0.0.1:1',
  );
  const token = / --token (\S+)/.exec(line)?.[1] ?? '';
  const key = deviceKey();
  const asked = { nodeName: 'edge-1' };
  assert.equal((await joinOver({ port: there.linkPort }, token, key, asked)).reason, 'nameHeld', 'it has to ask for it');
  const joined = await joinOver({ port: there.linkPort }, token, key, { ...asked, replace: true });
  assert.equal(joined.status, 200, joined.text);
  const enrolled = decodeEnrolled(joined.text);

  const ended = await here
    .process()
    .line('the end of the older', (said) => said.msg === 'session ended' && said.node === 'edge-1');
  assert.equal(ended.how, 'revoked');
  assert.match(String(ended.detail), /another key holds the name edge-1/);
  const event = await until('the Event', 60_000, undefined, async () =>
    (await fleet.kube.list('events', 'default')).find(({ reason }) => reason === 'DeviceReplaced'),
  );
  assert.equal(event.type, 'Warning');
  assert.match(String(event.message), /has joined as edge-1 and takes the place of device sha256:/);
  await until('its status', 60_000, undefined, async () => /another key holds the name/.test((await linkOf(device)).detail));

  // At once at the replica that did not enrol it, whatever its watch has brought by then.
  const first = await linkWith(t, here, enrolled.certificates, key, enrolled);
  assert.equal(first.welcome.nodeName, 'edge-1');

  const next = deviceKey();
  const [leaf] = enrolled.certificates;
  assert.ok(leaf !== undefined);
  first.agent.send({
    type: 'renew',
    publicKey: next.spki,
    proof: signProof(renewalProof(readCertificate(leaf)), next.privateKey),
  });
  const renewed = await first.agent.message('the renewal', ({ type }) => type === 'renewed');
  assert.ok(renewed.type === 'renewed' && renewed.outcome.type === 'issued', JSON.stringify(renewed));
  assert.match(await administer(fleet, 'devices'), /\nedge-1 .* renewing\n$/);
  const second = await linkWith(t, there, renewed.outcome.certificates, next, enrolled);
  assert.equal(second.welcome.nodeName, 'edge-1');
  await until('its promotion', 60_000, undefined, async () => /\nedge-1 .* enrolled\n$/.test(await administer(fleet, 'devices')));
  for (const relay of fleet.relays) {
    await assert.rejects(linkWith(t, relay, enrolled.certificates, key, enrolled), /403/, 'the older key is over everywhere');
  }
  assert.match(await here.metrics(), /^hawser_relay_renewals_total\{outcome="issued"\} 1$/m);
});
