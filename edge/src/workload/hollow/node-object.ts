import type { JsonObject, KubeObject } from '@hawser/protocol';
import { timestamp } from '../../api/clock.ts';
import { array } from './fields.ts';

/** What the device is, as its Node says it. */
export interface NodeFacts {
  readonly name: string;
  /** In Go's words: amd64, arm64. */
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** 32 hex digits. */
  readonly machineId: string;
  readonly bootId: string;
  readonly hostIp: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** The Kubernetes version whose kubelet is played, and that it is played. */
export const HOLLOW_KUBELET_VERSION = 'v1.36.0-hawser-hollow';

/** What a kubelet allows by default. */
const MAX_PODS = '110';

/** As a kubelet registers itself. */
export function nodeObject(facts: NodeFacts, now: Date): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: facts.name, labels: nodeLabels(facts) },
    spec: {},
    status: nodeStatus(facts, {}, now),
  };
}

export function nodeLabels({ name, architecture }: NodeFacts): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
  };
}

/** The NodeStatus that is reported over `current`: what a kubelet does not own stays, and times change only with what they are of. */
export function nodeStatus(facts: NodeFacts, current: JsonObject, now: Date, isHeartbeatDue = true): JsonObject {
  const resources = { cpu: String(facts.cpus), memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`, pods: MAX_PODS };
  const before = array(current.conditions);
  const own = CONDITIONS.map(({ type, status, reason, message }): JsonObject => {
    const previous = before.find((condition) => condition.type === type);
    const isSame = previous?.status === status && previous.reason === reason;
    const { lastHeartbeatTime, lastTransitionTime } = previous ?? {};
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: isSame && !isHeartbeatDue && typeof lastHeartbeatTime === 'string' ? lastHeartbeatTime : timestamp(now),
      lastTransitionTime:
        previous?.status === status && typeof lastTransitionTime === 'string' ? lastTransitionTime : timestamp(now),
    };
  });
  return {
    ...current,
    capacity: resources,
    allocatable: resources,
    conditions: [...own, ...before.filter(({ type }) => !CONDITIONS.some((condition) => condition.type === type))],
    addresses: [
      { type: 'InternalIP', address: facts.hostIp },
      { type: 'Hostname', address: facts.name },
    ],
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.machineId,
      bootID: facts.bootId,
      kernelVersion: facts.kernelVersion,
      osImage: facts.osImage,
      containerRuntimeVersion: 'hollow://1',
      kubeletVersion: HOLLOW_KUBELET_VERSION,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: facts.architecture,
    },
  };
}

const CONDITIONS = [
  {
    type: 'MemoryPressure',
    status: 'False',
    reason: 'KubeletHasSufficientMemory',
    message: 'kubelet has sufficient memory available',
  },
  { type: 'DiskPressure', status: 'False', reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
  { type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
  { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
] as const;
