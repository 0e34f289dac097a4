import type { Kind } from '../http/objects.ts';
import type { Candidate } from './subject.ts';

export const CONFIG_MAPS: Kind = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true };
export const PODS: Kind = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
export const NODES: Kind = { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false };

/** Nobody pulls it: a gated pod is not scheduled, and a mirror pod is what its kubelet says of a file. */
const IMAGE = 'registry.invalid/hawser-conformance:1';

export const configMaps: Candidate = {
  title: 'ConfigMaps',
  kind: CONFIG_MAPS,
  through: '',
  createsWithValue: true,
  valuePath: ['data', 'value'],
  body: (name, labels, value) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data: { value } }),
};

/** Pods of a cluster that no scheduler takes (Kubernetes 1.30 and later). */
export const gatedPods: Candidate = {
  title: 'gated pods',
  kind: PODS,
  through: 'status',
  createsWithValue: false,
  valuePath: ['status', 'message'],
  body: (name, labels) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      schedulingGates: [{ name: 'hawser.dev/conformance' }],
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: IMAGE }],
    },
  }),
};

/** What a kubelet tells of its static pods, with the Node as their owner: the only pods that a node may make (NodeRestriction). */
export function mirrorPods(nodeName: string, nodeUid: string): Candidate {
  return {
    title: `mirror pods of ${nodeName}`,
    kind: PODS,
    through: 'status',
    createsWithValue: false,
    valuePath: ['status', 'message'],
    body: (name, labels) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        labels,
        annotations: {
          'kubernetes.io/config.mirror': 'hawser-conformance',
          'kubernetes.io/config.hash': 'hawser-conformance',
          'kubernetes.io/config.source': 'file',
        },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid, controller: true }],
      },
      spec: {
        nodeName,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: IMAGE }],
      },
    }),
  };
}
