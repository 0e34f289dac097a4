import { startFleet } from '../support/fleet.ts';
import type { BenchContext } from './context.ts';
import type { AgentOptions } from './options.ts';
import { seeded } from './random.ts';
import type { Report } from './report.ts';
import { median, rounded } from './statistics.ts';
import { BenchCluster } from './sync/cluster.ts';
import { boot, bytesWhenQuiet } from './sync/device.ts';
import { untilPodsReady } from './sync/unreachable.ts';

const NODE = 'edge-1';
const CONFIG_MAPS = 10;

/** An agent that has been in sync once is started with its link cut, until its API has answered with its objects. */
export async function measureAgentStart(options: AgentOptions, context: BenchContext): Promise<Report> {
  const { dir, say, relayMain, agentMain, agentFlags, nodeFlags } = context;
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  say('a device in sync');
  const fleet = await startFleet({
    dir,
    agents: [NODE],
    startAgents: false,
    relayMain,
    agentMain,
    agentFlags,
    nodeFlags,
    signal,
    ownGroups: true,
  });
  const stop = () => void fleet.stop();
  context.signal.addEventListener('abort', stop);
  try {
    const [agent] = fleet.agents;
    if (agent === undefined) throw new Error('the fleet has no agent');
    const cluster = new BenchCluster(fleet.kube, seeded(options.seed));
    const names = await cluster.createConfigMaps(NODE, CONFIG_MAPS);
    if (options.pods > 1) await cluster.createPods(NODE, options.pods - 1, names);
    const linked = await boot(agent, signal);
    await linked.inSync();
    await untilPodsReady(fleet.kube, NODE, signal);
    await bytesWhenQuiet(agent, signal);
    await linked.stop();
    agent.link.cut();

    const times: number[] = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      say(`start without a link, ${round} of ${options.rounds}`);
      const device = await boot(agent, signal);
      times.push((await device.seen(cluster.current(names))) - device.spawnedAt);
      await device.stop();
    }
    const ms = rounded(median(times));
    const about = 'agent started with the link down, until its API has shown its ConfigMaps';
    return {
      figures: [{ name: 'agentStartMs', about, value: ms, unit: 'ms', atMost: 2_000 }],
      run: { pods: options.pods, configMaps: CONFIG_MAPS, rounds: options.rounds, seed: options.seed, node: process.version },
      notes: ['the agent is the bundle of npm run build; its store is a file with synchronous=FULL'],
    };
  } finally {
    context.signal.removeEventListener('abort', stop);
    over.abort();
    await fleet.stop();
  }
}
