import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { commandsOf } from '../support/page.ts';
import type { RunningProcess } from '../support/processes.ts';
import { configMap, fleetFor, nodeReady, podInCloud, podOn } from './harness.ts';
import { addressOf, administer, deviceIn, lineOf } from './joining.ts';

/** What docs/operations.md tells an operator to do, done line by line. */

test('a device goes to another cluster by the commands of the page, and takes nothing of the old one along', {
  timeout: 360_000,
}, async (t) => {
  const [old, next] = await Promise.all([0, 1].map(() => fleetFor(t, { agents: [], identities: 'joined' })));
  assert.ok(old !== undefined && next !== undefined);
  const device = deviceIn(t, old, 'truck-17');
  const joined = await device.command(...(await lineOf(old, [addressOf(old)], '--node-name', 'truck-17', '--single-use')));
  assert.equal(joined.code, 0, joined.stderr);
  let agent: RunningProcess = await device.start();
  await nodeReady(old.kube, 'truck-17');
  await old.kube.create(configMap('of-old', { from: 'old' }));
  await old.kube.create(podOn('truck-17', 'of-old', { configMaps: ['of-old'] }));
  await podInCloud(old.kube, 'of-old', ({ phase }) => phase === 'Running');
  await next.kube.create(configMap('of-next', { from: 'next' }));
  await next.kube.create(podOn('truck-17', 'of-next', { configMaps: ['of-next'] }));

  const words = await lineOf(next, [addressOf(next)], '--node-name', 'truck-17', '--single-use');
  const placeholders = ['join', 'wss://relay.new:8443', '--token', 'ID.SECRET', '--ca-hash', 'sha256:HEX'];
  const given: Record<string, string> = {};
  for (const [at, placeholder] of placeholders.entries()) given[placeholder] = words[at] ?? '';
  const onDevice = commandsOf('docs/operations.md', 'Move a fleet to another cluster').slice(0, 4);
  for (const line of onDevice) {
    const [program, ...rest] = line.split(' ');
    if (line === 'systemctl stop hawser-agent') await agent.stop();
    else if (line === 'systemctl start hawser-agent') agent = await device.start();
    else {
      assert.equal(program, 'hawser-agent', line);
      const isJoin = rest[0] === 'join';
      const { code, stderr } = await device.command(
        ...rest.map((word) => given[word] ?? word),
        ...(isJoin ? ['--node-name', 'truck-17'] : []),
      );
      assert.equal(code, 0, `${line}: ${stderr}`);
    }
  }
  await nodeReady(next.kube, 'truck-17');
  await podInCloud(next.kube, 'of-next', ({ phase }) => phase === 'Running');
  const { stdout } = await device.command('get', 'pods', '-A', '-o', 'json');
  const { items } = JSON.parse(stdout) as { items: { metadata: { name: string } }[] };
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['of-next'],
  );
  assert.ok(readdirSync(device.dataDir).some((name) => name.startsWith('agent.db.aside-')));

  const forgotten = await administer(old, 'revoke', 'truck-17', '--forget');
  assert.match(forgotten, /truck-17/);
  assert.equal(await old.kube.get('nodes', '', 'truck-17'), undefined);
});
