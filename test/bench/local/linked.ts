import { setTimeout as sleep } from 'node:timers/promises';
import { startKubeletProcess } from '../../kubelet/process.ts';
import { type FleetAgent, type Main, startFleet } from '../../support/fleet.ts';
import type { BenchContext } from '../context.ts';
import { seeded } from '../random.ts';
import { BenchCluster } from '../sync/cluster.ts';
import { untilPodsReady } from '../sync/unreachable.ts';
import { memoryOf } from '../workspace.ts';
import { NODE } from './agent.ts';

const CONFIG_MAPS = 20;
const WAIT_MS = 60_000;
/** Pods that run again, or all where there are fewer, end the measurement of a power cut. */
export const REBOOT_PODS = 10;

export interface Linked {
  /** MiB. */
  readonly rss: number;
  readonly anonymous: number;
  /** From the spawn of agent and played kubelet without a link until so many pods run again. */
  readonly rebootMs: number;
}

/** What is measured may be an executable too. */
export type LinkedContext = Omit<BenchContext, 'relayMain' | 'agentMain'> & {
  readonly relayMain: Main;
  readonly agentMain: Main;
};

/**
 * An agent in its second run, with a link and pods that a played kubelet runs by its API: its memory after so many seconds in which nothing happened. Then the power is
 * cut, and comes back without a network.
 */
export async function measureLinked(
  context: LinkedContext,
  { pods, seconds, seed }: { readonly pods: number; readonly seconds: number; readonly seed: number },
): Promise<Linked> {
  const { dir, relayMain, agentMain, agentFlags, nodeFlags, signal } = context;
  const fleet = await startFleet({
    ...{ dir, agents: [NODE], relayMain, agentMain, nodeFlags, signal, ownGroups: true },
    agentFlags: { ...agentFlags, '--workload': 'none' },
  });
  const stop = () => void fleet.stop();
  signal.addEventListener('abort', stop);
  try {
    const [agent] = fleet.agents;
    if (agent === undefined) throw new Error('the fleet has no agent');
    const { server } = agent.local;
    const kubelet = playKubelet(agent, dir, server, 'first');
    const cluster = new BenchCluster(fleet.kube, seeded(seed));
    const memory = await (async () => {
      const names = await cluster.createConfigMaps(NODE, CONFIG_MAPS);
      await cluster.createPods(NODE, pods - 1, names);
      await untilPodsReady(fleet.kube, NODE, signal);
      // The first run of its life has made a certificate, and holds what it takes for that.
      await agent.process().stop();
      await agent.start({ '--api-port': new URL(server).port });
      await sleep(seconds * 1000, undefined, { signal });
      return memoryOf(agent.process().pid);
    })().finally(kubelet.kill);
    await agent.process().kill();
    agent.link.cut();
    return { rss: memory.rss, anonymous: memory.anonymous, rebootMs: await reboot(agent, dir, server, pods) };
  } finally {
    signal.removeEventListener('abort', stop);
    await fleet.stop();
  }
}

async function reboot(agent: FleetAgent, dir: string, server: string, pods: number): Promise<number> {
  const spawnedAt = performance.now();
  agent.launch({ '--api-port': new URL(server).port });
  const kubelet = playKubelet(agent, dir, server, 'second');
  try {
    const running = new Set<unknown>();
    await kubelet.line(
      'its pods',
      ({ event, phase, pod }) => {
        if (event === 'pod' && phase === 'running') running.add(pod);
        return running.size >= Math.min(REBOOT_PODS, pods);
      },
      WAIT_MS,
    );
    return performance.now() - spawnedAt;
  } finally {
    await kubelet.kill();
  }
}

function playKubelet({ node, dataDir }: FleetAgent, dir: string, server: string, boot: string) {
  return startKubeletProcess({ node, dataDir, server, boot, root: `${dir}/kubelet`, logFile: `${dir}/kubelet.log` });
}
