import type { KubeObject } from '@hawser/protocol';
import { fieldsOf } from '../policy/fields.ts';
import type { EmbeddedApiServer } from '../server.ts';

/**
 * What others did in the recorded cluster, and the recorder out of the recording's sight: controllers, compactions of etcd.
 * Each is done just after the exchange of that index, for a watch when it is open.
 */
export interface Intervention {
  readonly scenario: string;
  /** -1: before the first one. */
  readonly afterExchange: number;
  readonly run: (server: EmbeddedApiServer) => void;
}

export const INTERVENTIONS: readonly Intervention[] = [
  { scenario: '02-list-continue-expired', afterExchange: 1, run: writeElsewhereAndCompact },
  {
    scenario: '02-list-resource-version',
    afterExchange: 0,
    run: (server) => change(server, 'configmaps', 'rec-list', 'cm-1', (object) => ({ ...object, data: { n: 'changed' } })),
  },
  {
    scenario: '03-watch-expired',
    afterExchange: -1,
    run: (server) => {
      for (const k of ['x0', 'x1', 'x2']) {
        change(server, 'configmaps', 'rec-watch', 'b', (configMap) => ({ ...configMap, data: { k } }));
      }
    },
  },
  { scenario: '03-watch-expired', afterExchange: 0, run: writeElsewhereAndCompact },
  // Others had written meanwhile: the next watch names a revision that no answer did.
  { scenario: '03-watch-list', afterExchange: 2, run: writeElsewhere },
  { scenario: '03-watch-list', afterExchange: 2, run: writeElsewhere },
  { scenario: '05-eviction', afterExchange: 0, run: makeReady },
  { scenario: '05-node-register', afterExchange: 0, run: (server) => giveAddresses(server, '10.244.2.0/24') },
  { scenario: '05-node-register', afterExchange: 2, run: removeTaint },
  { scenario: '05-node-register', afterExchange: 2, run: addBetaLabels },
  { scenario: '06-node-own-and-other-nodes', afterExchange: 0, run: (server) => giveAddresses(server, '10.244.1.0/24') },
  { scenario: '06-node-own-and-other-nodes', afterExchange: 7, run: removeTaint },
  { scenario: '06-node-own-and-other-nodes', afterExchange: 7, run: addBetaLabels },
];

/** What the node controllers do to a new Node, one after the other, within a second. */
function giveAddresses(server: EmbeddedApiServer, podCIDR: string): void {
  change(server, 'nodes', '', 'edge-1', (node) => ({
    ...node,
    metadata: { ...node.metadata, annotations: { ...node.metadata.annotations, 'node.alpha.kubernetes.io/ttl': '0' } },
    spec: { ...fieldsOf(node.spec), podCIDR, podCIDRs: [podCIDR] },
  }));
}

function removeTaint(server: EmbeddedApiServer): void {
  change(server, 'nodes', '', 'edge-1', (node) => {
    const { taints: _taints, ...spec } = fieldsOf(node.spec);
    return { ...node, spec };
  });
}

function addBetaLabels(server: EmbeddedApiServer): void {
  const beta = { 'beta.kubernetes.io/arch': 'amd64', 'beta.kubernetes.io/os': 'linux' };
  change(server, 'nodes', '', 'edge-1', (node) => ({
    ...node,
    metadata: { ...node.metadata, labels: { ...node.metadata.labels, ...beta } },
  }));
}

/** The recorder wrote a status as a kubelet would, so that the disruption budget counts the pod. */
function makeReady(server: EmbeddedApiServer): void {
  const ready = { type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: null };
  change(server, 'pods', 'rec-writes', 'e1', (pod) => ({
    ...pod,
    status: { ...fieldsOf(pod.status), phase: 'Running', conditions: [ready] },
  }));
}

/** Compaction forgets what came before the newest change, so there must be one. */
function writeElsewhereAndCompact(server: EmbeddedApiServer): void {
  writeElsewhere(server);
  server.faults.compact();
}

function writeElsewhere(server: EmbeddedApiServer): void {
  change(server, 'configmaps', 'kube-system', 'kube-root-ca.crt', (configMap) => ({
    ...configMap,
    metadata: { ...configMap.metadata, annotations: { 'example.test/touched': String(server.storage.revision()) } },
  }));
}

function change(
  server: EmbeddedApiServer,
  resource: string,
  namespace: string,
  name: string,
  edit: (object: KubeObject) => KubeObject,
): void {
  const key = { resource, namespace, name };
  const previous = server.storage.get(key);
  if (previous === undefined) throw new Error(`${resource} ${namespace}/${name} is not there to be changed`);
  server.storage.commit({
    type: 'update',
    key,
    expectedRevision: Number(fieldsOf(previous.metadata).resourceVersion),
    object: edit(previous),
    subresource: '',
    intent: { verb: 'update' },
  });
}
