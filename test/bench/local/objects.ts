import type { KubeObject } from '@hawser/protocol';
import { configData } from '../data.ts';
import { characters, type Random } from '../random.ts';

export const NAMESPACE = 'bench';
const HEX = '0123456789abcdef';
const CONFIG_BYTES = 1_000;

/** A ConfigMap with 1 KB of settings. */
export function ordinaryConfigMap(random: Random, index: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(random, `settings-${String(index).padStart(4, '0')}`, index),
    data: configData(random, CONFIG_BYTES),
  };
}

/** A running pod of one container as an API server shows it after defaulting, some 4 KB of JSON. */
export function ordinaryPod(random: Random, node: string, index: number): KubeObject {
  const name = `web-${String(index).padStart(4, '0')}`;
  const probe = { failureThreshold: 3, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1 };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata(random, name, index), labels: { app: 'web', 'pod-template-hash': characters(random, HEX, 10) } },
    spec: {
      containers: [
        {
          name: 'main',
          image: `registry.example/team/web:${characters(random, HEX, 12)}`,
          imagePullPolicy: 'IfNotPresent',
          env: Array.from({ length: 8 }, (_, n) => ({ name: `SETTING_${n}`, value: characters(random, HEX, 24) })),
          ports: [{ containerPort: 8080, name: 'http', protocol: 'TCP' }],
          livenessProbe: { httpGet: { path: '/healthz', port: 'http', scheme: 'HTTP' }, ...probe },
          readinessProbe: { httpGet: { path: '/readyz', port: 'http', scheme: 'HTTP' }, ...probe },
          resources: { limits: { cpu: '500m', memory: '256Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          volumeMounts: [
            { mountPath: '/etc/web', name: 'settings', readOnly: true },
            { mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', name: 'kube-api-access', readOnly: true },
          ],
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      nodeName: node,
      preemptionPolicy: 'PreemptLowerPriority',
      priority: 0,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: { runAsNonRoot: true, runAsUser: 1000 },
      serviceAccountName: 'default',
      terminationGracePeriodSeconds: 30,
      tolerations: ['not-ready', 'unreachable'].map((key) => ({
        effect: 'NoExecute',
        key: `node.kubernetes.io/${key}`,
        operator: 'Exists',
        tolerationSeconds: 300,
      })),
      volumes: [
        { configMap: { defaultMode: 420, name: 'settings-0000' }, name: 'settings' },
        {
          name: 'kube-api-access',
          projected: {
            defaultMode: 420,
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
              { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
            ],
          },
        },
      ],
    },
    status: podStatus(random, name, true),
  };
}

/** The status that a kubelet patches in, whole. */
export function podStatus(random: Random, name: string, isReady: boolean): Readonly<Record<string, unknown>> {
  const at = '2026-01-01T00:00:00Z';
  const ready = isReady ? 'True' : 'False';
  const ip = `10.85.0.${1 + Math.floor(random() * 254)}`;
  const types = {
    PodReadyToStartContainers: 'True',
    Initialized: 'True',
    Ready: ready,
    ContainersReady: ready,
    PodScheduled: 'True',
  };
  return {
    conditions: Object.entries(types).map(([type, status]) => ({
      ...{ type, status, lastProbeTime: null, lastTransitionTime: at },
      observedGeneration: 1,
    })),
    containerStatuses: [
      {
        allocatedResources: { cpu: '100m', memory: '128Mi' },
        containerID: `containerd://${characters(random, HEX, 64)}`,
        image: `registry.example/team/web:${characters(random, HEX, 12)}`,
        imageID: `registry.example/team/web@sha256:${characters(random, HEX, 64)}`,
        lastState: {},
        name: 'main',
        ready: isReady,
        restartCount: 0,
        started: true,
        state: { running: { startedAt: at } },
      },
    ],
    hostIP: '10.77.0.11',
    hostIPs: [{ ip: '10.77.0.11' }],
    observedGeneration: 1,
    phase: 'Running',
    podIP: ip,
    podIPs: [{ ip }],
    qosClass: 'Burstable',
    startTime: at,
    message: name,
  };
}

function metadata(random: Random, name: string, index: number): KubeObject['metadata'] {
  const hex = characters(random, HEX, 12);
  return {
    name,
    namespace: NAMESPACE,
    uid: `7e57ed00-0000-4000-8000-${hex}`,
    resourceVersion: String(1_000 + index),
    creationTimestamp: '2026-01-01T00:00:00Z',
    generation: 1,
  };
}
