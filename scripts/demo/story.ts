import { type KubeObject, resourceByKind } from '@hawser/protocol';
import type { Fleet, FleetAgent } from '../../test/support/fleet.ts';
import { type KubeClient, KubeError } from '../../test/support/kube.ts';
import { until } from '../../test/support/until.ts';
import { prerequisitesOf } from './prerequisites.ts';
import { askFor, QUESTIONS, volumeAtDevice, volumeFor } from './questions.ts';

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
  /** Of a ConfigMap, a PV, a PVC and a VolumeAttachment, how many the device was told by the API server when it asked. */
  readonly answeredOnline: number;
  /** The same with the link cut, from what the device has. */
  readonly answeredOffline: number;
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
const ARRIVE_MS = 60_000;
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

  say(`applying ${options.manifests.length} ${options.manifests.length === 1 ? 'object' : 'objects'}`);
  const isNamespace = ({ kind }: KubeObject) => kind === 'Namespace';
  for (const object of options.manifests.filter(isNamespace)) await applyOne(fleet, object, options);
  if (fleet.embedded) await makePrerequisites(fleet.kube, options);
  for (const object of options.manifests.filter((one) => !isNamespace(one))) await applyOne(fleet, object, options);
  for (const object of noteFor(traveller.name)) {
    options.onMade(await fleet.kube.apply(object));
  }

  const podsRunning = await podsToRun(fleet.kube, names, options);
  say(`${podsRunning} pods Running on ${names.length} devices`);

  const editArrivedMs = await editAndMeasure(fleet.kube, traveller, 'edited while linked', signal);
  say(`a ConfigMap was edited: ${traveller.name} had it ${editArrivedMs} ms later`);

  await volumeAtDevice(traveller, NOTE, signal);
  const answeredOnline = await askFor(traveller, NOTE, true, say);

  traveller.link.cut();
  say(`the link of ${traveller.name} is cut`);
  await editNote(fleet.kube, 'edited while the link was cut');
  const servedOffline = await servesWithoutLink(traveller, 'edited while linked');
  say(`${traveller.name} ${servedOffline ? 'still serves its pods and the ConfigMap as it was' : 'does NOT serve what it held'}`);

  const answeredOffline = await askFor(traveller, NOTE, false, say);

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
    ok: servedOffline && podsRunning > 0 && answeredOnline === QUESTIONS.length && answeredOffline === QUESTIONS.length,
    nodes: names.length,
    podsRunning,
    objectsAtEdge,
    editArrivedMs,
    servedOffline,
    answeredOnline,
    answeredOffline,
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
    onMade(await fleet.kube.create(object));
  } catch (error) {
    if (!(error instanceof KubeError && error.reason === 'AlreadyExists')) throw error;
    if (fleet.embedded) await fleet.kube.apply(object);
    else say(`${object.kind} ${object.metadata.name} is in the cluster already and stays as it is`);
  }
}

/** Manifests of a part of a platform name namespaces and ServiceAccounts that another part makes: here the demo does. */
async function makePrerequisites(kube: KubeClient, { manifests, say }: StoryOptions): Promise<void> {
  for (const object of prerequisitesOf(manifests)) {
    const namespace = object.metadata.namespace ?? '';
    const name = object.metadata.name ?? '';
    const resource = object.kind === 'Namespace' ? 'namespaces' : 'serviceaccounts';
    if ((await kube.get(resource, namespace, name)) !== undefined) continue;
    await kube.create(object);
    say(`${object.kind} ${name} is made, since no manifest makes it`);
  }
}

/** Between two lines that say what is waited for. */
const TELL_WAIT_MS = 10_000;

/** Waits until every pod that the manifests ask for runs. @throws with what is missing when it takes too long */
async function podsToRun(kube: KubeClient, names: readonly string[], { manifests, say, signal }: StoryOptions): Promise<number> {
  let toldMs = performance.now();
  let waitingFor = '';
  const look = async () => {
    const all = await kube.list('pods');
    const pods = all.filter((pod) => names.includes(nodeNameOf(pod)));
    const expected = await expectedPods(kube, manifests, names.length);
    if (pods.length >= expected && pods.every((pod) => phaseOf(pod) === 'Running')) return pods.length;
    const waits = all
      .filter((pod) => phaseOf(pod) !== 'Running')
      .map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}: ${reasonOf(pod)}`);
    const missing = expected - pods.length;
    if (missing > 0)
      waits.push(`${missing} pods that nothing has made or bound yet (does a controller manager run in this cluster?)`);
    waitingFor = waits.slice(0, 5).join('; ');
    if (performance.now() - toldMs > TELL_WAIT_MS) {
      toldMs = performance.now();
      say(`waiting for ${waitingFor}`);
    }
    return undefined;
  };
  try {
    return await until('pods Running', PODS_RUNNING_MS, signal, look);
  } catch (cause) {
    if (signal.aborted || waitingFor === '') throw cause;
    throw new Error(`not all pods run after ${PODS_RUNNING_MS / 1000} s: ${waitingFor}`, { cause });
  }
}

/** Why a pod does not run, as its status says. */
function reasonOf(pod: KubeObject): string {
  const status = pod.status as
    | { containerStatuses?: { state?: { waiting?: { reason?: string; message?: string } } }[] }
    | undefined;
  const waiting = status?.containerStatuses?.map(({ state }) => state?.waiting).find((state) => state !== undefined);
  if (nodeNameOf(pod) === '') return 'not bound to a node';
  return waiting === undefined ? phaseOf(pod) : [waiting.reason, waiting.message].filter(Boolean).join(', ');
}

/** What the demonstration adds to the manifests: a ConfigMap to edit, a volume, and a pod with both, bound to the device. */
function noteFor(node: string): KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NOTE, namespace: 'default' }, data: { note: 'as first applied' } },
    ...volumeFor(node, NOTE),
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: NOTE, namespace: 'default' },
      spec: {
        nodeName: node,
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: NOTE } }],
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
