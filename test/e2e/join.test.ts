import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStore } from '@hawser/edge';
import { startBalancer } from '../net/balancer.ts';
import { startCuttingProxy } from '../net/cutting-proxy.ts';
import { startHttpProxy } from '../net/http-proxy.ts';
import { startEnrolmentEndpoint } from '../support/enrolment-endpoint.ts';
import type { Fleet } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import { createAuthority } from '../support/pki.ts';
import { runCommand } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';
import { AGENT, addressOf, administer, deviceIn, hashIn, lineOf, secretIn } from './joining.ts';

/** Devices join a relay that makes its own certificates, by the lines that its command prints. */

test('from a relay without any certificate to a ConfigMap on the device: the line that a command prints, and hawser-agent run', {
  timeout: 360_000,
}, async (t) => {
  const fleet = await fleetFor(t, { agents: [], identities: 'joined' });
  const device = deviceIn(t, fleet, 'truck-1');
  const unjoined = await device.command('run');
  assert.equal(unjoined.code, 2);
  assert.match(unjoined.stderr, /this device has not joined: .*\n.*hawser-agent join wss:/);

  const line = await lineOf(fleet, [addressOf(fleet)], '--node-name', 'truck-1', '--single-use');
  const lost = await answerLost(fleet, (url) => device.command(...line.with(1, url)));
  assert.equal(lost.code, 5, lost.stderr);
  const isJoined = (text: string) => /^hawser_relay_enrolments_total\{outcome="joined"\} 2$/m.test(text);
  assert.ok(isJoined(await fleet.relayMetrics()), 'the relay has used the token, and the device does not know');
  const joined = await device.command(...line);
  assert.equal(joined.code, 0, joined.stderr);
  assert.match(joined.stdout, /^Next: +hawser-agent run --data-dir /m);
  const agent = await device.start();
  await nodeReady(fleet.kube, 'truck-1');
  await fleet.kube.create(configMap('settings', { greeting: 'hello' }));
  await fleet.kube.create(podOn('truck-1', 'web', { configMaps: ['settings'] }));
  await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running');
  const { stdout } = await device.command('get', 'configmaps', 'settings', '-o', 'json');
  assert.equal(JSON.parse(stdout).data.greeting, 'hello');

  const again = await device.command(...line);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /as truck-1, again, by/);
  assert.match(again.stderr, /an agent runs here: it uses the new certificate from its next dial on/);
  await agent.stop();
  await device.start();
  await device.inSync();

  const store = readStore(join(device.dataDir, 'agent.db'));
  t.after(() => store.close());
  const secret = secretIn(line);
  const written = [joined.stdout, joined.stderr, again.stdout, again.stderr, JSON.stringify(store.facts())];
  for (const name of readdirSync(fleet.dir).filter((file) => file.endsWith('.log'))) {
    written.push(readFileSync(join(fleet.dir, name), 'utf8'));
  }
  assert.ok(!written.some((text) => text.includes(secret)), 'the token is in what was written');
});

test('whoever stands between, with an authority of the same name, is told nothing; nor is the relay by who was given another hash', {
  timeout: 240_000,
}, async (t) => {
  const fleet = await fleetFor(t, { agents: [], identities: 'joined' });
  const line = await lineOf(fleet, [addressOf(fleet)]);
  const published = await administer(fleet, 'ca', 'status', '-o', 'json');
  const name = String(JSON.parse(published).current.subject).replace('CN=', '');
  const between = await startEnrolmentEndpoint({ authority: await createAuthority(name) });
  t.after(between.close);
  const device = deviceIn(t, fleet, 'truck-1');
  const caught = await device.command(...line.with(1, between.url), '--node-name', 'truck-1');
  assert.equal(caught.code, 9, caught.stderr);
  assert.match(caught.stderr, /no authority of .* has the key with the given hash/);
  assert.deepEqual([between.connections, between.bytesReceived, between.joins.length], [1, 0, 0]);

  const metrics = async () => (await fleet.relayMetrics()).match(/^hawser_relay_enrolments_total\{.*\} [1-9].*$/gm) ?? [];
  const wrong = await device.command(...line.with(line.indexOf('--ca-hash') + 1, between.caHash), '--node-name', 'truck-1');
  assert.equal(wrong.code, 9, wrong.stderr);
  assert.deepEqual(await metrics(), [], 'the relay has decided about nothing');

  const right = await device.command(...line, '--ca-hash', between.caHash, '--node-name', 'truck-1');
  assert.equal(right.code, 0, right.stderr);
  assert.equal(
    hashIn(line),
    JSON.parse((await device.command(...line, '--node-name', 'truck-1', '-o', 'json')).stdout).authorities[0].keyHash,
  );
});

