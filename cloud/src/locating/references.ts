import { type ObjectKey, objectKey } from '@hawser/protocol';
import { podVolumeSecrets } from './driver-secrets.ts';
import { isName } from './names.ts';
import { field, items, text } from './read.ts';

/** The resources whose objects a pod can need by name. */
export type ReferencedResource = 'configmaps' | 'secrets' | 'persistentvolumeclaims' | 'serviceaccounts';

/**
 * References of one pod. A pod of the size that etcd takes could name some 20,000 objects, one that a kubelet can run names
 * tens; what comes after the bound is not located, and the caller says so.
 */
export const MAX_REFERENCES = 5_000;

type Found = (resource: ReferencedResource, name: string | undefined) => void;

/**
 * Every ConfigMap, Secret, PersistentVolumeClaim and ServiceAccount that a pod names anywhere in its spec (Kubernetes API,
 * core/v1 PodSpec), optional ones included: an optional object that exists is mounted all the same. Each key once, in
 * no particular order, at most MAX_REFERENCES. What is malformed is passed over: the rest of the pod still counts.
 *
 * @param pod a Pod as parsed JSON
 */
export function references(pod: unknown): readonly ObjectKey[] {
  const namespace = text(pod, 'metadata', 'namespace');
  if (!isName(namespace)) return [];
  const keys = new Set<ObjectKey>();
  const found: Found = (resource, name) => {
    if (!isName(name) || keys.size >= MAX_REFERENCES) return;
    keys.add(objectKey(resource, namespace, name));
  };
  const spec = field(pod, 'spec');
  for (const volume of items(spec, 'volumes')) volumeReferences(pod, volume, found);
  for (const kind of ['containers', 'initContainers', 'ephemeralContainers']) {
    for (const container of items(spec, kind)) containerReferences(container, found);
  }
  for (const pullSecret of items(spec, 'imagePullSecrets')) found('secrets', text(pullSecret, 'name'));
  found('serviceaccounts', serviceAccount(pod));
  return [...keys];
}

/** `serviceAccount` is the older name of the field; the API server sets both. */
function serviceAccount(pod: unknown): string | undefined {
  return text(pod, 'spec', 'serviceAccountName') ?? text(pod, 'spec', 'serviceAccount');
}

function containerReferences(container: unknown, found: Found): void {
  for (const variable of items(container, 'env')) {
    found('configmaps', text(variable, 'valueFrom', 'configMapKeyRef', 'name'));
    found('secrets', text(variable, 'valueFrom', 'secretKeyRef', 'name'));
  }
  for (const source of items(container, 'envFrom')) {
    found('configmaps', text(source, 'configMapRef', 'name'));
    found('secrets', text(source, 'secretRef', 'name'));
  }
}

function volumeReferences(pod: unknown, volume: unknown, found: Found): void {
  found('configmaps', text(volume, 'configMap', 'name'));
  found('secrets', text(volume, 'secret', 'secretName'));
  for (const name of podVolumeSecrets(volume)) found('secrets', name);
  found('persistentvolumeclaims', text(volume, 'persistentVolumeClaim', 'claimName'));
  if (field(volume, 'ephemeral') !== undefined) found('persistentvolumeclaims', ephemeralClaim(pod, volume));
  for (const source of items(volume, 'projected', 'sources')) {
    found('configmaps', text(source, 'configMap', 'name'));
    found('secrets', text(source, 'secret', 'name'));
    // A token is asked for in the name of the pod's account; one that names none runs as `default`.
    if (field(source, 'serviceAccountToken') !== undefined) found('serviceaccounts', serviceAccount(pod) ?? 'default');
  }
}

/** The claim that is made for a generic ephemeral volume has the pod's name, a hyphen, and the volume's name. */
function ephemeralClaim(pod: unknown, volume: unknown): string | undefined {
  const podName = text(pod, 'metadata', 'name');
  const volumeName = text(volume, 'name');
  return podName === undefined || volumeName === undefined ? undefined : `${podName}-${volumeName}`;
}
