import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEAP_OPTIONS } from '../../../cloud/src/heap-options.ts';
import { startFleet } from '../../support/fleet.ts';
import type { BenchContext } from '../context.ts';
import { withEnding } from '../ending.ts';
import { ONE_ADDRESS } from '../one-address.ts';
import type { UpstreamOptions } from '../options.ts';
import { memoryOf, requireFiles } from '../workspace.ts';
import { apiServerCounts } from './api-server.ts';
import { nodeNames, writeCluster } from './cluster.ts';
import { DevicesFleet, wrongStatuses } from './devices-fleet.ts';
import { measureBesideFlood, measureSingles, measureThroughput, type Throughput } from './statuses.ts';
import { measureStorm, type Storm } from './storm.ts';

/** File descriptors that a relay needs beside one for each session. */
const OTHER_FILES = 400;
/** The relay reads every pod of the cluster first. */
const READY_TIMEOUT_MS = 300_000;
/** First sync of all agents, and the storm: minutes on two cores. */
const LONG_MS = 20 * 60_000;
const TELL_TIMEOUT_MS = 60_000;
/** After the first sync, so that what it left behind is not measured. */
const SETTLE_MS = 3_000;

export interface ManyFigures {
  readonly singles: readonly number[];
  readonly besideFlood: readonly number[];
  readonly throughput: Throughput;
  readonly storm: Storm;
  readonly relayRssMB: number;
  /** New versions of pods beyond the changes on the devices. */
  readonly duplicates: number;
  readonly wrongStatuses: number;
  readonly refused: number;
  readonly unavailable: number;
}

/** Many devices at one relay: one change at a time, as many as the relay takes, and all at once after it was away. */
export async function measureMany(options: UpstreamOptions, context: BenchContext): Promise<ManyFigures> {
  const { say, signal, nodeFlags } = context;
  await requireFiles(options.nodes + OTHER_FILES);
  const dir = join(context.dir, 'many');
  await mkdir(dir);
  const nodes = nodeNames(options.nodes);
  say(`a cluster of ${options.nodes} nodes with ${options.pods} pods each`);
  await writeCluster(join(dir, 'objects.json'), nodes, options.pods);
  return withEnding(signal, async (ending) => {
    const fleet = await startFleet({
      relayFlags: ONE_ADDRESS,
      dir,
      agents: [],
      keepData: true,
      counts: true,
      relayMain: context.relayMain,
      nodeFlags: [...HEAP_OPTIONS, ...nodeFlags],
      apiServerFlags: nodeFlags,
      signal,
      ownGroups: true,
    });
    ending.push(() => fleet.stop());
    const isReady = async () => {
      await fleet.relay().line('ready', ({ msg }) => msg === 'relay ready', READY_TIMEOUT_MS);
    };
    await isReady();
    say('relay ready');
    const devices = new DevicesFleet(Math.min(options.workers, options.nodes), nodeFlags, signal, ending);
    await devices.begin(fleet, nodes, options.pods, LONG_MS, (count) => say(`${count} of ${options.nodes} in sync`));
    await sleep(SETTLE_MS, undefined, { signal });
    const { podChanges } = await apiServerCounts(fleet.kube);

    say(`${options.singles} changes of a status, one after the other`);
    const first = { count: options.singles, node: nodes[0] ?? '', podsPerDevice: options.pods };
    const singles = await measureSingles({ ...first, before: 0 }, fleet, devices, signal);
    say('the same beside a device that writes as fast as it can');
    const flood = await measureBesideFlood({ ...first, before: options.singles }, fleet, devices, signal);

    const atATime = Math.min(options.atATime, options.pods);
    const rounds = Math.max(1, Math.round(options.statuses / (options.nodes * atATime)));
    say(`${rounds} times ${atATime} statuses on each of ${options.nodes} devices`);
    const throughput = await measureThroughput({ rounds, pods: atATime, timeoutMs: LONG_MS }, fleet, devices, say);
    const relayRssMB = (await memoryOf(fleet.relay().pid)).rss;

    const storm = await measureStorm(
      { devices: options.nodes, pods: options.pods, downMs: options.downSeconds * 1000, timeoutMs: LONG_MS },
      fleet,
      devices,
      context,
    );
    say('comparing every status with what its device says');
    const told = await devices.told(TELL_TIMEOUT_MS);
    const wrong = await wrongStatuses(fleet, told.restarts);
    const after = await apiServerCounts(fleet.kube);
    const changes = singles.length + flood.times.length + flood.changes + throughput.changes + storm.changes;
    return {
      singles,
      besideFlood: flood.times,
      throughput,
      storm,
      relayRssMB,
      duplicates: after.podChanges - podChanges - changes,
      wrongStatuses: wrong,
      refused: told.refused,
      unavailable: told.unavailable,
    };
  });
}
