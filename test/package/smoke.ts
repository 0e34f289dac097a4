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

async function commands({ executables, cacheDir, say }: SmokeOptions): Promise<void> {
  const { arch, agent, relay } = executables;
  for (const [name, main] of [
    ['agent', agent],
    ['relay', relay],
  ] as const) {
    say(`${name}: version, help, completion`);
    // Whoever starts it has options for Node in the environment: they are none of its business, and would end it.
    const env = { NODE_OPTIONS: '--no-such-option' };
    const ask = (...args: string[]) =>
      runCommand({ name: `hawser-${name} ${args[0]}`, before: main.before, node: main.executable, args, env });
    const version = await ask('version');
    assert.equal(version.code, 0, version.stderr);
    assert.match(version.stdout, new RegExp(`^hawser-${name} \\d+\\.\\d+\\.\\d+\n$`));
    assert.equal(version.stderr, '', 'no warning of Node');
    const help = await ask('--help');
    assert.equal(help.code, 0, help.stderr);
    assert.match(help.stdout, new RegExp(`^Usage: hawser-${name} `));
    const completion = await ask('completion', 'bash');
    assert.equal(completion.code, 0, completion.stderr);
    const parsed = spawnSync('bash', ['-n'], { input: completion.stdout });
    assert.equal(parsed.status, 0, String(parsed.stderr));
    assert.equal((await ask('no-such-command')).code, 2);
  }
  const facts = await runCommand({
    name: 'hawser-agent version',
    before: agent.before,
    node: agent.executable,
    args: ['version', '-o', 'json'],
  });
  const { sqlite, ...others } = JSON.parse(facts.stdout);
  assert.equal(others.arch, arch);
  assert.equal(others.executable, true);
  assert.match(sqlite, /^3\.\d+\.\d+$/, facts.stdout);
  assert.equal(readdirSync(cacheDir).length, 1, 'SQLite is in the cache folder, and nothing else');
  say('relay: config');
  const config = await runCommand({
    name: 'hawser-relay config',
    before: relay.before,
    node: relay.executable,
    args: ['config', '--link-port', '9443'],
  });
  assert.equal(config.code, 0, config.stderr);
  assert.match(config.stdout, /9443/);
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
