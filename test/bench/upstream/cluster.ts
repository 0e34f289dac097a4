import type { JsonObject, KubeObject } from '@hawser/protocol';
import { ClusterFile, nodeObject } from '../cluster-file.ts';

export const NAMESPACE = 'default';

export function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `edge-${String(index).padStart(5, '0')}`);
}

export function podNames(node: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `web-${node}-${index}`);
}

/** Writes nodes with so many running pods on each as a file that the embedded API server starts with. */
export async function writeCluster(file: string, nodes: readonly string[], podsPerNode: number): Promise<void> {
  const cluster = new ClusterFile();
  for (const node of nodes) {
    cluster.put('nodes', '', nodeObject(node));
    for (const pod of podNames(node, podsPerNode)) cluster.put('pods', NAMESPACE, podObject(pod, node));
  }
  await cluster.write(file);
}

export function podObject(name: string, nodeName: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    spec: {
      nodeName,
      serviceAccountName: 'default',
      containers: [{ name: 'main', image: 'registry.example/main:1', resources: { requests: { cpu: '50m', memory: '64Mi' } } }],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
    },
    status: { ...statusAfter(0, '2026-01-01T00:00:00Z') },
  };
}

/** A container that has crashed so many times, as a kubelet says it: each crash is one change of the pod's status. */
export function statusAfter(restarts: number, time: string): JsonObject {
  const isReady = restarts % 2 === 0;
  const ready = isReady
    ? { status: 'True' }
    : { status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [main]' };
  const condition = (type: string, fields: JsonObject = { status: 'True' }): JsonObject => ({
    type,
    lastTransitionTime: fields === ready ? time : '2026-01-01T00:00:00Z',
    ...fields,
  });
  return {
    phase: 'Running',
    hostIP: '192.0.2.7',
    podIP: '10.42.0.12',
    podIPs: [{ ip: '10.42.0.12' }],
    startTime: '2026-01-01T00:00:00Z',
    qosClass: 'Burstable',
    conditions: [
      condition('PodReadyToStartContainers'),
      condition('Initialized'),
      condition('Ready', ready),
      condition('ContainersReady', ready),
      condition('PodScheduled'),
    ],
    containerStatuses: [
      {
        name: 'main',
        image: 'registry.example/main:1',
        imageID: 'registry.example/main@sha256:5b6b1f1d3f5a3f4ad4f3fae2a67d2cb1c1a5d4d8e0c7b9a8f7e6d5c4b3a29180',
        containerID: `containerd://${String(restarts).padStart(64, '0')}`,
        ready: isReady,
        started: isReady,
        restartCount: restarts,
        state: isReady
          ? { running: { startedAt: time } }
          : { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container' } },
      },
    ],
  };
}

/** Undefined for a pod whose status says nothing of its container. */
export function restartsOf(pod: KubeObject): number | undefined {
  const { containerStatuses } = (pod.status ?? {}) as { readonly containerStatuses?: readonly { restartCount?: number }[] };
  return containerStatuses?.[0]?.restartCount;
}
