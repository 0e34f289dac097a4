import { parseArgs } from 'node:util';

/** What every benchmark takes. */
export interface CommonOptions {
  readonly json: boolean;
  readonly seed: number;
  /** Folder for CPU profiles of relay and agent, one file for each process that ended. */
  readonly profile: string | undefined;
}

export interface SyncOptions extends CommonOptions {
  readonly benchmark: 'sync';
  readonly configMaps: number;
  readonly pods: number;
  readonly rounds: number;
  readonly idleSeconds: number;
  readonly cutSeconds: number;
  readonly drops: number;
  /** How long a link stands before it is dropped for a moment. */
  readonly standSeconds: number;
}

export interface FanoutOptions extends CommonOptions {
  readonly benchmark: 'fanout';
  readonly nodes: number;
  readonly objects: number;
  readonly rounds: number;
  readonly workers: number;
}

export interface AgentOptions extends CommonOptions {
  readonly benchmark: 'agent';
  readonly pods: number;
  readonly rounds: number;
}

export interface PackageOptions extends CommonOptions {
  readonly benchmark: 'package';
  readonly pods: number;
  readonly rounds: number;
  readonly settleSeconds: number;
  /** Whether the executables for arm64 are tried too. */
  readonly smoke: boolean;
}

export interface UpstreamOptions extends CommonOptions {
  readonly benchmark: 'upstream';
  readonly nodes: number;
  /** Of each node. */
  readonly pods: number;
  /** Changes of statuses in all, for the throughput. */
  readonly statuses: number;
  /** Statuses of one device that are under way at the same time, for the throughput. */
  readonly atATime: number;
  readonly singles: number;
  readonly events: number;
  /** How long the relay is away before the storm, at least. */
  readonly downSeconds: number;
  readonly workers: number;
}

export interface LeasesOptions extends CommonOptions {
  readonly benchmark: 'leases';
  readonly nodes: number;
  /** How long renewals are counted. */
  readonly seconds: number;
  readonly callsPerSecond: number;
}

export interface LocalOptions extends CommonOptions {
  readonly benchmark: 'local';
  /** ConfigMaps, and as many pods, on the device whose API is read. */
  readonly objects: number;
  /** Of the device whose memory is measured. */
  readonly pods: number;
  readonly rounds: number;
  /** Lists of each kind. */
  readonly reads: number;
  readonly watches: number;
  readonly writes: number;
  /** How long the device with pods is left alone before its memory is read. */
  readonly settleSeconds: number;
}

export type BenchOptions =
  | SyncOptions
  | FanoutOptions
  | UpstreamOptions
  | LeasesOptions
  | AgentOptions
  | LocalOptions
  | PackageOptions;

/** A mistake in the command line, for a person. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const DEFAULT_SEED = 1;

interface NumberOption {
  readonly default: number;
  readonly least: number;
  readonly most: number;
}

const NUMBERS = {
  sync: {
    configmaps: { default: 200, least: 1, most: 2_000 },
    pods: { default: 20, least: 2, most: 200 },
    rounds: { default: 5, least: 1, most: 100 },
    'idle-seconds': { default: 60, least: 1, most: 86_400 },
    'cut-seconds': { default: 5, least: 1, most: 600 },
    drops: { default: 7, least: 1, most: 100 },
    'stand-seconds': { default: 12, least: 0, most: 600 },
  },
  fanout: {
    nodes: { default: 5_000, least: 1, most: 20_000 },
    objects: { default: 60, least: 20, most: 2_000 },
    rounds: { default: 10, least: 1, most: 1_000 },
    workers: { default: 2, least: 1, most: 16 },
  },
  upstream: {
    nodes: { default: 2_000, least: 2, most: 20_000 },
    pods: { default: 50, least: 1, most: 500 },
    statuses: { default: 20_000, least: 1, most: 10_000_000 },
    'at-a-time': { default: 5, least: 1, most: 500 },
    singles: { default: 200, least: 1, most: 100_000 },
    events: { default: 500, least: 40, most: 100_000 },
    'down-seconds': { default: 10, least: 0, most: 3_600 },
    workers: { default: 2, least: 1, most: 16 },
  },
  leases: {
    nodes: { default: 5_000, least: 1, most: 20_000 },
    seconds: { default: 60, least: 1, most: 3_600 },
    'calls-per-second': { default: 500, least: 1, most: 10_000 },
  },
  local: {
    objects: { default: 1_000, least: 1, most: 10_000 },
    pods: { default: 20, least: 2, most: 110 },
    rounds: { default: 5, least: 1, most: 100 },
    reads: { default: 100, least: 1, most: 10_000 },
    watches: { default: 300, least: 1, most: 2_000 },
    writes: { default: 2_000, least: 1, most: 1_000_000 },
    'settle-seconds': { default: 120, least: 0, most: 86_400 },
  },
  agent: {
    pods: { default: 10, least: 1, most: 200 },
    rounds: { default: 5, least: 1, most: 100 },
  },
  package: {
    pods: { default: 20, least: 2, most: 110 },
    rounds: { default: 5, least: 1, most: 100 },
    'settle-seconds': { default: 60, least: 0, most: 86_400 },
  },
} as const satisfies Record<string, Record<string, NumberOption>>;

/** Defaults of `--quick`: a minute, of which nothing is to be compared with a whole run. */
const QUICK_UPSTREAM = { nodes: 200, pods: 10, statuses: 4_000, singles: 50, events: 100, 'down-seconds': 2 } as const;

