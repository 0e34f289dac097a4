import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { freePort } from '../support/free-port.ts';
import { KubeError } from '../support/kube.ts';
import { smallDisk } from '../support/small-disk.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podOn } from './harness.ts';

/** The store, its log, tokens and certificates have some hundred KB. */
const DISK_BYTES = 24 * 1024 * 1024;

function ran(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

test('started on a full disk the device serves what it holds, takes nothing, and goes on by itself when there is room', {
  timeout: 300_000,
}, async (t) => {
  const disk = smallDisk(t, DISK_BYTES);
  if (disk === undefined) return t.skip('nothing can be mounted here: it takes root');
  let mounted: string | undefined;
  // Before the fleet's folder is removed: what is first to be done after is done first.
  t.after(() => mounted !== undefined && ran('umount', '--lazy', mounted));
  const fleet = await fleetFor(t, { agents: ['edge-1'], identities: 'joined' });
  const [device] = fleet.agents;
  assert.ok(device);
  const { kube } = fleet;
  await nodeReady(kube, 'edge-1');
  await kube.create(configMap('settings', { colour: 'red' }));
  await kube.create(podOn('edge-1', 'front', { configMaps: ['settings'] }));
  const running = () =>
    until('the pod running', 60_000, undefined, async () => {
      const pod = await kube.get('pods', 'default', 'front');
      return (pod?.status as { phase?: string } | undefined)?.phase === 'Running';
    });
  await running();

  // The same folder on a disk that can be filled.
  await device.process().stop();
  ran('cp', '-a', device.dataDir, `${disk.folder}/data`);
  ran('mount', '--bind', `${disk.folder}/data`, device.dataDir);
  mounted = device.dataDir;
  // The same one each time, so that it is found where it was.
  const port = { '--api-port': String(await freePort()) };
  disk.fill();

  await device.start(port);
  const agent = device.process();
  const started = (line: { msg?: unknown }) => line.msg === 'agent started';
  assert.ok(
    agent.lines.some(({ msg }) => String(msg).startsWith('the disk has no room for the store')),
    agent.tail(),
  );
  assert.equal((await device.status()).running, true, 'commands read beside it');
  const local = device.local;
  assert.equal((await local.get('pods', 'default', 'front'))?.metadata.name, 'front');
  assert.deepEqual((await local.get('configmaps', 'default', 'settings'))?.data, { colour: 'red' });
  await assert.rejects(
    local.create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'Pod', namespace: 'default', name: 'front' },
    } as never),
    (error) => error instanceof KubeError && error.status === 507,
  );
  await kube.patch('configmaps', 'default', 'settings', { data: { colour: 'blue' } });

  disk.free();
  await until('a start with the store', 60_000, undefined, async () => agent.lines.filter(started).length === 2);
  await until('what came meanwhile', 60_000, undefined, async () => {
    const held = await device.local.get('configmaps', 'default', 'settings').catch(() => undefined);
    return (held?.data as { colour?: string } | undefined)?.colour === 'blue';
  });
  await running();
  assert.deepEqual(await agent.stop(), { code: 0, signal: null });
});
