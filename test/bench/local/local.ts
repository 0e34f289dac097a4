import { setTimeout as sleep } from 'node:timers/promises';
import { type DevicePrograms, devicePrograms } from '../../real/programs.ts';
import type { BenchContext } from '../context.ts';
import type { LocalOptions } from '../options.ts';
import { seeded } from '../random.ts';
import type { Figure, Report } from '../report.ts';
import { median, rounded } from '../statistics.ts';
import { makeDevice, NODE, type RunningAgent, type UnlinkedDevice } from './agent.ts';
import { type BenchClient, openClient } from './client.ts';
import { measureLinked, REBOOT_PODS } from './linked.ts';
import { NAMESPACE, ordinaryConfigMap, ordinaryPod } from './objects.ts';
import { getP99, holdWatches, settledRss, timesOf, watchList } from './reads.ts';
import { measureRealReboot } from './real-reboot.ts';
import { writeStatuses } from './writes.ts';

/** Watches of one connection before another is opened, as the server says. */
const STREAMS = 250;
const WRITES_AT_A_TIME = 4;
const WARM_UPS = 20;
const GETS_PER_LIST = 20;
/** Pods of one device. */
const WRITTEN_PODS = 20;
/** Power cuts with a real kubelet. */
const REAL_ROUNDS = 3;
/** Looks at memory that comes to rest, and the time before each in ms. */
const [LOOKS, LOOK_EVERY_MS] = [6, 500];

/**
 * The local API of an agent without a link: how soon, how fast, how large; then an agent with a link and a played kubelet: how large; then
 * one with a real kubelet, for which there are `programs`, or words that say why not.
 */
export async function measureLocal(
  options: LocalOptions,
  context: BenchContext,
  programs: DevicePrograms | string = devicePrograms(),
): Promise<Report> {
  const { objects, pods, rounds, seed } = options;
  const { say } = context;
  const random = seeded(seed);
  const configMaps = Array.from({ length: objects }, (_, index) => ordinaryConfigMap(random, index));
  const podObjects = Array.from({ length: objects }, (_, index) => ordinaryPod(random, NODE, index));
  say(`a device with ${objects} ConfigMaps and ${objects} pods`);
  const names = configMaps.map(({ metadata }) => metadata.name ?? '');
  const device = await makeDevice(context, 'device', [...configMaps, ...podObjects]);
  const startMs = await measureStarts(device, rounds, say);
  const agent = device.start();
  let measured: Figure[];
  try {
    const { client } = await agent.serving;
    const podNames = podObjects.map(({ metadata }) => metadata.name ?? '');
    measured = [
      ...(await measureReads(options, client, names, say)),
      ...(await measureWatchLists(options, client, say)),
      ...(await measureWrites(options, agent, client, podNames, say)),
    ];
    client.close();
  } finally {
    await agent.process.stop();
  }
  measured.push(await measureWatches(options, context, device, names));
  say(`an agent with a link and ${pods} pods that a played kubelet runs; ${options.settleSeconds} s`);
  const linked = await measureLinked(context, { pods, seconds: options.settleSeconds, seed });
  const again = Math.min(REBOOT_PODS, pods);
  const real = typeof programs === 'string' ? undefined : await measureRealReboot(context, programs, REAL_ROUNDS);
  return {
    figures: [
      figure('readyMs', 'agent started without a link, until its API has served a list', median(startMs), 'ms', 0, 2_000),
      ...measured,
      figure('agentRssMB', `memory of an agent with a link and ${pods} pods`, linked.rss, 'MiB', 1, 80),
      figure('agentRssAnonMB', '  of it no file backs', linked.anonymous, 'MiB', 1, 35),
      figure(
        'offlineRebootPlayedPodsMs',
        `power comes without a network, until the played kubelet runs ${again} pods`,
        linked.rebootMs,
        'ms',
        0,
      ),
      {
        ...{ name: 'offlineReboot10PodsMs', about: 'the same with a real kubelet and its containers, 10 pods' },
        ...{ value: real === undefined ? null : rounded(real.rebootMs, 0), unit: 'ms', atMost: 5_000 },
      },
    ],
    run: { objects, pods, rounds, watches: options.watches, writes: options.writes, seed, node: process.version },
    notes: [
      'the agent is the bundle of npm run build; its store is a file with synchronous=FULL; clients speak HTTP/2',
      real === undefined
        ? `offlineReboot10PodsMs is null: ${programs}`
        : `offlineReboot10PodsMs: kubelet ${real.version}, median of ${REAL_ROUNDS}; the agent's API serves after ${rounded(real.servingMs, 0)} ms of it`,
    ],
  };
}