export const HELP = `npm run bench -- BENCHMARK [options]

Measures Hawser on this machine with real processes, real TLS and real files, each in a folder of its own that is removed
afterwards. Progress goes to stderr. docs/benchmarks.md says what the figures mean and which are to be held.

  sync      one API server, one relay, one agent behind a link of 100 ms round trip (some 6 minutes)
    --configmaps N     ConfigMaps of 1 KB on the device (200)
    --pods N           pods on the device (20)
    --rounds N         each figure is the median of so many (5)
    --idle-seconds N   how long the idle link is counted (60)
    --cut-seconds N    length of the cut before a reconnect (5)
    --drops N          how often the link is dropped for a moment (7)
    --stand-seconds N  how long it stands before that (12): one that stood for less than 10 counts as a failed dial
  fanout    one relay and thousands of agents; one ConfigMap that all of them use is changed
    --nodes N          agents, each with one Node (5000)
    --objects N        objects of each agent: four pods, ConfigMaps, its Node and the like (60)
    --rounds N         changes (10)
    --workers N        processes that the agents are spread over (2)
  upstream  statuses and Events from devices to the API server, kills and cuts among them, and a reconnect storm (some 10 minutes)
    --nodes N          devices (2000)
    --pods N           pods of each; each changes once in the storm (50)
    --statuses N       changes of statuses with all devices linked (20000)
    --at-a-time N      of one device at the same time (5)
    --singles N        changes of one status with nothing else going on (200)
    --events N         Events made on a device while it is offline (500): its store keeps the last 1,000
    --down-seconds N   how long the relay is away before the storm, at least (10)
    --workers N        processes that the devices are spread over (2)
    --quick            other defaults: 200 devices with 10 pods, 4,000 statuses, 50 singles, 100 Events, 2 s (a minute)
  leases    the Leases of nodes that all link at once, renewed at the API server; the links are played (some 2 minutes)
    --nodes N             nodes (5000)
    --seconds N           how long renewals are counted (60)
    --calls-per-second N  the relay's bound (500)
  agent     start of an agent that reaches no relay, until its API serves
    --pods N           pods in its store (10)
    --rounds N         starts (5)
  local     the device's own API without a link: start, lists, gets, watches, writes; memory with pods that a played kubelet runs (some 4 minutes)
    --objects N        ConfigMaps of 1 KB in its store, and as many pods of 4 KB (1000)
    --rounds N         starts (5)
    --reads N          lists and WatchLists of each kind, and twenty times as many gets (100)
    --watches N        watches at a time (300)
    --writes N         status patches (2000)
    --pods N           pods of the device whose memory is measured (20)
    --settle-seconds N how long it is left alone before (120)

  package   the single executables: size, starts, memory; the smoke test of those for arm64 in an emulator (some 4 minutes)
    --pods N           pods of the device (20)
    --rounds N         starts of each sort (5)
    --settle-seconds N how long it is left alone before its memory is read (60)
    --no-smoke         without the smoke test for arm64

  --seed N             of all data (${DEFAULT_SEED})
  --profile FOLDER     write CPU profiles of relay and agents there
  --json               print the figures as one line of JSON, last on stdout
  --help               this text

Exit codes: 0 measured (whether or not a figure is held), 1 failed, 2 wrong use, 130 stopped.

Examples
  npm run bench -- sync
  npm run --silent bench -- sync --json
  npm run --silent bench -- fanout --nodes 10000 --json
  npm run --silent bench -- upstream --quick --json
  npm run --silent bench -- local --json
  npm run --silent bench -- package --json
`;

