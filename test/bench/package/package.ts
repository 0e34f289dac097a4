import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { foldersIn, smoke } from '../../package/smoke.ts';
import { type ExecutablePair, executablesFor, withoutArchitecture } from '../../support/executables.ts';
import { startFleet } from '../../support/fleet.ts';
import { runCommand } from '../../support/processes.ts';
import type { BenchContext } from '../context.ts';
import { measureLinked } from '../local/linked.ts';
import type { PackageOptions } from '../options.ts';
import { seeded } from '../random.ts';
import type { Report } from '../report.ts';
import { median, rounded } from '../statistics.ts';
import { BenchCluster } from '../sync/cluster.ts';
import { untilPodsReady } from '../sync/unreachable.ts';

const NODE = 'edge-1';
const CONFIG_MAPS = 10;
/** Of each start that is waited for, in milliseconds; an emulated one takes ten times as long. */
const PATIENCE_MS = 60_000;
const EMULATED_PATIENCE_MS = 300_000;

/** The single executables of this machine's architecture: size, starts, memory; and whether those for arm64 do what they should. */
export async function measurePackage(options: PackageOptions, context: BenchContext): Promise<Report> {
  const { dir, say } = context;
  const cacheDir = join(dir, 'cache');
  if (process.arch !== 'x64' && process.arch !== 'arm64') throw new Error(`there are no executables for ${process.arch}`);
  say('the executables of this machine');
  const own = await executablesFor(process.arch, cacheDir);
  const starts = await measureStarts(options, context, own, cacheDir);
  readAnew(own.agent.executable);
  say(`its memory with ${options.pods} pods, ${options.settleSeconds} s after they run`);
  const memory = await measureLinked(
    { ...context, dir: folder(dir, 'linked'), relayMain: own.relay, agentMain: own.agent },
    { pods: options.pods, seconds: options.settleSeconds, seed: options.seed },
  );
  const arm64 = options.smoke
    ? await smokeOfArm64(context)
    : { passed: null, note: 'the smoke test for arm64 was not asked for' };
  const figure = (name: string, about: string, value: number | boolean | null, unit: string, atMost?: number) => ({
    ...{ name, about, value, unit, atMost },
  });
  return {
    figures: [
      figure('agentMB', 'size of the agent, in millions of bytes', megabytes(own.agent.executable), 'MB'),
      figure('relayMB', 'size of the relay', megabytes(own.relay.executable), 'MB'),
      figure('versionMs', 'spawn of "hawser-agent version" until it has ended', rounded(median(starts.version)), 'ms'),
      figure('startReadyMs', 'spawn of the agent without a link until its API listens', rounded(median(starts.ready)), 'ms'),
      figure('firstStartMs', 'the same with an empty cache folder: SQLite is written first', rounded(median(starts.first)), 'ms'),
      figure('cacheMB', 'what it writes to the cache folder', megabytes(onlyFileIn(cacheDir)), 'MB'),
      figure('rssMB', 'resident memory of the agent, linked, with its pods', rounded(memory.rss, 1), 'MiB', 80),
      figure('rssAnonMB', 'of it what no file backs', rounded(memory.anonymous, 1), 'MiB', 35),
      figure('arm64Smoke', 'the executables for arm64 pass the smoke test', arm64.passed, ''),
    ],
    run: {
      ...{ pods: options.pods, rounds: options.rounds, settleSeconds: options.settleSeconds },
      ...{ seed: options.seed, node: process.version, arch: process.arch },
    },
    notes: arm64.note === '' ? [] : [arm64.note],
  };
}

interface Starts {
  readonly version: readonly number[];
  readonly ready: readonly number[];
  readonly first: readonly number[];
}

/** Of a device that has been in sync, with its pods in its store and its link cut. In milliseconds. */
async function measureStarts(
  { pods, rounds, seed }: PackageOptions,
  { dir, signal, say }: BenchContext,
  { agent: agentMain, relay: relayMain }: ExecutablePair,
  cacheDir: string,
): Promise<Starts> {
  const version: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const begun = performance.now();
    const { before, executable: node } = agentMain;
    const { code, stderr } = await runCommand({ name: 'hawser-agent version', before, node, args: ['version'] });
    version.push(performance.now() - begun);
    if (code !== 0) throw new Error(`hawser-agent version ended with ${code}: ${stderr}`);
  }
  say('a device in sync');
  const fleet = await startFleet({
    ...{ dir: folder(dir, 'starts'), agents: [NODE], relayMain, agentMain, signal, ownGroups: true, startTimeoutMs: PATIENCE_MS },
  });
  const stop = () => void fleet.stop();
  signal.addEventListener('abort', stop);
  try {
    const [agent] = fleet.agents;
    if (agent === undefined) throw new Error('the fleet has no agent');
    const cluster = new BenchCluster(fleet.kube, seeded(seed));
    const names = await cluster.createConfigMaps(NODE, CONFIG_MAPS);
    if (pods > 1) await cluster.createPods(NODE, pods - 1, names);
    await untilPodsReady(fleet.kube, NODE, signal);
    await agent.process().stop();
    agent.link.cut();
    const start = async () => {
      const spawnedAt = performance.now();
      await agent.launch().line('its start', ({ msg }) => msg === 'agent started', PATIENCE_MS);
      const ms = performance.now() - spawnedAt;
      await agent.process().stop();
      return ms;
    };
    const ready: number[] = [];
    const first: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      say(`start without a link, ${round} of ${rounds}`);
      ready.push(await start());
      rmSync(cacheDir, { recursive: true });
      first.push(await start());
    }
    return { version, ready, first };
  } finally {
    signal.removeEventListener('abort', stop);
    await fleet.stop();
  }
}

/**
 * Drops the file from the kernel's page cache, as after a boot. One that was just written in large pieces lies there in large pieces, of
 * which a process maps more than it touches: 10 MiB more that count as its own.
 */
function readAnew(file: string): void {
  const words = [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none'];
  const { status, stderr } = spawnSync('dd', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`dd ended with ${status}: ${stderr}`);
}

/** Whoever has no emulator has no result: a note says why. */
async function smokeOfArm64({ dir, say }: BenchContext): Promise<{ readonly passed: boolean | null; readonly note: string }> {
  const missing = withoutArchitecture('arm64');
  if (missing !== false) return { passed: null, note: missing };
  const folders = foldersIn(folder(dir, 'arm64'));
  mkdirSync(folders.dir);
  try {
    say('smoke test for arm64');
    const executables = await executablesFor('arm64', folders.cacheDir);
    await smoke({ executables, ...folders, patienceMs: EMULATED_PATIENCE_MS, say: (line) => say(`arm64: ${line}`) });
    return { passed: true, note: '' };
  } catch (error) {
    return { passed: false, note: `arm64: ${error instanceof Error ? error.message : error}` };
  }
}

function folder(dir: string, name: string): string {
  const made = join(dir, name);
  mkdirSync(made);
  return made;
}

function onlyFileIn(dir: string): string {
  const [name, ...others] = readdirSync(dir);
  if (name === undefined || others.length > 0) throw new Error(`${dir} holds more than one file, or none`);
  return join(dir, name);
}

function megabytes(file: string): number {
  return rounded(statSync(file).size / 1e6, 1);
}
