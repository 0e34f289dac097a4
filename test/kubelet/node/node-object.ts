import type { JsonObject, KubeObject } from '@hawser/protocol';

export interface NodeFacts {
  readonly name: string;
  readonly hostIP: string;
}

const PRESSURES = [
  ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
] as const;

/** The Events of a start, one for each condition. */
export const START_EVENTS = ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID'] as const;

const ZERO_ID = '0'.repeat(32);
const LABELS = {
  'beta.kubernetes.io/arch': 'amd64',
  'beta.kubernetes.io/os': 'linux',
  'kubernetes.io/arch': 'amd64',
  'kubernetes.io/os': 'linux',
};

/** @param now RFC 3339 in whole seconds */
export function nodeObject({ name, hostIP }: NodeFacts, now: string): KubeObject {
  const capacity = { cpu: '2', 'ephemeral-storage': '264212084Ki', memory: '4000000Ki', pods: '110' };
  return {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: {
      name,
      labels: { ...LABELS, 'kubernetes.io/hostname': name },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: {},
    status: {
      ...{ capacity, allocatable: capacity, conditions: nodeConditions(false, now) },
      addresses: [
        { type: 'InternalIP', address: hostIP },
        { type: 'Hostname', address: name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
      nodeInfo: {
        ...{ machineID: ZERO_ID, systemUUID: ZERO_ID, bootID: ZERO_ID, kernelVersion: '6.18.44-generic' },
        ...{ osImage: 'Debian GNU/Linux 12 (bookworm)', containerRuntimeVersion: 'containerd://1.6.20' },
        ...{ kubeletVersion: 'v1.36.2', kubeProxyVersion: '', operatingSystem: 'linux', architecture: 'amd64' },
      },
    },
  };
}

export function nodeConditions(isReady: boolean, now: string): JsonObject[] {
  const times = { lastHeartbeatTime: now, lastTransitionTime: now };
  const ready = isReady
    ? { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
    : { status: 'False', reason: 'KubeletNotReady', message: 'CSINode is not yet initialized' };
  return [
    ...PRESSURES.map(([type, reason, message]) => ({ type, status: 'False', ...times, reason, message })),
    { type: 'Ready', ...times, ...ready },
  ];
}

/** As for the migrated in-tree drivers of every kubelet. */
export function csiNode(name: string, nodeUid: string): KubeObject {
  const drivers = ['aws-ebs', 'azure-disk', 'azure-file', 'cinder', 'gce-pd', 'portworx-volume', 'vsphere-volume'];
  const migrated = drivers.map((driver) => `kubernetes.io/${driver}`).join(',');
  return {
    kind: 'CSINode',
    apiVersion: 'storage.k8s.io/v1',
    metadata: {
      name,
      annotations: { 'storage.alpha.kubernetes.io/migrated-plugins': migrated },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: nodeUid }],
    },
    spec: { drivers: [] },
  };
}
