import type { KubeObject } from '@hawser/protocol';
import { follow } from '../controllers/follow.ts';
import { type Replica, type ReplicasOptions, runPod } from './replicas.ts';
import type { Service } from './service.ts';

/** A Node of a real cluster that runs the pods of one namespace, which its controllers make. */
export interface Worker {
  /** Those that are ready. */
  running(): readonly Replica[];
  /** Ends what runs. @throws what went wrong with a pod */
  stop(): Promise<void>;
}

export interface WorkerOptions extends ReplicasOptions {
  /** What devices dial: it goes to the pods that are ready, as kube-proxy has it. */
  readonly service: Service;
}

const NODE = 'worker-1';
const READY = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: '' };

/**
 * Does what scheduler and kubelet do: binds pods, runs them (`runPod`), says Ready once their probes do, and stops those that are being deleted.
 * Its Node says once that it is alive: the cluster has to be content with that.
 */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { kube, namespace, service } = options;
  const now = () => new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  await kube.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  const alive = { ...READY, lastHeartbeatTime: now(), lastTransitionTime: now() };
  await kube.patch('nodes', '', NODE, { status: { conditions: [alive] } }, 'status');

  const stopping = new AbortController();
  /** By uid of the pod, from the moment that it is seen: what its start comes to. */
  const started = new Map<string, Promise<Replica | undefined>>();
  const ready = new Map<string, Replica>();
  const ending = new Map<string, Promise<void>>();
  const errors: unknown[] = [];
  const publish = () => service.setEndpoints([...ready.values()].map(({ address }) => address));

  /** @returns undefined for a pod that has gone before it was bound */
  async function begin({ metadata }: KubeObject): Promise<Replica | undefined> {
    const { name = '', uid = '' } = metadata;
    const target = { apiVersion: 'v1', kind: 'Node', name: NODE };
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target };
    const { status, body } = await kube.raw('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, binding);
    if (status === 404) return undefined;
    if (status >= 300) throw new Error(`${name} is not bound: ${status} ${JSON.stringify(body)}`);
    const bound = await kube.get('pods', namespace, name);
    if (bound === undefined) return undefined;
    const replica = await runPod(options, bound);
    if (replica === undefined) throw new Error('this kernel gives no namespace of mounts, as root or otherwise');
    void replica
      .ready()
      .then(async () => {
        const at = now();
        const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'True', lastTransitionTime: at }));
        await kube.patch('pods', namespace, name, { status: { conditions } }, 'status');
        ready.set(uid, replica);
        publish();
      })
      // One that is being deleted need not become ready.
      .catch((error: unknown) => ending.has(uid) || errors.push(error));
    return replica;
  }

  async function end(uid: string, begun: Promise<Replica | undefined>): Promise<void> {
    ready.delete(uid);
    publish();
    await (await begun)?.stop();
  }

  const noted = (error: unknown) => void errors.push(error);

  const { lists } = follow(kube, { pods: 'pods' }, stopping.signal, () => {
    for (const pod of lists.pods.values()) {
      const { uid = '', deletionTimestamp } = pod.metadata;
      if (pod.metadata.namespace !== namespace || stopping.signal.aborted) continue;
      const begun = started.get(uid);
      if (deletionTimestamp === undefined && begun === undefined) {
        const beginning = begin(pod);
        started.set(uid, beginning);
        beginning.catch(noted);
      }
      if (deletionTimestamp !== undefined && begun !== undefined && !ending.has(uid)) {
        ending.set(uid, end(uid, begun).catch(noted));
      }
    }
  });

  return {
    running: () => [...ready.values()],
    async stop() {
      stopping.abort();
      for (const begun of await Promise.allSettled(started.values())) {
        if (begun.status === 'fulfilled') await begun.value?.process.kill();
      }
      await Promise.all(ending.values());
      if (errors.length > 0) throw new AggregateError(errors, `pods of ${namespace}: ${errors.map(String).join('; ')}`);
    },
  };
}
