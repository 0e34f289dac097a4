import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEAP_OPTIONS } from '../../../cloud/src/heap-options.ts';
import { type LinkProxy, startLinkProxy } from '../../net/proxy.ts';
import { type Fleet, startFleet } from '../../support/fleet.ts';
import type { BenchContext } from '../context.ts';
import { changedValue } from '../data.ts';
import { type Ending, withEnding } from '../ending.ts';
import { monotonicMs } from '../monotonic.ts';
import { ONE_ADDRESS } from '../one-address.ts';
import type { FanoutOptions } from '../options.ts';
import { type Random, seeded } from '../random.ts';
import type { Report } from '../report.ts';
import { median, percentile, rounded } from '../statistics.ts';
import { startWorker, type Worker } from '../worker.ts';
import { cpuMsOf, memoryOf, requireFiles } from '../workspace.ts';
import { type FanoutCluster, PODS_PER_NODE, writeCluster } from './cluster.ts';
import type { FromAgents, ToAgents } from './messages.ts';

/** What an agent holds beside its pods and ConfigMaps: its Node, its namespace, and what every device has of the cluster. */
const OTHER_OBJECTS = 6;
/** Sessions whose links go through a counting proxy: enough for a median, few enough to cost nothing. */
const COUNTED_SESSIONS = 20;
/** File descriptors that a relay needs beside one for each session. */
const OTHER_FILES = 200;
/** First sync of all agents: some 5 ms each on two cores. */
const SYNC_TIMEOUT_MS = 15 * 60_000;
const ROUND_TIMEOUT_MS = 60_000;
/** After the first sync, so that what it left behind is collected before memory is read. */
const SETTLE_MS = 15_000;
/** Between two changes. */
const PAUSE_MS = 500;
const READY_TIMEOUT_MS = 120_000;

/** One relay, thousands of sessions: what each costs in memory, and how long a change takes to reach all of them. */
export async function measureFanout(options: FanoutOptions, context: BenchContext): Promise<Report> {
  const { dir, signal, say } = context;
  await requireFiles(options.nodes + OTHER_FILES);
  const random = seeded(options.seed);
  say(`a cluster of ${options.nodes} nodes and ${options.nodes * PODS_PER_NODE} pods`);
  const configMaps = options.objects - PODS_PER_NODE - OTHER_OBJECTS;
  const cluster = await writeCluster(join(dir, 'objects.json'), random, { nodes: options.nodes, configMaps });
  return withEnding(signal, async (ending) => {
    const fleet = await startFleet({
      relayFlags: ONE_ADDRESS,
      dir,
      agents: [],
      keepData: true,
      relayMain: context.relayMain,
      nodeFlags: [...HEAP_OPTIONS, ...context.nodeFlags],
      signal,
      ownGroups: true,
    });
    ending.push(() => fleet.stop());
    return await measure(options, context, fleet, cluster, random, ending);
  });
}

