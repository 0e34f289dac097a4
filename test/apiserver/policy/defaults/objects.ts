import type { Admission, Storage } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, itemsOf, textMapOf, textOf } from '../fields.ts';
import { defaultLivePodSpec, qosClass } from './pod.ts';
import { defaultServiceSpec } from './service.ts';
import { defaultDaemonSetSpec, defaultDeploymentSpec, defaultReplicaSetSpec } from './workload.ts';

const NOT_READY_TAINT = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** What the server adds to a new object before it is validated, by resource. */
export function defaultNewObject(admission: Admission, priority: Priority): KubeObject {
  const { object } = admission;
  const spec = fieldsOf(object.spec);
  switch (admission.resource.id) {
    case 'pods': {
      const live = defaultLivePodSpec(spec, priority);
      return { ...object, spec: live, status: { phase: 'Pending', qosClass: qosClass(live) } };
    }
    case 'nodes':
      return newNode(object);
    case 'namespaces':
      return {
        ...object,
        metadata: {
          ...object.metadata,
          labels: { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name ?? '' },
        },
        spec: { ...spec, finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      };
    case 'services':
      return { ...object, spec: defaultServiceSpec(spec, admission.storage), status: { loadBalancer: {} } };
    case 'persistentvolumes':
      return {
        ...object,
        spec: {
          ...spec,
          persistentVolumeReclaimPolicy: spec.persistentVolumeReclaimPolicy ?? 'Retain',
          volumeMode: spec.volumeMode ?? 'Filesystem',
        },
        status: { phase: 'Pending' },
      };
    case 'persistentvolumeclaims':
      return {
        ...object,
        spec: { ...spec, volumeMode: spec.volumeMode ?? 'Filesystem' },
        status: { phase: 'Pending' },
      };
    case 'apps/deployments':
      return { ...object, spec: defaultDeploymentSpec(spec), status: {} };
    case 'apps/daemonsets':
      return { ...object, spec: defaultDaemonSetSpec(spec), status: EMPTY_DAEMON_SET_STATUS };
    case 'apps/replicasets':
      return { ...object, spec: defaultReplicaSetSpec(spec), status: { replicas: 0 } };
    case 'policy/poddisruptionbudgets':
      return {
        ...object,
        status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
      };
    case 'certificates.k8s.io/certificatesigningrequests':
      return {
        ...object,
        spec: {
          ...spec,
          username: admission.identity.name,
          groups: [...admission.identity.groups],
          ...(admission.identity.uid === undefined ? {} : { uid: admission.identity.uid }),
        },
        status: {},
      };
    case 'storage.k8s.io/csinodes':
      return { ...object, spec: { ...spec, drivers: itemsOf(spec.drivers).length === 0 ? null : spec.drivers } };
    case 'storage.k8s.io/storageclasses':
      return {
        ...object,
        reclaimPolicy: object.reclaimPolicy ?? 'Delete',
        volumeBindingMode: object.volumeBindingMode ?? 'Immediate',
      };
    case 'storage.k8s.io/volumeattachments':
      return { ...object, status: object.status ?? { attached: false } };
    case 'discovery.k8s.io/endpointslices':
      return { ...object, endpoints: object.endpoints ?? [], ports: object.ports ?? [] };
    default:
      return defaultAnyObject(admission.resource.id, object);
  }
}

/** Defaults that hold on every write, not only on the first. */
export function defaultAnyObject(resourceId: string, object: KubeObject): KubeObject {
  switch (resourceId) {
    case 'pods':
      return withWholeConditions(object);
    case 'secrets':
      return defaultSecret(object);
    case 'events':
    case 'events.k8s.io/events':
      return {
        ...object,
        eventTime: object.eventTime ?? null,
        reportingComponent: object.reportingComponent ?? '',
        reportingInstance: object.reportingInstance ?? '',
      };
    default:
      return object;
  }
}

export interface Priority {
  readonly name: string;
  readonly value: number;
  readonly preemptionPolicy: string;
}

const BUILT_IN_PRIORITIES: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

/** The priority that a pod's class gives it; undefined when no class of that name exists. */
export function priorityOf(storage: Storage, className: string): Priority | undefined {
  const builtIn = BUILT_IN_PRIORITIES[className];
  if (builtIn !== undefined) return { name: className, value: builtIn, preemptionPolicy: 'PreemptLowerPriority' };
  const classes = storage.list('scheduling.k8s.io/priorityclasses');
  const chosen = classes.find(({ metadata, globalDefault }) =>
    className === '' ? globalDefault === true : metadata.name === className,
  );
  if (chosen === undefined) {
    return className === '' ? { name: '', value: 0, preemptionPolicy: 'PreemptLowerPriority' } : undefined;
  }
  return {
    name: chosen.metadata.name ?? '',
    value: typeof chosen.value === 'number' ? chosen.value : 0,
    preemptionPolicy: textOf(chosen.preemptionPolicy) || 'PreemptLowerPriority',
  };
}

const EMPTY_DAEMON_SET_STATUS = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
};

/** A node is not to be used before something has seen it ready, whatever it says about itself. */
function newNode(node: KubeObject): KubeObject {
  const spec = fieldsOf(node.spec);
  const status = fieldsOf(node.status);
  const taints = itemsOf(spec.taints).filter(({ key }) => key !== NOT_READY_TAINT.key);
  return {
    ...node,
    spec: { ...spec, taints: [...taints, NOT_READY_TAINT] },
    status: {
      ...status,
      daemonEndpoints: status.daemonEndpoints ?? { kubeletEndpoint: { Port: 0 } },
      nodeInfo: { ...EMPTY_NODE_INFO, ...fieldsOf(status.nodeInfo) },
    },
  };
}

const EMPTY_NODE_INFO = {
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: '',
  osImage: '',
  containerRuntimeVersion: '',
  kubeletVersion: '',
  kubeProxyVersion: '',
  operatingSystem: '',
  architecture: '',
};

/** The times of a pod's conditions are shown as null when they are not known. */
function withWholeConditions(pod: KubeObject): KubeObject {
  const status = fieldsOf(pod.status);
  if (!Array.isArray(status.conditions)) return pod;
  const conditions = itemsOf(status.conditions).map((condition) => ({
    ...condition,
    lastProbeTime: condition.lastProbeTime ?? null,
    lastTransitionTime: condition.lastTransitionTime ?? null,
  }));
  return { ...pod, status: { ...status, conditions } };
}

/** `stringData` is for writing only: its values go into `data`, over what stands there. */
function defaultSecret(secret: KubeObject): KubeObject {
  const { stringData, ...rest } = secret;
  const plain = Object.entries(textMapOf(stringData));
  const data: Fields = {
    ...fieldsOf(secret.data),
    ...Object.fromEntries(plain.map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')])),
  };
  return {
    ...rest,
    apiVersion: secret.apiVersion,
    kind: secret.kind,
    metadata: secret.metadata,
    ...(Object.keys(data).length === 0 ? {} : { data }),
    type: textOf(secret.type) || 'Opaque',
  };
}
