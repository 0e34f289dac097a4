import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '@hawser/protocol';
import { stringify } from 'yaml';
import { containerOf } from '../../real/container.ts';
import { type Machine, makeMachine } from '../../real/machine.ts';
import { appPod } from '../../real/pods.ts';
import type { DevicePrograms } from '../../real/programs.ts';
import { type FleetAgent, startFleet } from '../../support/fleet.ts';
import { freePort } from '../../support/free-port.ts';
import type { KubeClient } from '../../support/kube.ts';
import { median } from '../statistics.ts';
import { NODE } from './agent.ts';
import type { LinkedContext } from './linked.ts';

const WAIT_MS = 180_000;
const PODS = Array.from({ length: 10 }, (_, n) => `app-${n}`);

export interface RealReboot {
  /** From the spawn of containerd and agent without a link until the last container runs, as the device's API tells it; median. */
  readonly rebootMs: number;
  /** The same until the API serves a list, of which the kubelet's start is a part no more. */
  readonly servingMs: number;
  /** `v1.20.2`, as the Node tells it. */
  readonly version: string;
}

/**
 * An agent that starts a kubelet, and ten pods in containers, each with ConfigMap, Secret and token. Their power is cut, link and all, and
 * comes back without a network; so many times.
 */
export async function measureRealReboot(context: LinkedContext, programs: DevicePrograms, rounds: number): Promise<RealReboot> {
  const { relayMain, agentMain, agentFlags, nodeFlags, signal, say } = context;
  const dir = join(context.dir, 'real');
  const home = join(dir, 'machine');
  mkdirSync(home, { recursive: true });
  const machine = await makeMachine(home, programs);
  const config = join(home, 'kubelet.yaml');
  writeFileSync(config, stringify({ ...machine.configuration, port: await freePort(), healthzPort: await freePort() }));
  const fleet = await startFleet({
    ...{ dir, agents: [NODE], relayMain, agentMain, nodeFlags, signal, ownGroups: true, startAgents: false },
    agentFlags: {
      ...{ ...agentFlags, '--workload': 'kubelet', '--kubelet-path': machine.kubelet, '--kubelet-config': config },
      ...(machine.flags.length === 0 ? {} : { '--kubelet-args': machine.flags.join() }),
    },
  });
  const stop = () => void fleet.stop();
  signal.addEventListener('abort', stop);
  try {
    const [agent] = fleet.agents;
    if (agent === undefined) throw new Error('the fleet has no agent');
    await machine.start();
    await agent.start();
    await makePods(fleet.kube);
    await whenAll(fleet.kube, signal, ({ isReady }) => isReady);
    const node = await fleet.kube.get('nodes', '', NODE);
    const { nodeInfo } = (node?.status ?? {}) as { nodeInfo?: { kubeletVersion?: string } };
    const times: { readonly runMs: number; readonly servingMs: number }[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      say(`power cut with a real kubelet, ${round} of ${rounds}`);
      times.push(await cutPower(agent, machine, signal));
    }
    return {
      rebootMs: median(times.map(({ runMs }) => runMs)),
      servingMs: median(times.map(({ servingMs }) => servingMs)),
      version: nodeInfo?.kubeletVersion ?? 'unknown',
    };
  } finally {
    signal.removeEventListener('abort', stop);
    await fleet.stop();
    await machine.stop();
  }
}

async function makePods(kube: KubeClient): Promise<void> {
  await kube.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'default' },
    data: { greeting: 'hello' },
  });
  await kube.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'login', namespace: 'default' },
    stringData: { user: 'anna' },
  });
  for (const name of PODS) await kube.create(appPod(NODE, name));
}

async function cutPower(agent: FleetAgent, machine: Machine, signal: AbortSignal) {
  const before = new Map(
    (await agent.local.list('pods', 'default')).map((pod) => [pod.metadata.name, containerOf(pod).restarts]),
  );
  agent.link.cut();
  await agent.process().kill();
  await machine.cut();
  const spawnedAt = performance.now();
  const starting = machine.start();
  await agent.start();
  const servingMs = performance.now() - spawnedAt;
  await starting;
  await whenAll(
    agent.local,
    signal,
    ({ isRunning, restarts }, pod) => isRunning && restarts > Number(before.get(pod.metadata.name)),
  );
  return { runMs: performance.now() - spawnedAt, servingMs };
}

/** By a watch, so that looking costs the device nothing. */
async function whenAll(
  kube: KubeClient,
  signal: AbortSignal,
  matches: (container: ReturnType<typeof containerOf>, pod: KubeObject) => boolean,
): Promise<void> {
  const found = new Set<string>();
  const ended = new AbortController();
  const bounds = AbortSignal.any([signal, ended.signal, AbortSignal.timeout(WAIT_MS)]);
  await new Promise<void>((resolve, reject) => {
    bounds.addEventListener('abort', () => reject(new Error(`only ${found.size} of ${PODS.length} pods run`)), { once: true });
    kube.watch(
      'pods',
      ({ object }) => {
        const { name = '' } = object.metadata;
        if (PODS.includes(name) && matches(containerOf(object), object)) found.add(name);
        if (found.size === PODS.length) resolve();
      },
      bounds,
    );
  }).finally(() => ended.abort());
}