async function measureStarts(device: UnlinkedDevice, rounds: number, say: BenchContext['say']): Promise<number[]> {
  const times: number[] = [];
  // The first start seals what lies in the store, which it does once.
  for (let round = 0; round <= rounds; round += 1) {
    say(round === 0 ? 'the first start' : `start without a link, ${round} of ${rounds}`);
    const agent = device.start();
    try {
      const { client, ms } = await agent.serving;
      client.close();
      if (round > 0) times.push(ms);
    } finally {
      await agent.process.stop();
    }
  }
  return times;
}

async function measureReads(
  { objects, reads }: LocalOptions,
  client: BenchClient,
  names: readonly string[],
  say: BenchContext['say'],
): Promise<Figure[]> {
  say('lists');
  const listOf = async (resource: string, headers = {}) => {
    const path = () => `/api/v1/namespaces/${NAMESPACE}/${resource}`;
    await timesOf(client, WARM_UPS, path, headers);
    return median(await timesOf(client, reads, path, headers));
  };
  const figures = [
    figure('list1000Ms', `list of ${objects} ConfigMaps of 1 KB, median`, await listOf('configmaps'), 'ms', 1, 20),
    figure('list1000PodsMs', `list of ${objects} pods of 4 KB, median`, await listOf('pods'), 'ms', 1),
    figure('list1000GzipMs', '  the ConfigMaps in gzip', await listOf('configmaps', { 'accept-encoding': 'gzip' }), 'ms', 1),
  ];
  say('gets');
  await getP99(client, WARM_UPS, names);
  return [
    ...figures,
    figure('get_p99Ms', 'one ConfigMap, 99th percentile', await getP99(client, reads * GETS_PER_LIST, names), 'ms', 2),
  ];
}

async function measureWatchLists(
  { objects, reads }: LocalOptions,
  client: BenchClient,
  say: BenchContext['say'],
): Promise<Figure[]> {
  say('WatchLists');
  for (let n = 0; n < WARM_UPS; n += 1) await watchList(client);
  const firsts: number[] = [];
  const alls: number[] = [];
  for (let n = 0; n < reads; n += 1) {
    const { firstMs, allMs } = await watchList(client);
    firsts.push(firstMs);
    alls.push(allMs);
  }
  return [
    figure('watchListFirstEventMs', `WatchList of ${objects} ConfigMaps, first event, median`, median(firsts), 'ms', 1, 5),
    figure('watchListAllMs', '  the bookmark after the last', median(alls), 'ms', 1),
  ];
}

/** On an agent of its own: one that has answered lists gives memory back meanwhile. */
async function measureWatches(
  { watches }: LocalOptions,
  { say, signal }: BenchContext,
  device: UnlinkedDevice,
  names: readonly string[],
): Promise<Figure> {
  say(`${watches} watches`);
  const agent = device.start();
  try {
    const clients = [(await agent.serving).client];
    const pick = (count: number) => Array.from({ length: count }, (_, n) => names[n % names.length] ?? '');
    const memory = () => settledRss(agent.process.pid, LOOKS, () => sleep(LOOK_EVERY_MS, undefined, { signal }));
    const at = await agent.server();
    while (clients.length * STREAMS < 2 * watches) clients.push(await openClient(at));
    // As many before them: what these make the agent load and compile is nobody's, and what its start has left over is used up.
    const first = await holdWatches(clients, pick(watches), async () => 0);
    const held = await holdWatches(clients, pick(watches), memory);
    for (const each of [first, held]) each.close();
    for (const each of clients) each.close();
    return figure('watches300MB', `growth of the agent by ${watches} watches`, held.grownMB, 'MiB', 1, 10);
  } finally {
    await agent.process.stop();
  }
}

async function measureWrites(
  { writes, seed }: LocalOptions,
  { process }: RunningAgent,
  client: BenchClient,
  names: readonly string[],
  say: BenchContext['say'],
): Promise<Figure[]> {
  say('status patches');
  const written = names.slice(0, WRITTEN_PODS);
  const random = seeded(seed);
  await writeStatuses(client, process.pid, { names: written, count: written.length, atATime: 1, random });
  const { perSecond, bytesEach } = await writeStatuses(client, process.pid, {
    ...{ names: written, count: writes, atATime: WRITES_AT_A_TIME, random },
  });
  return [
    figure('writesPerSecond', `status patches of ${written.length} pods, each durable`, perSecond, '/s', 0),
    figure('bytesWrittenPerStatusWrite', '  written to storage for each, checkpoints included', bytesEach, 'bytes', 0),
  ];
}

function figure(name: string, about: string, value: number, unit: string, decimals: number, atMost?: number): Figure {
  return { name, about, value: rounded(value, decimals), unit, ...(atMost === undefined ? {} : { atMost }) };
}
