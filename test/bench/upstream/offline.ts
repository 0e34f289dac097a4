import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fleet, type FleetAgent, startFleet } from '../../support/fleet.ts';
import { KubeError } from '../../support/kube.ts';
import { until } from '../../support/until.ts';
import { registeredNode } from '../cluster-file.ts';
import type { BenchContext } from '../context.ts';
import { withEnding } from '../ending.ts';
import { NAMESPACE, podNames, podObject } from './cluster.ts';
import { Effects } from './effects.ts';
import { Kubelet } from './kubelet.ts';

const NODE = 'edge-1';
const PODS = 20;
/** Pods that have been deleted in the cluster before the link is cut, and end while it is. */
const ENDING_PODS = 3;
const WAIT_MS = 60_000;
const MOST_NAMED = 5;
/** Between two looks into the outbox, each of which is a process of its own. */
const LOOK_MS = 2_000;
/** From the link's return until everything has to be delivered: a backoff of up to a minute may be part of it. */
const DELIVERY_MS = 90_000;

/** What is done while the outbox goes out, each once so much of the Events has come. */
const TROUBLE: readonly {
  readonly at: number;
  readonly what: string;
  readonly make: (fleet: Fleet, agent: FleetAgent) => Promise<void>;
}[] = [
  {
    at: 0.1,
    what: 'the relay is killed',
    async make(fleet) {
      await fleet.relay().kill();
      await fleet.startRelay();
    },
  },
  { at: 0.3, what: 'the link is dropped', make: async (_fleet, agent) => agent.link.flap() },
  {
    at: 0.5,
    what: 'the agent is killed',
    async make(_fleet, agent) {
      await agent.process().kill();
      await agent.start();
    },
  },
  { at: 0.7, what: 'the link is dropped', make: async (_fleet, agent) => agent.link.flap() },
];

export interface OfflineFigures {
  /** Events that the device has confirmed while it was offline. */
  readonly made: number;
  /** Of these, on the device after it was killed and started again. */
  readonly kept: number;
  /** Of these, in the API server at the end, counted as often as on the device. */
  readonly delivered: number;
  readonly statusesRight: number;
  readonly pods: number;
  /** Of the pods that ended offline. */
  readonly podsGone: number;
  readonly podsEnded: number;
  readonly duplicates: number;
  readonly outboxEntries: number;
  /** From the link's return to the last of it. */
  readonly seconds: number;
}

/**
 * One real agent with its store on disk, offline: its kubelet makes Events, reports statuses and ends pods while the agent is killed;
 * then the link comes back, and while the outbox goes out relay and agent are killed and the link is dropped.
 */
export async function measureOffline(events: number, context: BenchContext): Promise<OfflineFigures> {
  const dir = join(context.dir, 'offline');
  await mkdir(dir);
  return withEnding(context.signal, async (ending) => {
    const over = new AbortController();
    ending.push(() => over.abort());
    const signal = AbortSignal.any([context.signal, over.signal]);
    const fleet = await startFleet({
      dir,
      agents: [NODE],
      relayMain: context.relayMain,
      agentMain: context.agentMain,
      agentFlags: { '--workload': 'none', ...context.agentFlags },
      signal,
      ownGroups: true,
    });
    ending.push(() => fleet.stop());
    const [agent] = fleet.agents;
    if (agent === undefined) throw new Error('the fleet has no agent');
    return await measure(events, { ...context, signal }, fleet, agent);
  });
}

