import { createHash } from 'node:crypto';
import type { KubeObject } from '@hawser/protocol';

/**
 * What a cluster's controllers and scheduler do, just as far as manifests need it when the API server is the embedded one:
 * a Deployment becomes a ReplicaSet and its Pods, a DaemonSet a Pod on each edge node, an unbound Pod is bound. A pure
 * function from what is there to what to do next; run it again after each change until nothing is left to do.
 */
export interface ClusterView {
  readonly nodes: readonly KubeObject[];
  readonly deployments: readonly KubeObject[];
  readonly replicaSets: readonly KubeObject[];
  readonly daemonSets: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
}

export type Action =
  | { readonly type: 'create'; readonly object: KubeObject }
  | { readonly type: 'bind'; readonly namespace: string; readonly pod: string; readonly node: string };

export const EDGE_LABEL = 'node-role.kubernetes.io/edge';

export function reconcile(view: ClusterView): Action[] {
  return [
    ...view.deployments.flatMap((deployment) => replicaSetOf(deployment, view)),
    ...view.replicaSets.flatMap((replicaSet) => replicasOf(replicaSet, view)),
    ...view.daemonSets.flatMap((daemonSet) => podsPerNode(daemonSet, view)),
    ...bindings(view),
  ];
}

function replicaSetOf(deployment: KubeObject, view: ClusterView): Action[] {
  const { template, selector, replicas } = workloadSpec(deployment);
  const name = `${deployment.metadata.name}-${shortHash(JSON.stringify(template))}`;
  const owned = view.replicaSets.filter((candidate) => ownedBy(candidate, deployment));
  if (owned.some((candidate) => candidate.metadata.name === name)) return [];
  const hash = { 'pod-template-hash': shortHash(JSON.stringify(template)) };
  const object: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: ownedMetadata(name, deployment, { ...template.metadata.labels, ...hash }),
    spec: {
      replicas,
      selector: { matchLabels: { ...selector, ...hash } },
      template: { ...template, metadata: { ...template.metadata, labels: { ...template.metadata.labels, ...hash } } },
    },
  };
  return [{ type: 'create', object }];
}

function replicasOf(replicaSet: KubeObject, view: ClusterView): Action[] {
  const { template, replicas } = workloadSpec(replicaSet);
  const owned = view.pods.filter((pod) => ownedBy(pod, replicaSet));
  const missing = replicas - owned.filter((pod) => pod.metadata.deletionTimestamp === undefined).length;
  // The name of a pod that is still terminating is not free yet.
  const taken = new Set(owned.map((pod) => pod.metadata.name));
  return Array.from({ length: replicas + owned.length }, (_, index) => `${replicaSet.metadata.name}-${shortHash(`${index}`)}`)
    .filter((name) => !taken.has(name))
    .slice(0, Math.max(0, missing))
    .map((name) => ({ type: 'create', object: podFrom(template, name, replicaSet, undefined) }));
}

function podsPerNode(daemonSet: KubeObject, view: ClusterView): Action[] {
  const { template } = workloadSpec(daemonSet);
  const wanted = view.nodes.filter((node) => isEdge(node) && matches(template.spec.nodeSelector ?? {}, node));
  const pods = view.pods.filter((pod) => ownedBy(pod, daemonSet));
  const covered = new Set(pods.map((pod) => nodeNameOf(pod)));
  return wanted
    .filter((node) => !covered.has(node.metadata.name))
    .map((node): Action => {
      const nodeName = node.metadata.name ?? '';
      return {
        type: 'create',
        object: podFrom(template, `${daemonSet.metadata.name}-${shortHash(nodeName)}`, daemonSet, nodeName),
      };
    });
}

/** The node with the fewest pods among those that the pod's nodeSelector allows. Pods that are gated, or without a node to go to, stay Pending. */
function bindings(view: ClusterView): Action[] {
  const load = new Map<string, number>();
  for (const pod of view.pods) {
    const node = nodeNameOf(pod);
    if (node !== undefined) load.set(node, (load.get(node) ?? 0) + 1);
  }
  return view.pods
    .filter((pod) => nodeNameOf(pod) === undefined && pod.metadata.deletionTimestamp === undefined && !isGated(pod))
    .flatMap((pod): Action[] => {
      const selector = (pod.spec as PodSpec | undefined)?.nodeSelector ?? {};
      const [best] = view.nodes
        .filter((node) => isEdge(node) && matches(selector, node))
        .map((node) => node.metadata.name ?? '')
        .sort((a, b) => (load.get(a) ?? 0) - (load.get(b) ?? 0) || (a < b ? -1 : 1));
      if (best === undefined) return [];
      load.set(best, (load.get(best) ?? 0) + 1);
      return [{ type: 'bind', namespace: pod.metadata.namespace ?? 'default', pod: pod.metadata.name ?? '', node: best }];
    });
}

function isGated(pod: KubeObject): boolean {
  return ((pod.spec as PodSpec | undefined)?.schedulingGates ?? []).length > 0;
}

interface PodSpec {
  readonly nodeName?: string;
  readonly schedulingGates?: readonly unknown[];
  readonly nodeSelector?: Record<string, string>;
  readonly [field: string]: unknown;
}

interface PodTemplate {
  readonly metadata: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
  readonly spec: PodSpec;
}

interface WorkloadSpec {
  readonly template: PodTemplate;
  readonly selector: Record<string, string>;
  readonly replicas: number;
}

function workloadSpec(workload: KubeObject): WorkloadSpec {
  const spec = workload.spec as {
    template?: Partial<PodTemplate>;
    selector?: { matchLabels?: Record<string, string> };
    replicas?: number;
  };
  return {
    template: { metadata: spec.template?.metadata ?? {}, spec: spec.template?.spec ?? {} },
    selector: spec.selector?.matchLabels ?? {},
    replicas: spec.replicas ?? 1,
  };
}

function podFrom(template: PodTemplate, name: string, owner: KubeObject, nodeName: string | undefined): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...template.metadata, ...ownedMetadata(name, owner, template.metadata.labels ?? {}) },
    spec: { ...template.spec, ...(nodeName === undefined ? {} : { nodeName }) },
  };
}

function ownedMetadata(name: string, owner: KubeObject, labels: Record<string, string>): KubeObject['metadata'] {
  return {
    name,
    namespace: owner.metadata.namespace ?? 'default',
    labels,
    ownerReferences: [
      {
        apiVersion: owner.apiVersion,
        kind: owner.kind,
        name: owner.metadata.name ?? '',
        uid: owner.metadata.uid ?? '',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  };
}

function ownedBy(object: KubeObject, owner: KubeObject): boolean {
  return object.metadata.ownerReferences?.some((reference) => reference.uid === owner.metadata.uid) ?? false;
}

function nodeNameOf(pod: KubeObject): string | undefined {
  return (pod.spec as PodSpec | undefined)?.nodeName;
}

function isEdge(node: KubeObject): boolean {
  return node.metadata.labels?.[EDGE_LABEL] !== undefined;
}

function matches(selector: Record<string, string>, node: KubeObject): boolean {
  return Object.entries(selector).every(([label, value]) => node.metadata.labels?.[label] === value);
}

/** As short as a controller's suffix; the same for the same text, so that a second run makes nothing twice. */
function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
