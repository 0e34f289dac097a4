import type { ContainerSpec, EnvReference, PodSpec, VolumeReference } from './pod-spec.ts';

/** The keys of a ConfigMap or Secret in the pod's namespace; undefined when it is not there. */
export type Lookup = (resource: 'configmaps' | 'secrets', name: string) => ReadonlySet<string> | undefined;

const WORDS = {
  configmaps: { kind: 'ConfigMap', resource: 'configmap' },
  secrets: { kind: 'Secret', resource: 'secret' },
} as const;

/** Why the container's environment cannot be made, in the kubelet's words; undefined when it can. */
export function configError(pod: PodSpec, container: ContainerSpec, lookup: Lookup): string | undefined {
  for (const reference of container.references) {
    const why = missingInEnvironment(pod, reference, lookup);
    if (why !== undefined) return why;
  }
  return undefined;
}

function missingInEnvironment(pod: PodSpec, { resource, name, key, optional }: EnvReference, lookup: Lookup): string | undefined {
  if (optional) return undefined;
  const keys = lookup(resource, name);
  if (keys === undefined) return `${WORDS[resource].resource} ${JSON.stringify(name)} not found`;
  if (key === undefined || keys.has(key)) return undefined;
  return `couldn't find key ${key} in ${WORDS[resource].kind} ${pod.namespace}/${name}`;
}

/** Volumes that cannot be mounted yet, each with the reason; a kubelet waits for all of them before it makes the sandbox. */
export function unmountable(pod: PodSpec, lookup: Lookup): { readonly volume: string; readonly reason: string }[] {
  return pod.volumes.flatMap(({ name, references }) => {
    const reasons = references.map((reference) => missingInVolume(reference, lookup)).filter((reason) => reason !== undefined);
    return reasons.slice(0, 1).map((reason) => ({ volume: name, reason }));
  });
}

function missingInVolume({ resource, name, keys, optional }: VolumeReference, lookup: Lookup): string | undefined {
  const held = lookup(resource, name);
  if (held === undefined) return optional ? undefined : `${WORDS[resource].resource} ${JSON.stringify(name)} not found`;
  const missing = optional ? undefined : keys.find((key) => !held.has(key));
  return missing === undefined
    ? undefined
    : `references non-existent ${resource === 'secrets' ? 'secret' : 'config'} key: ${missing}`;
}

/** Every ConfigMap and Secret whose coming or going can change what the pod does: `configmaps/NAME`. */
export function namedObjects(pod: PodSpec): Set<string> {
  const containers = [...pod.initContainers, ...pod.containers].flatMap(({ references }) => references);
  const volumes = pod.volumes.flatMap(({ references }) => references);
  return new Set([...containers, ...volumes].map(({ resource, name }) => `${resource}/${name}`));
}
