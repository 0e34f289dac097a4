/**
 * One API resource that this project knows by name, as discovery would describe it.
 * `id` is the first part of an object key: `pods`, or `group/resource` outside the core group.
 */
export interface ApiResource {
  readonly id: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly subresources: readonly string[];
}

function define(
  groupVersion: string,
  resource: string,
  kind: string,
  scope: 'Namespaced' | 'Cluster',
  shortNames: readonly string[] = [],
  subresources: readonly string[] = [],
): ApiResource {
  const slash = groupVersion.indexOf('/');
  const group = slash < 0 ? '' : groupVersion.slice(0, slash);
  const version = slash < 0 ? groupVersion : groupVersion.slice(slash + 1);
  return {
    id: group === '' ? resource : `${group}/${resource}`,
    group,
    version,
    resource,
    kind,
    singular: kind.toLowerCase(),
    namespaced: scope === 'Namespaced',
    shortNames,
    subresources,
  };
}

/** Every resource that relay, agent and embedded API server know, in the order of discovery. */
export const API_RESOURCES: readonly ApiResource[] = [
  define('v1', 'configmaps', 'ConfigMap', 'Namespaced', ['cm']),
  define('v1', 'endpoints', 'Endpoints', 'Namespaced', ['ep']),
  define('v1', 'events', 'Event', 'Namespaced', ['ev']),
  define('v1', 'namespaces', 'Namespace', 'Cluster', ['ns'], ['status', 'finalize']),
  define('v1', 'nodes', 'Node', 'Cluster', ['no'], ['status']),
  define('v1', 'persistentvolumeclaims', 'PersistentVolumeClaim', 'Namespaced', ['pvc'], ['status']),
  define('v1', 'persistentvolumes', 'PersistentVolume', 'Cluster', ['pv'], ['status']),
  define('v1', 'pods', 'Pod', 'Namespaced', ['po'], ['status', 'binding', 'eviction']),
  define('v1', 'secrets', 'Secret', 'Namespaced'),
  define('v1', 'serviceaccounts', 'ServiceAccount', 'Namespaced', ['sa'], ['token']),
  define('v1', 'services', 'Service', 'Namespaced', ['svc'], ['status']),
  define('apps/v1', 'daemonsets', 'DaemonSet', 'Namespaced', ['ds'], ['status']),
  define('apps/v1', 'deployments', 'Deployment', 'Namespaced', ['deploy'], ['status', 'scale']),
  define('apps/v1', 'replicasets', 'ReplicaSet', 'Namespaced', ['rs'], ['status', 'scale']),
  define(
    'certificates.k8s.io/v1',
    'certificatesigningrequests',
    'CertificateSigningRequest',
    'Cluster',
    ['csr'],
    ['status', 'approval'],
  ),
  define('coordination.k8s.io/v1', 'leases', 'Lease', 'Namespaced'),
  define('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', 'Namespaced'),
  define('events.k8s.io/v1', 'events', 'Event', 'Namespaced', ['ev']),
  define('node.k8s.io/v1', 'runtimeclasses', 'RuntimeClass', 'Cluster'),
  define('policy/v1', 'poddisruptionbudgets', 'PodDisruptionBudget', 'Namespaced', ['pdb'], ['status']),
  define('scheduling.k8s.io/v1', 'priorityclasses', 'PriorityClass', 'Cluster', ['pc']),
  define('storage.k8s.io/v1', 'csidrivers', 'CSIDriver', 'Cluster'),
  define('storage.k8s.io/v1', 'csinodes', 'CSINode', 'Cluster'),
  define('storage.k8s.io/v1', 'storageclasses', 'StorageClass', 'Cluster', ['sc']),
  define('storage.k8s.io/v1', 'volumeattachments', 'VolumeAttachment', 'Cluster', [], ['status']),
];

const byId = new Map(API_RESOURCES.map((resource) => [resource.id, resource]));

/** The resource of that id (`pods`, `apps/deployments`), or undefined for one that this project does not know. */
export function resourceById(id: string): ApiResource | undefined {
  return byId.get(id);
}

/** The resource that holds objects of that apiVersion and kind, or undefined. */
export function resourceByKind(apiVersion: string, kind: string): ApiResource | undefined {
  return API_RESOURCES.find((resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion);
}

/** `v1`, `apps/v1`: what stands in an object's `apiVersion`. */
export function apiVersionOf(resource: ApiResource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/**
 * The path of a collection or object on the API server.
 * `namespace` "" means all namespaces, or a cluster-scoped resource.
 */
export function resourcePath(resource: ApiResource, namespace = '', name = '', subresource = ''): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const item = name === '' ? '' : `/${encodeURIComponent(name)}`;
  const sub = subresource === '' ? '' : `/${subresource}`;
  return `${root}${scope}/${resource.resource}${item}${sub}`;
}
