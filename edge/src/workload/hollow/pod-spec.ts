import { isJsonObject, type JsonObject, type JsonValue, type KubeObject } from '@hawser/protocol';
import { array, fields, flag, jsonOf, number, text } from './fields.ts';

/** What of a Pod the hollow node looks at, decoded once. Fields that are not as the Pod API says count as absent. */
export interface PodSpec {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** When the pod is to be gone; undefined for one that is not being deleted. */
  readonly deletionTimestamp: string | undefined;
  readonly restartPolicy: RestartPolicy;
  readonly hostNetwork: boolean;
  readonly serviceAccount: string;
  readonly initContainers: readonly ContainerSpec[];
  readonly containers: readonly ContainerSpec[];
  readonly volumes: readonly VolumeSpec[];
  /** Types of conditions that others set and that must be True before the pod is Ready. */
  readonly readinessGates: readonly string[];
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** Of an init container: it goes on running beside the others (a sidecar). */
  readonly isSidecar: boolean;
  readonly references: readonly EnvReference[];
  readonly volumeMounts: readonly JsonObject[];
  readonly resources: JsonObject;
  /** Milliseconds from the start to the first good probe; 0 without probes. */
  readonly startupDelayMs: number;
  readonly readinessDelayMs: number;
}

/** Where environment variables come from. Without a key it is all of them (`envFrom`). */
export interface EnvReference {
  readonly resource: 'configmaps' | 'secrets';
  readonly name: string;
  readonly key: string | undefined;
  readonly optional: boolean;
}

/** A volume with the objects that must be there before it can be mounted. */
export interface VolumeSpec {
  readonly name: string;
  readonly references: readonly VolumeReference[];
  readonly tokens: readonly TokenSource[];
}

/** A token of the pod's ServiceAccount that is projected into the volume. */
export interface TokenSource {
  /** "" for the API server's own. */
  readonly audience: string;
  readonly expirationSeconds: number;
}

export interface VolumeReference {
  readonly resource: 'configmaps' | 'secrets';
  readonly name: string;
  /** Keys that are picked out; each must be there. */
  readonly keys: readonly string[];
  readonly optional: boolean;
}

/** What a projected token lives where the pod does not say, in seconds (ServiceAccountTokenProjection). */
const DEFAULT_TOKEN_SECONDS = 3600;

export function podSpecOf(pod: KubeObject): PodSpec {
  const spec = jsonOf(pod.spec);
  const { uid = '', namespace = '', name = '', generation } = pod.metadata;
  const { annotations = {}, deletionTimestamp } = pod.metadata;
  const serviceAccount = text(spec.serviceAccountName);
  const restartPolicy = text(spec.restartPolicy);
  return {
    uid,
    namespace,
    name,
    generation,
    annotations,
    deletionTimestamp,
    restartPolicy: restartPolicy === 'Never' || restartPolicy === 'OnFailure' ? restartPolicy : 'Always',
    hostNetwork: flag(spec.hostNetwork),
    serviceAccount: serviceAccount === '' ? 'default' : serviceAccount,
    initContainers: array(spec.initContainers).map(containerOf),
    containers: array(spec.containers).map(containerOf),
    volumes: array(spec.volumes).map(volumeOf),
    readinessGates: array(spec.readinessGates).map((gate) => text(gate.conditionType)),
  };
}

function containerOf(container: JsonObject): ContainerSpec {
  const env = array(container.env).flatMap(({ valueFrom }) => {
    const { configMapKeyRef, secretKeyRef } = fields(valueFrom);
    return [...envReference('configmaps', configMapKeyRef), ...envReference('secrets', secretKeyRef)];
  });
  const envFrom = array(container.envFrom).flatMap(({ configMapRef, secretRef }) => [
    ...envReference('configmaps', configMapRef),
    ...envReference('secrets', secretRef),
  ]);
  return {
    name: text(container.name),
    image: text(container.image),
    isSidecar: text(container.restartPolicy) === 'Always',
    // A kubelet takes envFrom first, and tells the first thing that is missing.
    references: [...envFrom, ...env],
    volumeMounts: array(container.volumeMounts),
    resources: fields(container.resources),
    startupDelayMs: probeDelay(container.startupProbe),
    readinessDelayMs: probeDelay(container.readinessProbe),
  };
}

function envReference(resource: EnvReference['resource'], value: JsonValue | undefined): EnvReference[] {
  const { name, key, optional } = fields(value);
  if (text(name) === '') return [];
  return [{ resource, name: text(name), key: text(key) === '' ? undefined : text(key), optional: flag(optional) }];
}

/** Simulated probes are good at the first try, which comes after the initial delay. */
function probeDelay(probe: JsonValue | undefined): number {
  return probe === undefined ? 0 : (number(fields(probe).initialDelaySeconds) ?? 0) * 1000;
}

function volumeOf(volume: JsonObject): VolumeSpec {
  const { configMap, secret, projected } = volume;
  const sources = array(fields(projected).sources);
  return {
    name: text(volume.name),
    references: [
      ...volumeReference('configmaps', configMap, 'name'),
      ...volumeReference('secrets', secret, 'secretName'),
      ...sources.flatMap((source) => volumeReference('configmaps', source.configMap, 'name')),
      ...sources.flatMap((source) => volumeReference('secrets', source.secret, 'name')),
    ],
    tokens: sources.flatMap(({ serviceAccountToken }) => tokenSource(serviceAccountToken)),
  };
}

function tokenSource(value: JsonValue | undefined): TokenSource[] {
  if (!isJsonObject(value)) return [];
  return [{ audience: text(value.audience), expirationSeconds: number(value.expirationSeconds) ?? DEFAULT_TOKEN_SECONDS }];
}

function volumeReference(
  resource: VolumeReference['resource'],
  source: JsonValue | undefined,
  nameField: string,
): VolumeReference[] {
  const { [nameField]: name, items, optional } = fields(source);
  if (text(name) === '') return [];
  return [{ resource, name: text(name), keys: array(items).map(({ key }) => text(key)), optional: flag(optional) }];
}