test('what a relay refuses is said, with what to do; a name is taken only by a token that was made for it, and who had it is out', {
  timeout: 360_000,
}, async (t) => {
  const fleet = await fleetFor(t, { agents: [], identities: 'joined' });
  const [first, second] = [deviceIn(t, fleet, 'one'), deviceIn(t, fleet, 'two')];
  const ordinary = await lineOf(fleet, [addressOf(fleet)]);
  const forgotten = ordinary.with(ordinary.indexOf('--token') + 1, 'zzzzzz.0123456789abcdef');
  const named = (line: readonly string[]) => [...line, '--node-name', 'truck-1'];

  const badToken = await first.command(...named(forgotten));
  assert.equal(badToken.code, 7);
  assert.match(badToken.stderr, /has refused \(badToken\): /);
  assert.equal((await first.command(...named(ordinary))).code, 0);
  await first.start();
  await first.inSync();

  const held = await second.command(...named(ordinary));
  assert.equal(held.code, 7);
  assert.match(held.stderr, /has refused \(nameHeld\): /);
  const notAllowed = await second.command(...named(ordinary), '--replace');
  assert.equal(notAllowed.code, 7);
  assert.match(notAllowed.stderr, /has refused \(mayNotReplace\): .*--may-replace/);

  const replacing = await lineOf(fleet, [addressOf(fleet)], '--node-name', 'truck-1', '--single-use', '--may-replace');
  assert.ok(replacing.includes('--replace'));
  const replaced = await second.command(...replacing);
  assert.equal(replaced.code, 0, replaced.stderr);
  await until('the link of who had the name to be refused', 60_000, undefined, async () => {
    const { link } = await first.status();
    return link.state !== 'open' && /another key holds the name truck-1/.test(link.detail ?? '');
  });
  await until('an Event about it', 60_000, undefined, async () =>
    (await fleet.kube.list('events')).some(({ reason }) => reason === 'DeviceReplaced'),
  );
  await second.start();
  await second.inSync();
  const used = await deviceIn(t, fleet, 'three').command(...replacing);
  assert.equal(used.code, 7);
  assert.match(used.stderr, /has refused \(tokenUsed\): /);

  const renamed = await second.command(...ordinary, '--node-name', 'truck-2');
  assert.equal(renamed.code, 8);
  const before = second.deviceFile();
  const rejoined = await second.command(...ordinary, '--node-name', 'truck-2', '--rejoin');
  assert.equal(rejoined.code, 0, rejoined.stderr);
  assert.match(rejoined.stderr, /an agent runs here with what it was started with: restart it/);
  assert.notEqual(second.deviceFile(), before);
});

test('a device behind an HTTP proxy that wants a password joins and links by the second of two addresses, a balancer before two relays', {
  timeout: 480_000,
}, async (t) => {
  const names = { '--link-names': 'relay.example,127.0.0.1' };
  const fleet = await fleetFor(t, { agents: [], relays: 2, identities: 'joined', relayFlags: names });
  const balancer = await startBalancer(fleet.relays.map(({ linkPort }) => linkPort));
  t.after(balancer.close);
  const password = 'planted-proxy-password';
  const proxy = await startHttpProxy({ names: { 'relay.example:8443': balancer.port }, credentials: `truck:${password}` });
  t.after(proxy.close);
  const line = await lineOf(fleet, [`wss://127.0.0.1:${await freePort()}`, 'wss://relay.example:8443'], '--node-name', 'truck-1');

  const direct = await deviceIn(t, fleet, 'direct').command(...line);
  assert.equal(direct.code, 5);
  assert.match(direct.stderr, /refuses connections[\s\S]*relay\.example:8443 does not resolve/);
  const stranger = await deviceIn(t, fleet, 'stranger', { HTTPS_PROXY: proxy.url }).command(...line);
  assert.equal(stranger.code, 5);
  assert.match(stranger.stderr, /the proxy .* wants to know who we are \(HTTP 407\)/);

  const device = deviceIn(t, fleet, 'truck-1', { HTTPS_PROXY: proxy.url.replace('//', `//truck:${password}@`) });
  const joined = await device.command(...line);
  assert.equal(joined.code, 0, joined.stderr);
  const agent = await device.start();
  await device.inSync();
  await nodeReady(fleet.kube, 'truck-1');

  const opened = () => agent.lines.filter(({ msg }) => msg === 'link open').length;
  const links = opened();
  proxy.flap();
  await until('a link through the proxy again', 60_000, undefined, async () => opened() > links);
  await fleet.relays[0]?.process().stop();
  await until('a link by the relay that is left', 60_000, undefined, async () => {
    const text = await fleet.relays[1]?.metrics();
    return /^hawser_relay_sessions(\{[^}]*\})? 1$/m.test(text ?? '');
  });
  await device.inSync();
  assert.ok(
    balancer.taken().every((count) => count > 0),
    `${balancer.taken()}`,
  );
  assert.ok(proxy.tunnels.every((target) => target === 'relay.example:8443'));
  const written = [joined.stdout, joined.stderr, stranger.stderr, readFileSync(device.logFile, 'utf8')];
  assert.ok(!written.some((text) => text.includes(password)), 'the password is in what was written');
});

/** Joins by a proxy that cuts the connection in the certificate, which is the last that the relay sends. */
async function answerLost(fleet: Fleet, command: (url: string) => ReturnType<typeof runCommand>) {
  const port = fleet.relays[0]?.linkPort ?? 0;
  const whole = await startCuttingProxy(port, Number.POSITIVE_INFINITY, () => {});
  const other = await lineOf(fleet, [whole.url]);
  const measured = await runCommand({
    name: 'hawser-agent join',
    args: [AGENT, ...other, '--node-name', 'other', '--data-dir', join(fleet.dir, 'measured')],
  });
  whole.close();
  assert.equal(measured.code, 0, measured.stderr);
  const cutting = await startCuttingProxy(port, whole.passed() - 200, () => {});
  try {
    return await command(cutting.url);
  } finally {
    cutting.close();
  }
}
