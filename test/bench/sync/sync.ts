import { setTimeout as sleep } from 'node:timers/promises';
import { type Fleet, type FleetAgent, startFleet } from '../../support/fleet.ts';
import type { BenchContext } from '../context.ts';
import type { SyncOptions } from '../options.ts';
import { seeded } from '../random.ts';
import type { Report } from '../report.ts';
import { median, percentile, rounded } from '../statistics.ts';
import { memoryOf } from '../workspace.ts';
import { type ApiWrites, relayWrites } from './api-writes.ts';
import { BenchCluster, LARGE } from './cluster.ts';
import { type Boot, boot, bytesWhenQuiet } from './device.ts';
import { markUnreachable, untilLinked, untilPodsReady, untilReachable } from './unreachable.ts';

const NODE = 'edge-1';
/** Each way. */
const DELAY_MS = 50;
const READY_TIMEOUT_MS = 120_000;

/** What the steps share. */
interface Stage extends Pick<BenchContext, 'signal' | 'say'> {
  readonly options: SyncOptions;
  readonly fleet: Fleet;
  readonly agent: FleetAgent;
  readonly cluster: BenchCluster;
  names: readonly string[];
}

/** One relay, one device and a poor link between them, in every situation that a device meets. */
export async function measureSync(options: SyncOptions, context: BenchContext): Promise<Report> {
  const { dir, say } = context;
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  say('starting API server and relay');
  const fleet = await startFleet({
    dir,
    agents: [NODE],
    startAgents: false,
    counts: true,
    delayMs: DELAY_MS,
    relayMain: context.relayMain,
    agentMain: context.agentMain,
    agentFlags: context.agentFlags,
    nodeFlags: context.nodeFlags,
    signal,
    ownGroups: true,
  });
  const stop = () => void fleet.stop();
  context.signal.addEventListener('abort', stop);
  try {
    const [agent] = fleet.agents;
    if (agent === undefined) throw new Error('the fleet has no agent');
    const cluster = new BenchCluster(fleet.kube, seeded(options.seed));
    return await measure({ options, fleet, agent, cluster, signal, say, names: [] });
  } finally {
    context.signal.removeEventListener('abort', stop);
    over.abort();
    await fleet.stop();
  }
}

async function measure(stage: Stage): Promise<Report> {
  const { options, fleet, agent, say } = stage;
  const first = await firstSync(stage);
  const offline = await offlineChanges(stage, first.device);
  const cold = await coldChanges(stage, offline.device);
  const x25519 = await unchangedWithX25519(stage, cold.device);
  // From here on one process, so that its memory at the end is that of an agent that has been at work.
  const device = await restarted(stage, x25519.device);
  const startedAt = device.spawnedAt;
  const unchanged = await unchangedReconnect(stage, device);
  const dropped = await droppedLinks(stage, device);
  const unreachable = await afterUnreachable(stage, device);
  const before = await relayWrites(fleet.kube);
  const online = await onlineChanges(stage, device);
  const small = await oneKeyChanges(stage, device, stage.names[0] ?? LARGE);
  const large = await oneKeyChanges(stage, device, LARGE);
  const after = await relayWrites(fleet.kube);
  const deliveries = stage.names.length * options.rounds + 2 * smallRounds(options);
  const idle = await idleLink(stage);
  const agentMemory = await memoryOf(agent.process().pid);
  const relayMemory = await memoryOf(fleet.relay().pid);
  const upSeconds = rounded((performance.now() - startedAt) / 1000);
  say('ending');

  return {
    figures: [
      figure('online200Ms', 'changed online, to all applied', online.ms, 'ms', 600),
      figure('online200WritesMs', '  of it the writes at the API server', online.writesMs, 'ms'),
      figure('online200Bytes', '  bytes', online.bytes, 'B'),
      figure('offline200Ms', 'changed while the agent was off: its start to converged', offline.ms, 'ms', 2_000),
      figure('offline200Bytes', '  bytes', offline.bytes, 'B', 60_000),
      figure('offline200ColdMs', 'the same, and the relay restarted meanwhile', cold.ms, 'ms'),
      figure('offline200ColdBytes', '  bytes', cold.bytes, 'B'),
      figure('first200Ms', 'a new device: its start to all applied', first.ms, 'ms'),
      figure('first200Bytes', '  bytes', first.bytes, 'B'),
      figure('oneKeyBytes', 'one key of a ConfigMap of 1 KB changed', small.bytes, 'B', 250),
      figure('oneKeyMs', '  from the write to applied', small.ms, 'ms'),
      figure('oneKey60KBytes', 'one key of a ConfigMap of 60 KB changed', large.bytes, 'B'),
      figure('oneKey60KMs', '  from the write to applied', large.ms, 'ms'),
      figure(
        'unchangedReconnectBytes',
        `reconnect after a cut of ${options.cutSeconds} s, nothing changed`,
        unchanged,
        'B',
        6_000,
      ),
      figure('unchangedReconnectX25519Bytes', '  with X25519', x25519.bytes, 'B', 3_600),
      figure('reconnectMs', 'link dropped for a moment, to in sync again, median', dropped.ms, 'ms', 3_000),
      figure('reconnectP90Ms', '  90th percentile', dropped.p90Ms, 'ms'),
      figure('reconnectAfterUnreachableBytes', 'reconnect after node and pods were marked unreachable', unreachable, 'B'),
      figure('idleBytesPerSecond', `idle link, over ${options.idleSeconds} s`, idle, 'B/s', 10),
      figure(
        'apiWritesPerDelivery',
        'writes of the relay at the API server for each change',
        perDelivery(before, after, deliveries),
        '',
        0,
      ),
      figure('agentRssMB', `agent with ${options.pods} pods after ${upSeconds} s, VmRSS`, rounded(agentMemory.rss, 1), 'MB', 80),
      figure('agentRssAnonMB', '  RssAnon', rounded(agentMemory.anonymous, 1), 'MB', 35),
      figure('relayRssMB', 'relay, VmRSS', rounded(relayMemory.rss, 1), 'MB'),
    ],
    run: {
      configMaps: options.configMaps,
      pods: options.pods,
      rounds: options.rounds,
      seed: options.seed,
      roundTripMs: 2 * DELAY_MS,
      agentUpSeconds: upSeconds,
      relayLeaseWrites: after.leases - before.leases,
      node: process.version,
    },
    notes: [
      'bytes are those of the TLS connection, both ways; times that begin with a start begin when the process is spawned',
      'stores are files with synchronous=FULL; relay and agent are the bundles of npm run build; the workload is the hollow node',
    ],
  };
}

