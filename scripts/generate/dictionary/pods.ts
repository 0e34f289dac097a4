import type { JsonObject } from '@hawser/protocol';

/** Pods as an API server 1.36 returns them, with what controllers, scheduler and kubelet put in: every field and value that is common. */

const SPECIFIED = '2026-01-01T00:00:00Z';

const tolerations = [
  { effect: 'NoExecute', key: 'node.kubernetes.io/not-ready', operator: 'Exists' },
  { effect: 'NoExecute', key: 'node.kubernetes.io/unreachable', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node.kubernetes.io/disk-pressure', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node.kubernetes.io/pid-pressure', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node.kubernetes.io/unschedulable', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node.kubernetes.io/network-unavailable', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node-role.kubernetes.io/edge', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node-role.kubernetes.io/control-plane' },
  { key: 'CriticalAddonsOnly', operator: 'Exists' },
];

function condition(type: string, status: string, fields: JsonObject = {}): JsonObject {
  return { lastProbeTime: null, lastTransitionTime: SPECIFIED, observedGeneration: 1, ...fields, status, type };
}

/** One of a DaemonSet or StatefulSet, with the rarer fields. */
export const rarerPod: JsonObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    annotations: {
      'kubectl.kubernetes.io/default-container': 'main',
      'kubectl.kubernetes.io/restartedAt': SPECIFIED,
      'kubernetes.io/config.source': 'api',
      'prometheus.io/path': '/metrics',
      'prometheus.io/port': '9090',
      'prometheus.io/scrape': 'true',
      'scheduler.alpha.kubernetes.io/critical-pod': '',
    },
    deletionGracePeriodSeconds: 30,
    deletionTimestamp: SPECIFIED,
    finalizers: ['batch.kubernetes.io/job-tracking'],
    labels: {
      'app.kubernetes.io/component': 'agent',
      'app.kubernetes.io/instance': 'agent',
      'app.kubernetes.io/managed-by': 'Helm',
      'app.kubernetes.io/name': 'agent',
      'app.kubernetes.io/part-of': 'agent',
      'app.kubernetes.io/version': '1.0.0',
      'apps.kubernetes.io/pod-index': '0',
      'batch.kubernetes.io/controller-uid': '',
      'batch.kubernetes.io/job-name': '',
      'controller-revision-hash': '',
      'helm.sh/chart': 'agent-1.0.0',
      'pod-template-generation': '1',
      'statefulset.kubernetes.io/pod-name': 'agent-0',
    },
    name: 'agent-0',
    namespace: 'kube-system',
    ownerReferences: [
      { apiVersion: 'apps/v1', blockOwnerDeletion: true, controller: true, kind: 'DaemonSet', name: 'agent' },
      { apiVersion: 'apps/v1', blockOwnerDeletion: true, controller: true, kind: 'StatefulSet', name: 'agent' },
      { apiVersion: 'batch/v1', blockOwnerDeletion: true, controller: true, kind: 'Job', name: 'agent' },
    ],
  },
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['edge-1'] }] }],
        },
      },
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            podAffinityTerm: {
              labelSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['agent'] }] },
              topologyKey: 'kubernetes.io/hostname',
            },
            weight: 100,
          },
        ],
      },
    },
    containers: [
      {
        args: ['--config=/etc/agent/config.yaml', '--log-level=info', '--v=2', '--listen-address=:8080'],
        command: ['/bin/sh', '-c'],
        env: [
          { name: 'NODE_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } },
          { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
          { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
          { name: 'POD_IP', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIP' } } },
          { name: 'HOST_IP', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.hostIP' } } },
          { name: 'GOMEMLIMIT', valueFrom: { resourceFieldRef: { divisor: '0', resource: 'limits.memory' } } },
        ],
        image: 'registry.k8s.io/agent:v1.0.0',
        imagePullPolicy: 'Always',
        lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', 'sleep 5'] } } },
        name: 'agent',
        ports: [{ containerPort: 9090, hostPort: 9090, name: 'metrics', protocol: 'UDP' }],
        resources: {},
        securityContext: {
          allowPrivilegeEscalation: true,
          capabilities: { add: ['NET_ADMIN', 'NET_BIND_SERVICE', 'SYS_ADMIN'], drop: ['ALL'] },
          privileged: true,
        },
        startupProbe: { failureThreshold: 30, grpc: { port: 8080, service: '' }, periodSeconds: 10 },
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'FallbackToLogsOnError',
        volumeMounts: [
          { mountPath: '/var/lib/agent', mountPropagation: 'Bidirectional', name: 'data' },
          { mountPath: '/etc/agent', name: 'config', subPath: 'config.yaml' },
          { mountPath: '/run/xtables.lock', name: 'xtables-lock' },
          { mountPath: '/lib/modules', name: 'lib-modules', readOnly: true },
          { mountPath: '/dev/shm', name: 'dshm' },
        ],
      },
    ],
    dnsConfig: { options: [{ name: 'ndots', value: '2' }] },
    dnsPolicy: 'ClusterFirstWithHostNet',
    hostAliases: [{ hostnames: ['localhost'], ip: '127.0.0.1' }],
    hostIPC: true,
    hostNetwork: true,
    hostPID: true,
    imagePullSecrets: [{ name: 'regcred' }],
    initContainers: [{ name: 'init', restartPolicy: 'Always' }],
    nodeSelector: { 'kubernetes.io/arch': 'arm64', 'kubernetes.io/os': 'linux', 'node-role.kubernetes.io/edge': '' },
    preemptionPolicy: 'PreemptLowerPriority',
    priority: 2_000_001_000,
    priorityClassName: 'system-node-critical',
    restartPolicy: 'OnFailure',
    runtimeClassName: 'runc',
    tolerations,
    topologySpreadConstraints: [{ maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' }],
    volumes: [
      { hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' }, name: 'xtables-lock' },
      { hostPath: { path: '/var/lib/agent', type: 'DirectoryOrCreate' }, name: 'data' },
      { hostPath: { path: '/lib/modules', type: '' }, name: 'lib-modules' },
      { emptyDir: { medium: 'Memory', sizeLimit: '64Mi' }, name: 'dshm' },
      { name: 'data', persistentVolumeClaim: { claimName: 'data-agent-0', readOnly: true } },
      { csi: { driver: 'csi.example.com', volumeAttributes: {} }, name: 'csi' },
      { downwardAPI: { items: [{ fieldRef: { fieldPath: 'metadata.labels' }, path: 'labels' }] }, name: 'podinfo' },
      { name: 'all', projected: { sources: [{ secret: { items: [{ key: 'tls.crt', path: 'tls.crt' }], optional: true } }] } },
    ],
  },
  status: {
    conditions: [
      condition('DisruptionTarget', 'True', {
        message: 'Taint manager: deleting due to NoExecute taint',
        reason: 'DeletionByTaintManager',
      }),
      condition('PodScheduled', 'False', { message: '0/1 nodes are available', reason: 'Unschedulable' }),
      condition('ContainersReady', 'False', { message: 'containers with unready status: [agent]', reason: 'ContainersNotReady' }),
      condition('Initialized', 'False', {
        message: 'containers with incomplete status: [init]',
        reason: 'ContainersNotInitialized',
      }),
      condition('Ready', 'False', { reason: 'PodCompleted' }),
      condition('Ready', 'False', { reason: 'PodFailed' }),
    ],
    containerStatuses: [
      {
        image: 'registry.k8s.io/agent:v1.0.0',
        imageID: '',
        lastState: {
          terminated: {
            containerID: 'containerd://',
            exitCode: 137,
            finishedAt: SPECIFIED,
            message: '',
            reason: 'OOMKilled',
            startedAt: SPECIFIED,
          },
        },
        name: 'agent',
        ready: false,
        restartCount: 1,
        started: false,
        state: {
          waiting: { message: 'back-off 5m0s restarting failed container=agent pod=agent-0_', reason: 'CrashLoopBackOff' },
        },
      },
      { state: { waiting: { message: 'Back-off pulling image "', reason: 'ImagePullBackOff' } } },
      { state: { waiting: { message: 'configmap "config" not found', reason: 'CreateContainerConfigError' } } },
      { state: { waiting: { reason: 'ErrImagePull' } } },
      { state: { waiting: { reason: 'PodInitializing' } } },
      { state: { waiting: { reason: 'ContainerCreating' } } },
      { state: { terminated: { containerID: 'containerd://', exitCode: 0, reason: 'Error', startedAt: SPECIFIED } } },
    ],
    message: 'Pod was terminated in response to imminent node shutdown.',
    phase: 'Succeeded',
    qosClass: 'Guaranteed',
    reason: 'Evicted',
  },
};

/** One of a Deployment, Running: the most common object at the edge. */
export const deploymentPod: JsonObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    creationTimestamp: SPECIFIED,
    generateName: 'web-',
    generation: 1,
    labels: { app: 'web', 'pod-template-hash': '' },
    name: 'web-',
    namespace: 'default',
    ownerReferences: [
      { apiVersion: 'apps/v1', blockOwnerDeletion: true, controller: true, kind: 'ReplicaSet', name: 'web-', uid: '' },
    ],
    uid: '',
  },
  spec: {
    containers: [
      {
        env: [
          { name: 'LOG_LEVEL', value: 'info' },
          { name: 'PORT', value: '8080' },
          { name: 'PASSWORD', valueFrom: { secretKeyRef: { key: 'password', name: 'web' } } },
          { name: 'SETTING', valueFrom: { configMapKeyRef: { key: 'setting', name: 'web' } } },
        ],
        envFrom: [{ configMapRef: { name: 'web' } }, { secretRef: { name: 'web' } }],
        image: 'docker.io/library/web:latest',
        imagePullPolicy: 'IfNotPresent',
        livenessProbe: {
          failureThreshold: 3,
          httpGet: { path: '/healthz', port: 'http', scheme: 'HTTP' },
          initialDelaySeconds: 10,
          periodSeconds: 10,
          successThreshold: 1,
          timeoutSeconds: 1,
        },
        name: 'web',
        ports: [{ containerPort: 8080, name: 'http', protocol: 'TCP' }],
        readinessProbe: {
          failureThreshold: 3,
          httpGet: { path: '/readyz', port: 8080, scheme: 'HTTP' },
          initialDelaySeconds: 5,
          periodSeconds: 10,
          successThreshold: 1,
          timeoutSeconds: 5,
        },
        resources: { limits: { cpu: '500m', memory: '128Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          privileged: false,
          readOnlyRootFilesystem: true,
        },
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        volumeMounts: [
          { mountPath: '/etc/web', name: 'config', readOnly: true },
          { mountPath: '/tmp', name: 'tmp' },
          {
            mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
            name: 'kube-api-access-',
            readOnly: true,
          },
        ],
      },
    ],
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    nodeName: 'edge-1',
    preemptionPolicy: 'PreemptLowerPriority',
    priority: 0,
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {
      fsGroup: 1000,
      runAsGroup: 1000,
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    serviceAccount: 'default',
    serviceAccountName: 'default',
    terminationGracePeriodSeconds: 30,
    tolerations: tolerations.slice(0, 2).map((toleration) => ({ ...toleration, tolerationSeconds: 300 })),
    volumes: [
      { configMap: { defaultMode: 420, name: 'web', optional: true }, name: 'config' },
      { name: 'secret', secret: { defaultMode: 420, secretName: 'web' } },
      { emptyDir: {}, name: 'tmp' },
      {
        name: 'kube-api-access-',
        projected: {
          defaultMode: 420,
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
            { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
            {
              downwardAPI: {
                items: [{ fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' }, path: 'namespace' }],
              },
            },
          ],
        },
      },
    ],
  },
  status: {
    allocatedResources: { cpu: '100m', memory: '64Mi' },
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) =>
      condition(type, 'True'),
    ),
    containerStatuses: [
      {
        allocatedResources: { cpu: '100m', memory: '64Mi' },
        containerID: 'containerd://',
        image: 'docker.io/library/web:latest',
        imageID: 'docker.io/library/web@sha256:',
        lastState: {},
        name: 'web',
        ready: true,
        resources: { limits: { cpu: '500m', memory: '128Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
        restartCount: 0,
        started: true,
        state: { running: { startedAt: SPECIFIED } },
        user: { linux: { gid: 0, supplementalGroups: [0], uid: 0 } },
        volumeMounts: [
          {
            mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
            name: 'kube-api-access-',
            readOnly: true,
            recursiveReadOnly: 'Disabled',
          },
        ],
      },
    ],
    hostIP: '10.0.0.1',
    hostIPs: [{ ip: '10.0.0.1' }],
    observedGeneration: 1,
    phase: 'Running',
    podIP: '10.244.0.1',
    podIPs: [{ ip: '10.244.0.1' }],
    qosClass: 'Burstable',
    resources: { limits: { cpu: '500m', memory: '128Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
    startTime: SPECIFIED,
  },
};

/** One that has just been made, and one that is Pending: fewer fields than defaults give, side by side in most updates. */
export const bestEffortPod: JsonObject = {
  spec: {
    containers: [{ image: 'nginx:latest', imagePullPolicy: 'Always', name: 'main', resources: {} }],
    securityContext: {},
  },
  status: {
    conditions: [condition('PodScheduled', 'True')],
    observedGeneration: 1,
    phase: 'Pending',
    qosClass: 'BestEffort',
  },
};
