import { type KubeObject, resourceByKind } from '@hawser/protocol';
import type { Fleet, FleetAgent } from '../../test/support/fleet.ts';
import { type KubeClient, KubeError } from '../../test/support/kube.ts';
import { until } from '../../test/support/until.ts';

/** What the demonstration showed; also the one line of JSON of `--json`. */
export interface DemoResult {
  readonly ok: boolean;
  readonly nodes: number;
  readonly podsRunning: number;
  readonly objectsAtEdge: number;
  /** From the API server's answer to the edit until the device's own API shows it. */
  readonly editArrivedMs: number;
  /** While the link was cut, the device's API still gave its pods and its ConfigMap, as they were before the cut. */
  readonly servedOffline: boolean;
  /** From the moment that the link could be made again until the device shows the change that it had missed. */
  readonly convergedAfterReconnectMs: number;
}

export interface StoryOptions {
  readonly manifests: readonly KubeObject[];
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** Told of each object that was not in the cluster before. */
  readonly onMade: (object: KubeObject) => void;
}

/** How long each part may take before the demonstration counts as failed: generous, for slow machines. */
const NODES_READY_MS = 60_000;
const PODS_RUNNING_MS = 180_000;
const ARRIVE_MS = 30_000;
const CONVERGE_MS = 90_000;

/** Added to every demonstration, so that there is a ConfigMap to edit whatever the manifests hold. */
const NOTE = 'hawser-demo-note';

/** Tells the story on a running fleet. @throws when a part of it does not happen in time */
export async function tellStory(fleet: Fleet, options: StoryOptions): Promise<DemoResult> {
  const { say, signal } = options;
  const names = fleet.agents.map((agent) => agent.name);
  const traveller = fleet.agents[0];
  if (traveller === undefined) throw new Error('the demonstration needs an agent');
  showChanges(fleet.kube, names, say, signal);

  await until('nodes Ready', NODES_READY_MS, signal, async () => {
    const nodes = await fleet.kube.list('nodes');
    return (
      nodes.filter((node) => names.includes(node.metadata.name ?? '') && conditionOf(node, 'Ready') === 'True').length ===
      names.length
    );
  });

  say(`applying ${options.manifests.length} objects`);
  for (const object of options.manifests) await applyOne(fleet, object, options);
  for (const object of noteFor(traveller.name)) {
    await fleet.kube.apply(object);
    options.onMade(object);
  }

  const podsRunning = await until('pods Running', PODS_RUNNING_MS, signal, async () => {
    const pods = (await fleet.kube.list('pods')).filter((pod) => names.includes(nodeNameOf(pod)));
    const expected = await expectedPods(fleet.kube, options.manifests, names.length);
    return pods.length >= expected && pods.every((pod) => phaseOf(pod) === 'Running') ? pods.length : undefined;
  });
  say(`${podsRunning} pods Running on ${names.length} devices`);

  const editArrivedMs = await editAndMeasure(fleet.kube, traveller, 'edited while linked', signal);
  say(`a ConfigMap was edited: ${traveller.name} had it ${editArrivedMs} ms later`);

  traveller.link.cut();
  say(`the link of ${traveller.name} is cut`);
  await editNote(fleet.kube, 'edited while the link was cut');
  const servedOffline = await servesWithoutLink(traveller, 'edited while linked');
  say(`${traveller.name} ${servedOffline ? 'still serves its pods and the ConfigMap as it was' : 'does NOT serve what it held'}`);

  const back = performance.now();
  traveller.link.restore();
  say(`the link of ${traveller.name} is back`);
  await until(
    'the missed change at the device',
    CONVERGE_MS,
    signal,
    async () => (await noteAt(traveller)) === 'edited while the link was cut',
  );
  const convergedAfterReconnectMs = Math.round(performance.now() - back);
  say(`${traveller.name} has what it had missed ${convergedAfterReconnectMs} ms later`);

  const held = await Promise.all(fleet.agents.map((agent) => agent.objectsHeld()));
  const objectsAtEdge = held.reduce((sum, count) => sum + count, 0);
  return {
    ok: servedOffline && podsRunning > 0,
    nodes: names.length,
    podsRunning,
    objectsAtEdge,
    editArrivedMs,
    servedOffline,
    convergedAfterReconnectMs,
  };
}

/** What is in a user's cluster already is the user's: it stays as it is, and the demonstration does not remove it. */
async function applyOne(fleet: Fleet, object: KubeObject, { say, onMade }: StoryOptions): Promise<void> {
  if (resourceByKind(object.apiVersion, object.kind) === undefined) {
    say(`${object.apiVersion} ${object.kind} ${object.metadata.name} is left out: the demo does not know the kind`);
    return;
  }
  try {
    await fleet.kube.create(object);
    onMade(object);
  } catch (error) {
    if (!(error instanceof KubeError && error.reason === 'AlreadyExists')) throw error;
    if (fleet.embedded) await fleet.kube.apply(object);
    else say(`${object.kind} ${object.metadata.name} is in the cluster already and stays as it is`);
  }
}

