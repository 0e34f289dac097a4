import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { type KubeObject, MIRROR_ANNOTATION } from '@hawser/protocol';
import { parse } from 'yaml';
import { fieldsOf, isFields, textOf } from '../../apiserver/policy/fields.ts';
import type { Happen } from '../happenings.ts';
import { bell } from '../wait.ts';
import { type PodParts, type PodWorker, startPodWorker } from './pod-worker.ts';

/** Static pods, from manifests in a folder, and their mirrors in the API. */
export interface Mirrors {
  isStatic(uid: string): boolean;
  /** The mirror under that key as the API has it now; undefined: it has none. */
  seen(key: string, mirror: KubeObject | undefined): void;
  /** All pods have been told once. */
  synced(): void;
}

/** Between looks at the folder, and at mirrors that could not be made; a change in the folder is noticed at once. Milliseconds. */
const LOOK_EVERY_MS = 20_000;
/** After a mirror has gone, or could not be made, in milliseconds. */
const AGAIN_MS = 1_000;

interface Static {
  readonly pod: KubeObject;
  readonly key: string;
  readonly worker: PodWorker;
}

/** @param folder undefined: there are no static pods */
export function followStaticPods(parts: PodParts, folder: string | undefined, nodeUid: () => string | undefined): Mirrors {
  const { around, node } = parts;
  const { client, clock, happen, signal } = around;
  const statics = new Map<string, Static>();
  const mirrors = new Map<string, KubeObject>();
  const rings = bell();
  let isSynced = false;

  const look = () => {
    const found = folder === undefined ? [] : manifests(folder, happen).map((manifest) => staticPod(manifest, node));
    const uids = new Set(found.map(({ metadata }) => metadata.uid));
    for (const [uid, { worker }] of statics) if (!uids.has(uid)) worker.remove();
    for (const pod of found) {
      const { uid = '', name = '', namespace = '' } = pod.metadata;
      if (statics.has(uid)) continue;
      const key = `${namespace}/${name}`;
      happen({ event: 'staticPod', pod: name, namespace, uid });
      const worker = startPodWorker(parts, pod, () => mirrors.get(key));
      statics.set(uid, { pod, key, worker });
      void worker.done.then(() => {
        statics.delete(uid);
        rings.ring();
      });
    }
  };

  const remove = async ({ metadata }: KubeObject, preconditions: { readonly uid?: string }) => {
    const { name = '', namespace = '', uid } = metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions };
    const { status } = await client.call('DELETE', path, { body });
    happen({ event: 'mirrorDeleted', pod: name, namespace, uid, status });
  };

  /** Makes the mirror of a static pod what it is to be. @returns whether it is */
  const mirror = async ({ pod, key, worker }: Static): Promise<boolean> => {
    const known = mirrors.get(key);
    const hash = pod.metadata.uid;
    if (known !== undefined) {
      const isOurs = known.metadata.annotations?.[MIRROR_ANNOTATION] === hash;
      if (isOurs && known.metadata.deletionTimestamp === undefined) return true;
      await remove(known, known.metadata.uid === undefined ? {} : { uid: known.metadata.uid });
    }
    const { name, namespace } = pod.metadata;
    const body = mirrorOf(pod, node, nodeUid());
    const { status, object } = await client.call('POST', `/api/v1/namespaces/${namespace}/pods`, { body });
    happen({ event: 'mirrorCreated', pod: name, namespace, uid: object?.metadata.uid, status });
    if (status === 201 && object !== undefined) mirrors.set(key, object);
    worker.update(pod);
    return status === 201;
  };

  const round = async (): Promise<boolean> => {
    look();
    if (!isSynced) return true;
    let isDone = true;
    for (const one of statics.values()) if (!(await mirror(one))) isDone = false;
    const wanted = new Set([...statics.values()].map(({ key }) => key));
    for (const [key, orphan] of [...mirrors]) {
      if (wanted.has(key)) continue;
      mirrors.delete(key);
      await remove(orphan, {});
    }
    return isDone;
  };

  const run = async () => {
    if (folder !== undefined) mkdirSync(folder, { recursive: true });
    const watcher = folder === undefined ? undefined : watch(folder, rings.ring);
    try {
      for (;;) {
        const isDone = await round().catch((error: unknown) => {
          signal.throwIfAborted();
          happen({ event: 'mirrorFailed', message: error instanceof Error ? error.message : String(error) });
          return false;
        });
        await rings.heard(clock, isDone ? LOOK_EVERY_MS : AGAIN_MS, signal);
      }
    } finally {
      watcher?.close();
    }
  };
  run().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });

  return {
    isStatic: (uid) => statics.has(uid),
    seen(key, seen) {
      if (seen === undefined) mirrors.delete(key);
      else mirrors.set(key, seen);
      const one = [...statics.values()].find((known) => known.key === key);
      one?.worker.update(one.pod);
      rings.ring();
    },
    synced() {
      isSynced = true;
      rings.ring();
    },
  };
}

interface Manifest {
  readonly hash: string;
  readonly pod: Record<string, unknown>;
}

/** A file that is being written, or is no pod, is left for the next look. */
function manifests(folder: string, happen: Happen): Manifest[] {
  return readdirSync(folder)
    .filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name))
    .sort()
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      let pod: unknown;
      try {
        pod = parse(text);
      } catch (error) {
        happen({ event: 'manifestUnreadable', file: name, message: error instanceof Error ? error.message : String(error) });
        return [];
      }
      return isFields(pod) && pod.kind === 'Pod' ? [{ hash: createHash('md5').update(text).digest('hex'), pod }] : [];
    });
}

function staticPod({ hash, pod }: Manifest, node: string): KubeObject {
  const metadata = fieldsOf(pod.metadata);
  const annotations = {
    ...fieldsOf(metadata.annotations),
    'kubernetes.io/config.hash': hash,
    'kubernetes.io/config.source': 'file',
  };
  const namespace = textOf(metadata.namespace) || 'default';
  const tolerations = [{ operator: 'Exists', effect: 'NoExecute' }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: `${textOf(metadata.name)}-${node}`, namespace, uid: hash, annotations },
    spec: { ...fieldsOf(pod.spec), nodeName: node, tolerations },
    status: { phase: 'Pending' },
  };
}

function mirrorOf(pod: KubeObject, node: string, nodeUid: string | undefined): KubeObject {
  const uid = pod.metadata.uid ?? '';
  const owner = { apiVersion: 'v1', kind: 'Node', name: node, uid: nodeUid ?? '', controller: true };
  const annotations = { ...pod.metadata.annotations, [MIRROR_ANNOTATION]: uid };
  return { ...pod, metadata: { ...pod.metadata, annotations, ownerReferences: [owner] } };
}