async function measure(
  options: FanoutOptions,
  { signal, say }: BenchContext,
  fleet: Fleet,
  cluster: FanoutCluster,
  random: Random,
  ending: Ending,
): Promise<Report> {
  await fleet.relay().line('ready', ({ msg }) => msg === 'relay ready', READY_TIMEOUT_MS);
  await sleep(SETTLE_MS, undefined, { signal });
  const relayPid = fleet.relay().pid;
  const without = await memoryOf(relayPid);
  say(`relay ready, ${without.rss.toFixed(0)} MB without agents`);

  const linkPort = linkPortOf(fleet);
  const proxies = await Promise.all(
    Array.from({ length: Math.min(COUNTED_SESSIONS, options.nodes) }, () => startLinkProxy({ targetPort: linkPort })),
  );
  ending.push(() => Promise.all(proxies.map((proxy) => proxy.close())));
  const workers = Array.from({ length: Math.min(options.workers, options.nodes) }, (_, index) =>
    startWorker<ToAgents, FromAgents>(`agents ${index + 1}`, 'fanout/agents.ts'),
  );
  ending.push(() => Promise.all(workers.map((worker) => worker.stop())));
  const startedAt = monotonicMs();
  const objects = await syncAll(options, fleet, cluster, workers, proxies, say);
  const syncMs = monotonicMs() - startedAt;
  const firstBytes = proxies.map(bytesOf);
  say(`all in sync after ${(syncMs / 1000).toFixed(0)} s`);
  await sleep(SETTLE_MS, undefined, { signal });
  const linked = await memoryOf(relayPid);
  const restShare = await cpuShareAtRest(relayPid, signal);

  const times: number[] = [];
  const writes: number[] = [];
  const bytes: number[] = [];
  const cpuBefore = await cpuMsOf(relayPid);
  const begunAt = monotonicMs();
  for (let round = 1; round <= options.rounds; round += 1) {
    await sleep(PAUSE_MS, undefined, { signal });
    for (const proxy of proxies) proxy.resetCount();
    const { key, value } = changedValue(random, cluster.shared.data);
    const writtenAt = monotonicMs();
    const object = await fleet.kube.patch('configmaps', 'default', cluster.shared.name, { data: { [key]: value } });
    writes.push(monotonicMs() - writtenAt);
    const resourceVersion = object.metadata.resourceVersion ?? '';
    for (const worker of workers) worker.send({ type: 'collect', resourceVersion });
    const answers = await Promise.all(
      workers.map((worker) => worker.hears('applied', (answer) => answer.resourceVersion === resourceVersion, ROUND_TIMEOUT_MS)),
    );
    const took = answers.flatMap(({ at }) => at.map((time) => time - writtenAt));
    times.push(...took);
    // The acks of the last ones are still to pass.
    await sleep(PAUSE_MS, undefined, { signal });
    bytes.push(...proxies.map(bytesOf));
    say(`change ${round} of ${options.rounds}: p50 ${rounded(median(took))} ms, p99 ${rounded(percentile(took, 0.99))} ms`);
  }
  const cpuMs = (await cpuMsOf(relayPid)) - cpuBefore - restShare * (monotonicMs() - begunAt);
  const after = await memoryOf(relayPid);
  say('ending');
  return {
    figures: [
      {
        name: 'p50Ms',
        about: `a change of one ConfigMap to applied and acked, median of ${options.nodes} agents`,
        value: rounded(median(times)),
        unit: 'ms',
      },
      {
        name: 'p99Ms',
        about: '  99th percentile',
        value: rounded(percentile(times, 0.99)),
        unit: 'ms',
        atMost: options.nodes <= 5_000 ? 1_000 : undefined,
      },
      { name: 'maxMs', about: '  the last', value: rounded(percentile(times, 1)), unit: 'ms' },
      { name: 'writeMs', about: '  of it the write at the API server, median', value: rounded(median(writes), 1), unit: 'ms' },
      {
        name: 'relayCpuMsPerDelivery',
        about: 'processor time of the relay for each delivery',
        value: rounded(cpuMs / (options.nodes * options.rounds), 3),
        unit: 'ms',
      },
      {
        name: 'relayCpuAtRestPercent',
        about: '  at rest, of one core',
        value: rounded(restShare * 100, 1),
        unit: '%',
      },
      { name: 'bytesPerSession', about: 'bytes of one change on one link, both ways', value: median(bytes), unit: 'B' },
      {
        name: 'firstSyncBytesPerSession',
        about: 'bytes of the first sync of one agent, both ways',
        value: median(firstBytes),
        unit: 'B',
      },
      {
        name: 'memoryPerSessionKB',
        about: `relay, VmRSS for each session of ${objects} objects`,
        value: rounded(((linked.rss - without.rss) * 1024) / options.nodes, 1),
        unit: 'KB',
        atMost: 90,
      },
      { name: 'relayRssMB', about: 'relay, VmRSS at the end', value: rounded(after.rss, 1), unit: 'MB' },
      {
        name: 'relayRssWithoutAgentsMB',
        about: 'relay, VmRSS before the first agent',
        value: rounded(without.rss, 1),
        unit: 'MB',
      },
      {
        name: 'firstSyncSeconds',
        about: 'all agents dialled, registered and in sync',
        value: rounded(syncMs / 1000, 1),
        unit: 's',
      },
    ],
    run: {
      nodes: options.nodes,
      objectsPerSession: objects,
      pods: options.nodes * PODS_PER_NODE,
      rounds: options.rounds,
      workers: workers.length,
      seed: options.seed,
      node: process.version,
    },
    notes: [
      "agents keep their store in memory: link and sync are the product's, the store is a map that checks hash and digest; no SQLite, no disk, no workload",
      "relay, API server and all agents share this machine; times include the agents' own work on it",
      `bytes are those of the TLS connection, the median of ${proxies.length} sessions`,
    ],
  };
}

/** Pings go on while changes are delivered: their part of the processor is not the deliveries'. */
async function cpuShareAtRest(pid: number, signal: AbortSignal): Promise<number> {
  const before = { cpu: await cpuMsOf(pid), at: monotonicMs() };
  await sleep(SETTLE_MS, undefined, { signal });
  return ((await cpuMsOf(pid)) - before.cpu) / (monotonicMs() - before.at);
}

async function syncAll(
  options: FanoutOptions,
  fleet: Fleet,
  cluster: FanoutCluster,
  workers: readonly Worker<ToAgents, FromAgents>[],
  proxies: readonly LinkProxy[],
  say: BenchContext['say'],
): Promise<number> {
  const { authority } = fleet;
  const linkPort = linkPortOf(fleet);
  const counts = workers.map(() => 0);
  const done = workers.map(async (worker, index) => {
    const agents = cluster.nodes
      .map((node, at) => ({ node, url: `wss://127.0.0.1:${proxies[at]?.port ?? linkPort}` }))
      .filter((_, at) => at % workers.length === index);
    worker.onMessage((message) => {
      if (message.type !== 'inSync') return;
      counts[index] = message.count;
      const sum = counts.reduce((total, count) => total + count, 0);
      say(`${sum} of ${options.nodes} in sync`);
    });
    const { commonName, certificatePem, keyPem } = authority;
    worker.send({ type: 'begin', agents, authority: { commonName, certificatePem, keyPem }, watched: cluster.shared.key });
    return worker.hears('inSync', ({ count }) => count === agents.length, SYNC_TIMEOUT_MS);
  });
  const [first] = await Promise.all(done);
  return first?.objects ?? 0;
}

function linkPortOf({ relays: [relay] }: Fleet): number {
  if (relay === undefined) throw new Error('the fleet has no relay');
  return relay.linkPort;
}

function bytesOf(proxy: LinkProxy): number {
  const { up, down } = proxy.counted();
  return up + down;
}