/** What the demonstration adds to the manifests: a ConfigMap to edit and a pod that reads it, bound to the device. */
function noteFor(node: string): KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NOTE, namespace: 'default' }, data: { note: 'as first applied' } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: NOTE, namespace: 'default' },
      spec: {
        nodeName: node,
        containers: [{ name: 'reader', image: 'registry.example/reader:1', envFrom: [{ configMapRef: { name: NOTE } }] }],
      },
    },
  ];
}

async function editAndMeasure(kube: KubeClient, agent: FleetAgent, note: string, signal: AbortSignal): Promise<number> {
  const arrived = new AbortController();
  const seen = new Promise<number>((resolve) => {
    const onEvent = ({ object }: { object: KubeObject }) => {
      if (object.metadata.name === NOTE && noteOf(object) === note) resolve(performance.now());
    };
    agent.local.watch('configmaps', onEvent, AbortSignal.any([arrived.signal, signal]));
  });
  await until('the ConfigMap at the device', ARRIVE_MS, signal, async () => (await noteAt(agent)) !== undefined);
  await editNote(kube, note);
  const answered = performance.now();
  const deadline = AbortSignal.timeout(ARRIVE_MS);
  const late = new Promise<never>((_resolve, reject) => {
    deadline.addEventListener('abort', () => reject(new Error(`the edit did not arrive within ${ARRIVE_MS} ms`)));
  });
  try {
    return Math.max(0, Math.round((await Promise.race([seen, late])) - answered));
  } finally {
    arrived.abort();
  }
}

async function servesWithoutLink(agent: FleetAgent, note: string): Promise<boolean> {
  const pods = await agent.local.list('pods');
  return pods.some((pod) => pod.metadata.name === NOTE) && (await noteAt(agent)) === note;
}

async function editNote(kube: KubeClient, note: string): Promise<void> {
  await kube.patch('configmaps', 'default', NOTE, { data: { note } });
}

async function noteAt(agent: FleetAgent): Promise<string | undefined> {
  const object = await agent.local.get('configmaps', 'default', NOTE);
  return object === undefined ? undefined : noteOf(object);
}

function noteOf(object: KubeObject): string | undefined {
  return (object.data as Record<string, string> | undefined)?.note;
}

/** Pods that the manifests ask for, plus the one that the demonstration adds. */
async function expectedPods(kube: KubeClient, manifests: readonly KubeObject[], devices: number): Promise<number> {
  const counts = manifests.map((object) => {
    if (object.kind === 'Pod') return 1;
    if (object.kind === 'Deployment') return (object.spec as { replicas?: number } | undefined)?.replicas ?? 1;
    return object.kind === 'DaemonSet' ? devices : 0;
  });
  const unschedulable = (await kube.list('pods')).filter((pod) => nodeNameOf(pod) === '').length;
  return counts.reduce((sum, count) => sum + count, 1) - unschedulable;
}

/** Says what happens while it happens: nodes becoming Ready, pods changing their phase. */
function showChanges(kube: KubeClient, nodes: readonly string[], say: (line: string) => void, signal: AbortSignal): void {
  const shown = new Map<string, string>();
  const show = (what: string, state: string) => {
    if (shown.get(what) === state) return;
    shown.set(what, state);
    say(`${what} is ${state}`);
  };
  kube.watch(
    'nodes',
    ({ type, object }) => {
      if (type === 'BOOKMARK' || !nodes.includes(object.metadata.name ?? '')) return;
      show(`node ${object.metadata.name}`, conditionOf(object, 'Ready') === 'True' ? 'Ready' : 'registered');
    },
    signal,
  );
  kube.watch(
    'pods',
    ({ type, object }) => {
      const node = nodeNameOf(object);
      if (type === 'BOOKMARK' || !nodes.includes(node)) return;
      show(
        `pod ${object.metadata.namespace}/${object.metadata.name}`,
        type === 'DELETED' ? 'gone' : `${phaseOf(object)} on ${node}`,
      );
    },
    signal,
  );
}

function conditionOf(object: KubeObject, type: string): string | undefined {
  const status = object.status as { conditions?: { type: string; status: string }[] } | undefined;
  return status?.conditions?.find((condition) => condition.type === type)?.status;
}

function phaseOf(pod: KubeObject): string {
  return (pod.status as { phase?: string } | undefined)?.phase ?? 'Pending';
}

function nodeNameOf(pod: KubeObject): string {
  return (pod.spec as { nodeName?: string } | undefined)?.nodeName ?? '';
}
