import type { JsonObject } from '@hawser/protocol';

/** Nodes, Services, volumes and what else a kubelet reads, as an API server 1.36 returns them. */

const MADE = '2026-01-01T00:00:00Z';

function metadata(name: string, fields: JsonObject = {}): JsonObject {
  return { ...clusterScoped(name, fields), namespace: 'default' };
}

function clusterScoped(name: string, fields: JsonObject = {}): JsonObject {
  return { creationTimestamp: MADE, ...fields, name, uid: '' };
}

function nodeCondition(type: string, status: string, reason: string, message: string): JsonObject {
  return { lastHeartbeatTime: MADE, lastTransitionTime: MADE, message, reason, status, type };
}

export const node: JsonObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: clusterScoped('edge-1', {
    annotations: {
      'csi.volume.kubernetes.io/nodeid': '{"csi.example.com":"edge-1"}',
      'hawser.dev/edge-label': '',
      'node.alpha.kubernetes.io/ttl': '0',
      'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
    },
    labels: {
      'beta.kubernetes.io/arch': 'amd64',
      'beta.kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
      'kubernetes.io/hostname': 'edge-1',
      'kubernetes.io/os': 'linux',
      'node-role.kubernetes.io/edge': '',
      'topology.kubernetes.io/region': '',
      'topology.kubernetes.io/zone': '',
    },
  }),
  spec: {
    podCIDR: '10.244.0.0/24',
    podCIDRs: ['10.244.0.0/24'],
    taints: [
      { effect: 'NoSchedule', key: 'node-role.kubernetes.io/edge' },
      { effect: 'NoSchedule', key: 'node.kubernetes.io/unreachable', timeAdded: MADE },
      { effect: 'NoExecute', key: 'node.kubernetes.io/unreachable', timeAdded: MADE },
      { effect: 'NoExecute', key: 'node.kubernetes.io/not-ready', timeAdded: MADE },
      { effect: 'NoSchedule', key: 'node.kubernetes.io/unschedulable', timeAdded: MADE },
    ],
    unschedulable: true,
  },
  status: {
    addresses: [
      { address: '192.168.0.1', type: 'InternalIP' },
      { address: 'edge-1', type: 'Hostname' },
    ],
    allocatable: {
      cpu: '4',
      'ephemeral-storage': '10000000000',
      'hugepages-1Gi': '0',
      'hugepages-2Mi': '0',
      memory: '8000000Ki',
      pods: '110',
    },
    capacity: {
      cpu: '4',
      'ephemeral-storage': '10000000Ki',
      'hugepages-1Gi': '0',
      'hugepages-2Mi': '0',
      memory: '8000000Ki',
      pods: '110',
    },
    conditions: [
      nodeCondition('Ready', 'Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'),
      nodeCondition('NetworkUnavailable', 'False', 'RouteCreated', 'RouteController created a route'),
      nodeCondition('Ready', 'False', 'KubeletNotReady', 'container runtime network not ready'),
      nodeCondition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      nodeCondition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      nodeCondition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      nodeCondition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    declaredFeatures: ['InPlacePodVerticalScaling', 'RestartAllContainersOnContainerExits'],
    features: { supplementalGroupsPolicy: true },
    images: [{ names: ['registry.k8s.io/pause@sha256:', 'registry.k8s.io/pause:3.10'], sizeBytes: 300_000 }],
    nodeInfo: {
      architecture: 'arm64',
      bootID: '00000000-0000-4000-8000-000000000000',
      containerRuntimeVersion: 'containerd://2.1.0',
      kernelVersion: '6.12.0-generic',
      kubeProxyVersion: '',
      kubeletVersion: 'v1.36.0',
      machineID: '',
      operatingSystem: 'linux',
      osImage: 'Debian GNU/Linux 12 (bookworm)',
      swap: { capacity: 0 },
      systemUUID: '',
    },
    runtimeHandlers: [{ features: { recursiveReadOnlyMounts: true, userNamespaces: true }, name: 'runc' }],
    volumesAttached: [{ devicePath: '', name: 'kubernetes.io/csi/csi.example.com^' }],
    volumesInUse: ['kubernetes.io/csi/csi.example.com^'],
  },
};

export const service: JsonObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata('web', {
    annotations: { 'meta.helm.sh/release-name': 'web', 'meta.helm.sh/release-namespace': 'default' },
    labels: {
      app: 'web',
      'app.kubernetes.io/instance': 'web',
      'app.kubernetes.io/managed-by': 'Helm',
      'app.kubernetes.io/name': 'web',
      'app.kubernetes.io/version': '1.0.0',
      'helm.sh/chart': 'web-1.0.0',
    },
  }),
  spec: {
    clusterIP: '10.96.0.1',
    clusterIPs: ['10.96.0.1'],
    internalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [
      { name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' },
      { name: 'https', port: 443, protocol: 'TCP', targetPort: 8443 },
    ],
    selector: { app: 'web' },
    sessionAffinity: 'None',
    type: 'ClusterIP',
  },
  status: { loadBalancer: {} },
};

/** Only what other types of Services have. */
export const otherService: JsonObject = {
  spec: {
    allocateLoadBalancerNodePorts: true,
    clusterIP: 'None',
    clusterIPs: ['None'],
    externalName: 'web.example.com',
    externalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 30000,
    ports: [{ name: 'grpc', nodePort: 30000, port: 8080, protocol: 'UDP', targetPort: 8080 }],
    publishNotReadyAddresses: true,
    type: 'LoadBalancer',
  },
  status: { loadBalancer: { ingress: [{ ip: '192.168.0.1', ipMode: 'VIP' }] } },
};

