import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { KubeObject } from '@hawser/protocol';
import type { FleetAgent } from '../support/fleet.ts';
import { freePort } from '../support/free-port.ts';
import { KubeError } from '../support/kube.ts';
import { NOTHING_MOUNTED, smallDisk } from '../support/small-disk.ts';
import { until } from '../support/until.ts';
import { configMap, fleetFor, nodeReady, podOn } from './harness.ts';

/** The store, its log, tokens and certificates have some hundred KB. */
const DISK_BYTES = 24 * 1024 * 1024;

function ran(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

/** More than the log of the store has room for where the disk has none: what a ConfigMap may have, nearly. */
const LARGE = 'x'.repeat(900_000);

const isHeldBack = ({ msg }: { msg?: unknown }) => msg === 'no room for what the cloud sends: it is held back until there is';

function renewTime(lease: KubeObject | undefined): string | undefined {
  return (lease?.spec as { renewTime?: string } | undefined)?.renewTime;
}

/** What `status` says of the link, once it stands. */
function openLink(device: FleetAgent): Promise<Record<string, unknown>> {
  return until('the link open', 60_000, undefined, async () => {
    const { link } = await device.status();
    const told = link as Record<string, unknown>;
    return told.state === 'open' ? told : undefined;
  });
}

test('started on a full disk the device serves what it holds, takes nothing, keeps its link, and goes on by itself when there is room', {
  timeout: 300_000,
}, async (t) => {
  const disk = smallDisk(t, DISK_BYTES);
  if (disk === undefined) return t.skip(NOTHING_MOUNTED);
  let mounted: string | undefined;
  // Before the fleet's folder is removed: what is first to be done after is done first.
  t.after(() => mounted !== undefined && ran('umount', '--lazy', mounted));
  // The same one each time, so that it is found where it was.
  const apiPort = String(await freePort());
  const fleet = await fleetFor(t, { agents: ['edge-1'], identities: 'joined', agentFlags: { '--api-port': apiPort } });
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
  disk.fill();

  await device.start();
  const agent = device.process();
  const started = (line: { msg?: unknown }) => line.msg === 'agent started';
  assert.ok(
    agent.lines.some(({ msg }) => String(msg).startsWith('the disk has no room for the store')),
    agent.tail(),
  );
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
  // The link stands, though what comes over it cannot be taken: the relay goes on renewing the Lease, for a node that renews its own.
  const { since } = await openLink(device);
  await kube.patch('configmaps', 'default', 'settings', { data: { colour: 'blue' } });
  await agent.line('a batch that is held back', isHeldBack);
  const own = () => local.get('coordination.k8s.io/leases', 'kube-node-lease', 'edge-1');
  const inCloud = () => kube.get('coordination.k8s.io/leases', 'kube-node-lease', 'edge-1');
  const renewed = async (lease: () => Promise<KubeObject | undefined>) => {
    const before = renewTime(await lease());
    await until('a Lease that is renewed', 60_000, undefined, async () => renewTime(await lease()) !== before);
  };
  await Promise.all([renewed(own), renewed(inCloud)]);
  assert.equal((await device.status()).running, true, 'commands read beside it');
  assert.equal((await openLink(device)).since, since, 'the same link');

  disk.free();
  await until('a start with the store', 60_000, undefined, async () => agent.lines.filter(started).length === 2);
  const colour = (expected: string) =>
    until(`the colour ${expected}`, 60_000, undefined, async () => {
      const held = await device.local.get('configmaps', 'default', 'settings').catch(() => undefined);
      return (held?.data as { colour?: string } | undefined)?.colour === expected;
    });
  await colour('blue');
  await running();

  // The same while it runs.
  const { since: before } = await openLink(device);
  const heldBack = agent.lines.filter(isHeldBack).length;
  disk.fill();
  await kube.patch('configmaps', 'default', 'settings', { data: { colour: 'green', large: LARGE } });
  await until('another that is held back', 60_000, undefined, async () => agent.lines.filter(isHeldBack).length > heldBack);
  await colour('blue');
  disk.free();
  await colour('green');
  assert.equal((await openLink(device)).since, before, 'the same link');
  assert.deepEqual(await agent.stop(), { code: 0, signal: null });
});
