import { type KubeObject, MIRROR_ANNOTATION } from '@hawser/protocol';
import { keyOf, type Reflector, reflect } from '../reflector.ts';
import type { Mirrors } from './mirrors.ts';
import { type PodParts, type PodWorker, startPodWorker } from './pod-worker.ts';

/** The pods that the API gives to this node. */
export interface Pods {
  readonly workers: ReadonlyMap<string, PodWorker>;
  readonly reflector: Reflector;
}

/** What the watch of pods is asked to last, in seconds. */
const LASTS = [300, 600] as const;

export function followPods(parts: PodParts, mirrors: Mirrors): Pods {
  const { around, node, runtime, mounts } = parts;
  const workers = new Map<string, PodWorker>();

  const take = (pod: KubeObject) => {
    const uid = pod.metadata.uid ?? '';
    const known = workers.get(uid);
    if (known !== undefined) {
      known.update(pod);
      return;
    }
    around.happen({ event: 'podTaken', pod: pod.metadata.name, namespace: pod.metadata.namespace, uid });
    const worker = startPodWorker(parts, pod);
    workers.set(uid, worker);
    void worker.done.then(() => workers.delete(uid));
  };

  /** What runs here and is no pod of this node ends; a kubelet does it when it has heard of all. */
  const endOrphans = () => {
    for (const [uid, { namespace, name }] of [...runtime.sandboxes]) {
      if (workers.has(uid) || mirrors.isStatic(uid)) continue;
      around.happen({ event: 'orphanEnded', pod: name, namespace, uid });
      runtime.stop(uid);
    }
    for (const uid of mounts.uids()) if (!workers.has(uid) && !mirrors.isStatic(uid)) mounts.remove(uid);
  };

  const reflector = reflect(around, {
    path: '/api/v1/pods',
    fieldSelector: `spec.nodeName=${node}`,
    lasts: LASTS,
    saysTimeout: false,
    onChange(change) {
      if (change.type === 'synced') {
        endOrphans();
        mirrors.synced();
        return;
      }
      const { object } = change;
      if (object.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) {
        mirrors.seen(keyOf(object), change.type === 'gone' ? undefined : object);
      } else if (change.type === 'gone') workers.get(object.metadata.uid ?? '')?.remove();
      else take(object);
    },
  });
  return { workers, reflector };
}