export const endpointSlice: JsonObject = {
  addressType: 'IPv4',
  apiVersion: 'discovery.k8s.io/v1',
  endpoints: [
    {
      addresses: ['10.244.0.1'],
      conditions: { ready: true, serving: true, terminating: false },
      hints: { forZones: [{ name: '' }] },
      nodeName: 'edge-1',
      targetRef: { kind: 'Pod', name: 'web-', namespace: 'default', uid: '' },
      zone: '',
    },
  ],
  kind: 'EndpointSlice',
  metadata: metadata('web-', {
    annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': MADE },
    generateName: 'web-',
    generation: 1,
    labels: {
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      'kubernetes.io/service-name': 'web',
      'service.kubernetes.io/headless': '',
    },
    ownerReferences: [{ apiVersion: 'v1', blockOwnerDeletion: true, controller: true, kind: 'Service', name: 'web', uid: '' }],
  }),
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
};

export const endpoints: JsonObject = {
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: metadata('web', {
    labels: { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller', 'endpointslice.kubernetes.io/skip-mirror': 'true' },
  }),
  subsets: [
    {
      addresses: [
        { ip: '10.244.0.1', nodeName: 'edge-1', targetRef: { kind: 'Pod', name: 'web-', namespace: 'default', uid: '' } },
      ],
      notReadyAddresses: [{ ip: '10.244.0.1' }],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    },
  ],
};

export const namespace: JsonObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: clusterScoped('default', {
    labels: {
      'kubernetes.io/metadata.name': 'default',
      'pod-security.kubernetes.io/enforce': 'privileged',
      'pod-security.kubernetes.io/enforce-version': 'latest',
    },
  }),
  spec: { finalizers: ['kubernetes'] },
  status: { phase: 'Active' },
};

export const serviceAccount: JsonObject = {
  apiVersion: 'v1',
  automountServiceAccountToken: false,
  imagePullSecrets: [{ name: 'regcred' }],
  kind: 'ServiceAccount',
  metadata: metadata('default'),
};

export const claim: JsonObject = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: metadata('data-web-0', {
    annotations: {
      'pv.kubernetes.io/bind-completed': 'yes',
      'pv.kubernetes.io/bound-by-controller': 'yes',
      'volume.beta.kubernetes.io/storage-provisioner': 'csi.example.com',
      'volume.kubernetes.io/selected-node': 'edge-1',
      'volume.kubernetes.io/storage-provisioner': 'csi.example.com',
    },
    finalizers: ['kubernetes.io/pvc-protection'],
  }),
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'standard',
    volumeMode: 'Filesystem',
    volumeName: 'pvc-',
  },
  status: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, phase: 'Bound' },
};

export const volume: JsonObject = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: clusterScoped('pvc-', {
    annotations: {
      'pv.kubernetes.io/provisioned-by': 'csi.example.com',
      'volume.kubernetes.io/provisioner-deletion-secret-name': '',
      'volume.kubernetes.io/provisioner-deletion-secret-namespace': '',
    },
    finalizers: [
      'external-provisioner.volume.kubernetes.io/finalizer',
      'kubernetes.io/pv-protection',
      'external-attacher/csi-example-com',
    ],
  }),
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    claimRef: {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      name: 'data-web-0',
      namespace: 'default',
      resourceVersion: '1000',
      uid: '',
    },
    csi: {
      driver: 'csi.example.com',
      fsType: 'ext4',
      nodePublishSecretRef: { name: 'csi', namespace: 'kube-system' },
      volumeAttributes: { 'storage.kubernetes.io/csiProvisionerIdentity': '1000-csi.example.com' },
      volumeHandle: '',
    },
    hostPath: { path: '/var/local-path-provisioner/pvc-', type: 'DirectoryOrCreate' },
    local: { path: '/mnt/' },
    nfs: { path: '/', server: '10.0.0.1' },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['edge-1'] }] }],
      },
    },
    persistentVolumeReclaimPolicy: 'Delete',
    storageClassName: 'standard',
    volumeMode: 'Filesystem',
  },
  status: { lastPhaseTransitionTime: MADE, phase: 'Bound' },
};

export const attachment: JsonObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttachment',
  metadata: clusterScoped('csi-', {
    annotations: { 'csi.alpha.kubernetes.io/node-id': 'edge-1' },
    finalizers: ['external-attacher/csi-example-com'],
  }),
  spec: { attacher: 'csi.example.com', nodeName: 'edge-1', source: { persistentVolumeName: 'pvc-' } },
  status: { attached: true },
};

export const driver: JsonObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: clusterScoped('csi.example.com', {}),
  spec: {
    attachRequired: true,
    fsGroupPolicy: 'ReadWriteOnceWithFSType',
    nodeAllocatableUpdatePeriodSeconds: 60,
    podInfoOnMount: false,
    requiresRepublish: false,
    seLinuxMount: false,
    storageCapacity: false,
    tokenRequests: [{ audience: '' }],
    volumeLifecycleModes: ['Persistent', 'Ephemeral'],
  },
};

export const runtimeClass: JsonObject = {
  apiVersion: 'node.k8s.io/v1',
  handler: 'runc',
  kind: 'RuntimeClass',
  metadata: clusterScoped('runc', {}),
  overhead: { podFixed: { cpu: '250m', memory: '120Mi' } },
  scheduling: { nodeSelector: { runtime: 'runc' } },
};