async function measure(events: number, { say, signal }: BenchContext, fleet: Fleet, agent: FleetAgent): Promise<OfflineFigures> {
  const running = podNames(NODE, PODS);
  const ended = Array.from({ length: ENDING_PODS }, (_, index) => `job-${index}`);
  say('one device with a store on disk: it registers and gets its pods');
  await register(agent, signal);
  const effects = new Effects();
  for (const name of [...running, ...ended]) {
    await fleet.kube.create({ ...podObject(name, NODE), metadata: { name, namespace: NAMESPACE } });
  }
  const isHere = async () => (await agent.local.list('pods')).length === PODS + ENDING_PODS;
  await until('the pods on the device', WAIT_MS, signal, isHere);
  for (const name of ended) await fleet.kube.remove('pods', NAMESPACE, name, 30);
  const isMarked = async () =>
    (await agent.local.list('pods')).filter(({ metadata }) => metadata.deletionTimestamp !== undefined).length === ENDING_PODS;
  await until('the deletes on the device', WAIT_MS, signal, isMarked);
  fleet.kube.watch('pods', (event) => effects.pod(event), signal);
  fleet.kube.watch('events', (event) => effects.event(event), signal, `fieldSelector=involvedObject.kind%3DPod`);

  say(`offline: ${events} Events and as many crashes of ${PODS} pods; the agent is killed on the way`);
  agent.link.cut();
  const kubelet = new Kubelet(() => agent.local, running);
  let killing: Promise<unknown> | undefined;
  const wasKilled = await kubelet
    .live(events, (count) => {
      if (count >= events / 2) killing ??= agent.process().kill();
    })
    .then(
      () => false,
      (error: unknown) => {
        if (killing === undefined) throw error;
        return true;
      },
    );
  if (!wasKilled) throw new Error('the agent took writes after it was killed');
  await killing;
  await agent.start();
  await kubelet.live(events);
  for (const name of ended) await agent.local.remove('pods', NAMESPACE, name, 0);
  await agent.process().kill();
  await agent.start();
  const kept = countRight(kubelet.events, await eventsOn(agent));
  const entries = await outboxEntries(agent);
  say(`${kept} of ${kubelet.events.size} Events kept, ${entries} entries in the outbox`);

  const startedAt = performance.now();
  agent.link.restore();
  for (const { at, what, make } of TROUBLE) {
    if (!(await effects.until(() => effects.events >= at * events, DELIVERY_MS, signal))) break;
    say(`${effects.events} of ${events} Events delivered: ${what}`);
    await make(fleet, agent);
  }
  await untilSettled(kubelet, effects, agent, signal);
  const seconds = (performance.now() - startedAt) / 1000;
  // What is sent a second time would come now.
  await until('an empty outbox', DELIVERY_MS, signal, async () => (await outboxEntries(agent)) === 0);
  for (const line of await whatIsWrong(kubelet, effects, agent)) say(line);
  const restarts = effects.restarts();
  return {
    made: kubelet.events.size,
    kept,
    delivered: countRight(kubelet.events, effects.eventCounts()),
    statusesRight: countRight(kubelet.restarts, restarts),
    pods: PODS,
    podsGone: ended.filter((name) => !restarts.has(name)).length,
    podsEnded: ENDING_PODS,
    duplicates: effects.duplicates,
    outboxEntries: entries,
    seconds,
  };
}

/** Until everything is right, or nothing more will come. */
async function untilSettled(kubelet: Kubelet, effects: Effects, agent: FleetAgent, signal: AbortSignal): Promise<void> {
  const isRight = () => {
    const restarts = effects.restarts();
    const areStatuses = restarts.size === PODS && countRight(kubelet.restarts, restarts) === PODS;
    return areStatuses && countRight(kubelet.events, effects.eventCounts()) === kubelet.events.size;
  };
  const deadline = performance.now() + DELIVERY_MS;
  while (performance.now() < deadline) {
    if (await effects.until(isRight, LOOK_MS, signal)) return;
    if ((await outboxEntries(agent)) > 0) continue;
    await effects.until(isRight, LOOK_MS, signal);
    return;
  }
}

async function outboxEntries(agent: FleetAgent): Promise<number> {
  const { outbox } = (await agent.status()) as { readonly outbox: { readonly entries: number } };
  return outbox.entries;
}

/** For whoever looks for the cause: some of what is not as it should be, and what the agent says of it. */
async function whatIsWrong(kubelet: Kubelet, effects: Effects, agent: FleetAgent): Promise<string[]> {
  const found = effects.eventCounts();
  const wrong = [...kubelet.events].filter(([message, count]) => found.get(message) !== count).slice(0, MOST_NAMED);
  const { refusedReports } = (await agent.status()) as { readonly refusedReports: readonly string[] };
  return [
    ...wrong.map(([message, count]) => `"${message}" counts ${found.get(message) ?? 'nothing'} and not ${count}`),
    ...refusedReports.map((refused) => `refused: ${refused}`),
  ];
}

/** The first create of a Node is the cloud's to answer. */
async function register(agent: FleetAgent, signal: AbortSignal): Promise<void> {
  await until('the registration of the node', WAIT_MS, signal, async () => {
    try {
      await agent.local.create(registeredNode(NODE));
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.status === 503) return false;
      throw error;
    }
  });
}

async function eventsOn(agent: FleetAgent): Promise<ReadonlyMap<string, number>> {
  const events = await agent.local.list('events');
  return new Map(events.map((event) => [String(event.message), Number(event.count)]));
}

function countRight(expected: ReadonlyMap<string, number>, found: ReadonlyMap<string, number>): number {
  return [...expected].filter(([name, value]) => found.get(name) === value).length;
}