/** A new device: its Node registers, and a pod with all the ConfigMaps is waiting for it. */
async function firstSync(stage: Stage): Promise<{ ms: number; bytes: number; device: Boot }> {
  const { options, fleet, agent, cluster, signal, say } = stage;
  await relayReady(stage);
  stage.names = await cluster.createConfigMaps(NODE, options.configMaps);
  say(`first start of the device, ${options.configMaps} ConfigMaps waiting`);
  const device = await boot(agent, signal);
  const ms = (await device.seen(cluster.current(stage.names))) - device.spawnedAt;
  await device.inSync();
  await untilPodsReady(fleet.kube, NODE, signal);
  const bytes = await bytesWhenQuiet(agent, signal);
  say(`${options.pods} pods`);
  await cluster.createPods(NODE, options.pods - 1, stage.names);
  await device.seen(cluster.current([LARGE]));
  await untilPodsReady(fleet.kube, NODE, signal);
  await bytesWhenQuiet(agent, signal);
  return { ms: rounded(ms), bytes, device };
}

async function offlineChanges(stage: Stage, first: Boot): Promise<{ ms: number; bytes: number; device: Boot }> {
  const { options, agent, cluster, signal, say } = stage;
  const times: number[] = [];
  const bytes: number[] = [];
  let device = first;
  for (let round = 1; round <= options.rounds; round += 1) {
    say(`changes while the agent is off, ${round} of ${options.rounds}`);
    await device.stop();
    const { expected } = await cluster.change(stage.names);
    agent.link.resetCount();
    device = await boot(agent, signal);
    times.push((await device.seen(expected)) - device.spawnedAt);
    await device.inSync();
    bytes.push(await bytesWhenQuiet(agent, signal));
  }
  return { ms: rounded(median(times)), bytes: median(bytes), device };
}

/** The relay that comes back has none of the bodies that the agent holds, only what is newest. */
async function coldChanges(stage: Stage, before: Boot): Promise<{ ms: number; bytes: number; device: Boot }> {
  const { fleet, agent, cluster, signal, say } = stage;
  say('changes while the agent is off, and a restart of the relay');
  await before.stop();
  await fleet.relay().stop();
  const { expected } = await cluster.change(stage.names);
  await fleet.startRelay();
  await relayReady(stage);
  agent.link.resetCount();
  const device = await boot(agent, signal);
  const ms = (await device.seen(expected)) - device.spawnedAt;
  await device.inSync();
  return { ms: rounded(ms), bytes: await bytesWhenQuiet(agent, signal), device };
}

