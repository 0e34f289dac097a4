/**
 * What an executable has to do, of whatever architecture: its commands, and a device's life. It joins, links, holds a pod, serves it, ends
 * when it is told to, and starts from its store without a link.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { configMap, nodeReady, podInCloud, podOn } from '../e2e/harness.ts';
import type { ExecutablePair } from '../support/executables.ts';
import { atDevice, startFleet } from '../support/fleet.ts';
import { runCommand } from '../support/processes.ts';

export interface SmokeOptions {
  readonly executables: ExecutablePair;
  /** Empty, and removed by whoever made it. */
  readonly dir: string;
  readonly cacheDir: string;
  /** For each thing that is waited for, in milliseconds: an emulated program takes ten times as long. */
  readonly patienceMs: number;
  readonly say: (line: string) => void;
}

/** @throws AssertionError or Error for the first thing that is wrong */
export async function smoke(options: SmokeOptions): Promise<void> {
  await commands(options);
  await life(options);
}

/** Both at a time: an emulated one needs seconds to start, and this machine has two processors or more. */
async function commands({ executables, cacheDir, say }: SmokeOptions): Promise<void> {
  const { agent, relay, arch } = executables;
  say('commands');
  const [facts] = await Promise.all([
    commandsOf('agent', agent, ['version', '-o', 'json']),
    commandsOf('relay', relay, ['config', '--link-port', '9443']).then((config) => assert.match(config, /9443/)),
  ]);
  const { sqlite, ...others } = JSON.parse(facts);
  assert.equal(others.arch, arch);
  assert.equal(others.executable, true);
  assert.match(sqlite, /^3\.\d+\.\d+$/, facts);
  assert.equal(readdirSync(cacheDir).length, 1, 'SQLite is in the cache folder, and nothing else');
}

/** @returns what its last command, which is its own, has said */
async function commandsOf(program: string, main: ExecutablePair['agent'], own: readonly string[]): Promise<string> {
  // Whoever starts it has options for Node in the environment: they are none of its business, and would end it.
  const env = { NODE_OPTIONS: '--no-such-option' };
  const ask = async (...args: string[]) => {
    const name = `hawser-${program} ${args[0]}`;
    const { code, stdout, stderr } = await runCommand({ name, before: main.before, node: main.executable, args, env });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, name);
    return stdout;
  };
  assert.match(await ask('version'), new RegExp(`^hawser-${program} \\d+\\.\\d+\\.\\d+\n$`));
  assert.match(await ask('--help'), new RegExp(`^Usage: hawser-${program} `));
  const parsed = spawnSync('bash', ['-n'], { input: await ask('completion', 'bash') });
  assert.equal(parsed.status, 0, String(parsed.stderr));
  return ask(...own);
}

const NODE = 'edge-1';

async function life({ executables, dir, patienceMs, say }: SmokeOptions): Promise<void> {
  say('relay and agent: start, join, link');
  const fleet = await startFleet({
    dir,
    agents: [NODE],
    identities: 'joined',
    relayMain: executables.relay,
    agentMain: executables.agent,
    startTimeoutMs: patienceMs,
  });
  try {
    const [agent] = fleet.agents;
    if (agent === undefined) throw new Error('the fleet has no agent');
    await nodeReady(fleet.kube, NODE, patienceMs);
    say('a pod to the device, its status to the cluster');
    await fleet.kube.create(configMap('settings', { colour: 'green' }));
    await fleet.kube.create(podOn(NODE, 'web', { configMaps: ['settings'] }));
    await podInCloud(fleet.kube, 'web', ({ phase }) => phase === 'Running', patienceMs);
    const held = await atDevice(agent, 'configmaps', 'default', 'settings', undefined, patienceMs);
    assert.deepEqual(held.data, { colour: 'green' });
    const got = await agent.command('get', 'pods', '-o', 'json');
    assert.equal(got.code, 0, got.stderr);
    assert.equal(JSON.parse(got.stdout).items[0].metadata.name, 'web');

    say('SIGUSR1 opens no inspector');
    process.kill(agent.process().pid, 'SIGUSR1');
    await agent.local.list('pods', 'default');
    assert.ok(!agent.process().tail().includes('Debugger'), agent.process().tail());

    say('SIGTERM, and a start without a link');
    assert.deepEqual(await agent.process().stop(), { code: 0, signal: null });
    agent.link.cut();
    await agent.start();
    const kept = await atDevice(agent, 'pods', 'default', 'web', undefined, patienceMs);
    assert.equal((kept.status as { phase?: string }).phase, 'Running');
    assert.deepEqual(await agent.process().stop(), { code: 0, signal: null });
    assert.deepEqual(await fleet.relay().stop(), { code: 0, signal: null });
  } finally {
    await fleet.stop();
  }
}

/** Where a smoke test keeps its cluster, and where the executables have their SQLite. */
export function foldersIn(dir: string): { readonly dir: string; readonly cacheDir: string } {
  return { dir: join(dir, 'fleet'), cacheDir: join(dir, 'cache') };
}
