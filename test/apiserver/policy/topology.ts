import type { Storage } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, textOf } from './fields.ts';

const COPIED = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/** The labels that a pod gets from its node when it is bound, so that it can read where it runs (admission PodTopologyLabels). */
export function topologyLabels(storage: Storage, nodeName: string): Record<string, string> {
  const labels = storage.get({ resource: 'nodes', namespace: '', name: nodeName })?.metadata.labels ?? {};
  return Object.fromEntries(Object.entries(labels).filter(([name]) => COPIED.includes(name)));
}

/** A pod that is created with a node is bound at once. */
export function withTopologyLabels(storage: Storage, pod: KubeObject): KubeObject {
  const labels = topologyLabels(storage, textOf(fieldsOf(pod.spec).nodeName));
  if (Object.keys(labels).length === 0) return pod;
  return { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, ...labels } } };
}