async function unchangedWithX25519(stage: Stage, before: Boot): Promise<{ bytes: number; device: Boot }> {
  await before.stop();
  const device = await boot(stage.agent, stage.signal, { '--key-exchange': 'x25519' });
  await device.inSync();
  await bytesWhenQuiet(stage.agent, stage.signal);
  return { bytes: await unchangedReconnect(stage, device), device };
}

async function restarted(stage: Stage, before: Boot): Promise<Boot> {
  await before.stop();
  const device = await boot(stage.agent, stage.signal);
  await device.inSync();
  await bytesWhenQuiet(stage.agent, stage.signal);
  return device;
}

async function unchangedReconnect({ options, agent, signal, say }: Stage, device: Boot): Promise<number> {
  say(`a cut of ${options.cutSeconds} s, nothing changed`);
  agent.link.cut();
  await sleep(options.cutSeconds * 1000, undefined, { signal });
  const after = device.process.lines.length;
  agent.link.resetCount();
  agent.link.restore();
  await device.inSync(after);
  return bytesWhenQuiet(agent, signal);
}

async function droppedLinks({ options, agent, signal, say }: Stage, device: Boot): Promise<{ ms: number; p90Ms: number }> {
  const times: number[] = [];
  for (let round = 1; round <= options.drops; round += 1) {
    say(`link dropped for a moment, ${round} of ${options.drops}`);
    await sleep(options.standSeconds * 1000, undefined, { signal });
    const after = device.process.lines.length;
    const startedAt = performance.now();
    agent.link.cut();
    agent.link.restore();
    times.push((await device.inSync(after)) - startedAt);
  }
  await bytesWhenQuiet(agent, signal);
  return { ms: rounded(median(times)), p90Ms: rounded(percentile(times, 0.9)) };
}

async function afterUnreachable({ options, fleet, agent, signal, say }: Stage, device: Boot): Promise<number> {
  say('a cut after which the cluster has marked the node and its pods');
  agent.link.cut();
  await sleep(options.cutSeconds * 1000, undefined, { signal });
  await markUnreachable(fleet.kube, NODE);
  const after = device.process.lines.length;
  agent.link.resetCount();
  agent.link.restore();
  await device.inSync(after);
  await untilReachable(fleet.kube, NODE, signal);
  return bytesWhenQuiet(agent, signal);
}

async function onlineChanges(stage: Stage, device: Boot): Promise<{ ms: number; writesMs: number; bytes: number }> {
  const { options, agent, cluster, signal, say } = stage;
  const times: number[] = [];
  const writes: number[] = [];
  const bytes: number[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    say(`changes online, ${round} of ${options.rounds}`);
    agent.link.resetCount();
    const { expected, startedAt, ms } = await cluster.change(stage.names);
    times.push((await device.seen(expected)) - startedAt);
    writes.push(ms);
    bytes.push(await bytesWhenQuiet(agent, signal));
  }
  return { ms: rounded(median(times)), writesMs: rounded(median(writes)), bytes: median(bytes) };
}

async function oneKeyChanges(stage: Stage, device: Boot, name: string): Promise<{ ms: number; bytes: number }> {
  const { options, agent, cluster, signal, say } = stage;
  const rounds = smallRounds(options);
  say(`one key of ${name}, ${rounds} times`);
  const times: number[] = [];
  const bytes: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    agent.link.resetCount();
    const { expected, startedAt } = await cluster.change([name]);
    times.push((await device.seen(expected)) - startedAt);
    bytes.push(await bytesWhenQuiet(agent, signal));
  }
  return { ms: rounded(median(times)), bytes: median(bytes) };
}

async function idleLink({ options, fleet, agent, signal, say }: Stage): Promise<number> {
  say('what the Node says of the link');
  await untilLinked(fleet.kube, NODE, signal);
  await bytesWhenQuiet(agent, signal);
  say(`idle for ${options.idleSeconds} s`);
  agent.link.resetCount();
  const startedAt = performance.now();
  await sleep(options.idleSeconds * 1000, undefined, { signal });
  const { up, down } = agent.link.counted();
  return rounded((up + down) / ((performance.now() - startedAt) / 1000), 1);
}

async function relayReady({ fleet }: Stage): Promise<void> {
  await fleet.relay().line('ready', ({ msg }) => msg === 'relay ready', READY_TIMEOUT_MS);
}

/** An odd number that is large enough that the median is not moved by a ping which falls into one of them. */
function smallRounds({ rounds }: SyncOptions): number {
  return 2 * rounds + 1;
}

function perDelivery(before: ApiWrites, after: ApiWrites, deliveries: number): number {
  return rounded((after.own - before.own) / deliveries, 3);
}

function figure(name: string, about: string, value: number, unit: string, atMost?: number) {
  return { name, about, value, unit, atMost };
}
