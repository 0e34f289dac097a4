import type { KubeObject } from '@hawser/protocol';

/** What was there and shows in no answer of the scenario as a whole object. */
export interface ExtraSeeds {
  /** `resource namespace/name` of objects that other scenarios show. */
  readonly fromOthers?: readonly string[];
  readonly objects?: readonly KubeObject[];
}

/** The Node of the scenarios about node identities. */
const EDGE_1 = 'dee46de6-20ab-478f-8320-03cac58abe4b';
const MADE_UP_TIME = '2026-11-23T13:55:40Z';

export const EXTRA_SEEDS: Readonly<Record<string, ExtraSeeds>> = {
  '02-list-continue-expired': {
    fromOthers: ['configmaps rec-list/cm-7'],
    objects: [event('rec-list', 'ev-5')],
  },
  '02-list-table-and-partial-metadata': { objects: [lease('edge-2'), apiServerSlice()] },
  '05-token-request': { objects: [node('edge-1', '190b802e-c23c-42d8-b5a5-3eb9672a6ff4')] },
  '06-node-leases-and-events': { objects: [event('default', 'evn2')] },
  '06-node-own-and-other-nodes': { objects: [node('edge-2', '33333333-0000-4000-8000-000000000002')] },
  '06-node-pods': {
    objects: [zonedNode('edge-1', EDGE_1), pod('rec-node', 'theirs', 'edge-2')],
  },
  '06-node-referenced-objects': { objects: [zonedNode('edge-1', EDGE_1)] },
  '06-node-token-requests': {
    fromOthers: ['persistentvolumes /pv-used', 'persistentvolumeclaims rec-node/pvc-used'],
  },
};

function meta(name: string, namespace: string, uid?: string): KubeObject['metadata'] {
  return {
    name,
    ...(namespace === '' ? {} : { namespace }),
    uid: uid ?? '00000000-0000-4000-8000-000000000000',
    resourceVersion: '2',
    creationTimestamp: MADE_UP_TIME,
  };
}

function node(name: string, uid?: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Node', metadata: meta(name, '', uid), spec: {}, status: {} };
}

function zonedNode(name: string, uid: string): KubeObject {
  const object = node(name, uid);
  return { ...object, metadata: { ...object.metadata, labels: { 'topology.kubernetes.io/zone': '1' } } };
}

function pod(namespace: string, name: string, nodeName: string): KubeObject {
  const spec = { nodeName, serviceAccountName: 'default', containers: [{ name: 'main', image: 'example.test/busybox:1' }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: meta(name, namespace), spec, status: { phase: 'Pending' } };
}

function event(namespace: string, name: string): KubeObject {
  const involvedObject = { kind: 'Pod', namespace, name: 'web-0' };
  return { apiVersion: 'v1', kind: 'Event', metadata: meta(name, namespace), involvedObject, type: 'Normal', eventTime: null };
}

function lease(name: string): KubeObject {
  const spec = { holderIdentity: name, leaseDurationSeconds: 40 };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: meta(name, 'kube-node-lease'), spec };
}

function apiServerSlice(): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...meta('kubernetes', 'default'), generation: 11, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.77.0.10'], conditions: { ready: true } }],
    ports: [{ name: 'https', port: 16443, protocol: 'TCP' }],
  };
}