/** @returns undefined when help was asked for. @throws UsageError */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const [benchmark, ...rest] = args;
  if (benchmark === undefined) throw new UsageError('which benchmark: sync, fanout, upstream, leases, agent, local or package?');
  if (benchmark === '--help' || benchmark === '-h' || benchmark === 'help') return undefined;
  switch (benchmark) {
    case 'sync': {
      const read = readFlags(rest, NUMBERS.sync);
      if (read === undefined) return undefined;
      const { configmaps, pods, rounds, drops, ...seconds } = read.numbers;
      return {
        benchmark,
        ...read.common,
        configMaps: configmaps,
        pods,
        rounds,
        idleSeconds: seconds['idle-seconds'],
        cutSeconds: seconds['cut-seconds'],
        drops,
        standSeconds: seconds['stand-seconds'],
      };
    }
    case 'fanout': {
      const read = readFlags(rest, NUMBERS.fanout);
      return read && { benchmark, ...read.common, ...read.numbers };
    }
    case 'upstream': {
      const isQuick = rest.includes('--quick');
      const read = readFlags(
        rest.filter((flag) => flag !== '--quick'),
        isQuick ? quicker(NUMBERS.upstream) : NUMBERS.upstream,
      );
      if (read === undefined) return undefined;
      const { 'at-a-time': atATime, 'down-seconds': downSeconds, ...numbers } = read.numbers;
      return { benchmark, ...read.common, ...numbers, atATime, downSeconds };
    }
    case 'leases': {
      const read = readFlags(rest, NUMBERS.leases);
      if (read === undefined) return undefined;
      const { 'calls-per-second': callsPerSecond, ...numbers } = read.numbers;
      return { benchmark, ...read.common, ...numbers, callsPerSecond };
    }
    case 'local': {
      const read = readFlags(rest, NUMBERS.local);
      if (read === undefined) return undefined;
      const { 'settle-seconds': settleSeconds, ...numbers } = read.numbers;
      return { benchmark, ...read.common, ...numbers, settleSeconds };
    }
    case 'agent': {
      const read = readFlags(rest, NUMBERS.agent);
      return read && { benchmark, ...read.common, ...read.numbers };
    }
    case 'package': {
      const read = readFlags(
        rest.filter((flag) => flag !== '--no-smoke'),
        NUMBERS.package,
      );
      if (read === undefined) return undefined;
      const { 'settle-seconds': settleSeconds, ...numbers } = read.numbers;
      return { benchmark, ...read.common, ...numbers, settleSeconds, smoke: !rest.includes('--no-smoke') };
    }
    default:
      throw new UsageError(`there is no benchmark ${benchmark}: sync, fanout, upstream, leases, agent, local or package`);
  }
}

function quicker(numbers: typeof NUMBERS.upstream): Readonly<Record<keyof typeof NUMBERS.upstream, NumberOption>> {
  const changed = Object.entries(QUICK_UPSTREAM).map(([name, value]) => [
    name,
    { ...numbers[name as keyof typeof QUICK_UPSTREAM], default: value },
  ]);
  return { ...numbers, ...Object.fromEntries(changed) };
}

function readFlags<Name extends string>(
  args: readonly string[],
  known: Readonly<Record<Name, NumberOption>>,
): { readonly common: CommonOptions; readonly numbers: Record<Name, number> } | undefined {
  const names = Object.keys(known) as Name[];
  const values = parse(args, names);
  if (values.help === true) return undefined;
  const numbers = Object.fromEntries(names.map((name) => [name, numberOf(name, values[name], known[name])]));
  const seed = numberOf('seed', values.seed, { default: DEFAULT_SEED, least: 0, most: 0xffff_ffff });
  const profile = typeof values.profile === 'string' ? values.profile : undefined;
  return { common: { json: values.json === true, seed, profile }, numbers: numbers as Record<Name, number> };
}

function parse(args: readonly string[], numbers: readonly string[]): Readonly<Record<string, string | boolean | undefined>> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(numbers.map((name) => [name, { type: 'string' } as const])),
        seed: { type: 'string' },
        profile: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function numberOf(name: string, text: string | boolean | undefined, bounds: NumberOption): number {
  if (text === undefined) return bounds.default;
  const value = Number(text);
  if (typeof text === 'string' && /^\d+$/.test(text) && value >= bounds.least && value <= bounds.most) return value;
  throw new UsageError(`--${name} is a whole number from ${bounds.least} to ${bounds.most}, not ${text}`);
}
