import { randomUUID } from 'node:crypto';
import type { KubeObject } from '@hawser/protocol';
import { MemoryStorage } from '../apiserver/memory-storage.ts';
import { writeSnapshot } from '../apiserver/snapshot.ts';

/** Every object has a revision of its own, as each write in etcd has. */
const FIRST_REVISION = 2;

/**
 * The objects of a whole cluster, for a file that the embedded API server starts with: tens of thousands of requests would take
 * minutes.
 */
export class ClusterFile {
  readonly #stored: { key: { resource: string; namespace: string; name: string }; object: KubeObject }[] = [];

  /** Adds the object, with uid, resourceVersion and creationTimestamp of its own. `namespace` is empty for what has none. */
  put(resource: string, namespace: string, object: KubeObject): void {
    const { name = '' } = object.metadata;
    const metadata = {
      ...object.metadata,
      ...(namespace === '' ? {} : { namespace }),
      uid: randomUUID(),
      resourceVersion: String(FIRST_REVISION + this.#stored.length),
      creationTimestamp: '2026-01-01T00:00:00Z',
    };
    this.#stored.push({ key: { resource, namespace, name }, object: { ...object, metadata } });
  }

  write(file: string): Promise<void> {
    const startRevision = FIRST_REVISION + this.#stored.length;
    return writeSnapshot(new MemoryStorage({ startRevision, objects: this.#stored }), file);
  }
}

/** As `registeredNode`, of those that the relay serves. */
export function nodeObject(name: string): KubeObject {
  const node = registeredNode(name);
  const labels = { ...node.metadata.labels, 'node-role.kubernetes.io/edge': '' };
  return { ...node, metadata: { ...node.metadata, labels } };
}

/** A Node as its kubelet registers it. */
export function registeredNode(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/arch': 'arm64',
        'kubernetes.io/os': 'linux',
      },
    },
    spec: {},
    status: {
      addresses: [{ type: 'Hostname', address: name }],
      allocatable: { cpu: '4', memory: '3884Mi', pods: '110' },
      capacity: { cpu: '4', memory: '3984Mi', pods: '110' },
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }],
    },
  };
}
