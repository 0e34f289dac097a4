import { API_RESOURCES, type ApiResource } from '@hawser/protocol';
import type { ServedResource, SpecialResource } from '../policy.ts';
import type { StorageKey } from '../storage.ts';

/*
 * All that the API of a device serves and takes, in one place: discovery, routing, authorization, and how a write or a miss is answered
 * follow from the table below. A resource that is not in it is unknown there, as one that an API server does not have: of deployments
 * a device holds none and knows nothing, and an empty list would be a lie.
 */

/**
 * Who answers a write.
 * - `here`: the device, at once. It is written to the store with what it means for the cloud, in one transaction; `store/write-class.ts`
 *   says what becomes of it in the outbox
 * - `memory`: the device, at once, and nothing is left of it when the agent ends; the cloud is told in another way
 * - `cloud`: only the cluster, by a query of the link: 503 with Retry-After without it
 */
export type Answerer = 'here' | 'memory' | 'cloud';

export interface WriteRule {
  readonly by: Answerer;
  /** `node`: only who runs the pods. `writers`: the administrator of the device too. */
  readonly who: 'node' | 'writers';
  /** It is among what brings the first full sync about, or stands for itself, and is taken before that too. */
  readonly early: boolean;
}

/**
 * What the device knows of an object that it does not hold.
 * - `absent`: there is none. The cloud sends all of this kind that is meant here, or the device alone makes them
 * - `ownAbsent`: the same of the one that has the node's name; others are asked for
 * - `ask`: nothing. The cloud is asked, without a link what it has said before
 */
export type Miss = 'absent' | 'ownAbsent' | 'ask';

export interface DeviceResource {
  readonly id: string;
  /** Whether it is listed and watched: not where the device can only ask for one object by its name. */
  readonly isListed: boolean;
  readonly miss: Miss;
  /** Whether reads are answered before the first full sync: of all, of the node's own by name, or of none. */
  readonly early: 'all' | 'own' | 'none';
  /** By subresource, "" for the object itself, and verb. */
  readonly writes: Readonly<Record<string, Readonly<Record<string, WriteRule>>>>;
}

const HERE: WriteRule = { by: 'here', who: 'writers', early: false };
const HERE_EARLY: WriteRule = { ...HERE, early: true };
const IN_MEMORY: WriteRule = { by: 'memory', who: 'writers', early: true };
const BY_CLOUD: WriteRule = { by: 'cloud', who: 'writers', early: false };

/** What the cloud sends, and only the cluster changes. */
function synced(id: string, miss: Miss, writes: DeviceResource['writes'] = {}): DeviceResource {
  return { id, isListed: true, miss, early: 'none', writes };
}

/** What the cloud tells about when it is asked. */
function asked(id: string): DeviceResource {
  return { id, isListed: false, miss: 'ask', early: 'none', writes: {} };
}

const CREATED_AND_CHANGED = { create: HERE_EARLY, update: HERE_EARLY, patch: HERE_EARLY };

export const DEVICE_SURFACE: ReadonlyMap<string, DeviceResource> = new Map(
  [
    synced('configmaps', 'ask'),
    synced('endpoints', 'ask'),
    { ...synced('events', 'absent'), writes: { '': CREATED_AND_CHANGED } },
    synced('namespaces', 'ask'),
    {
      ...synced('nodes', 'ownAbsent'),
      early: 'own' as const,
      writes: {
        // A registration that the cloud has lost is taken back by who runs the pods, to register anew.
        '': { ...CREATED_AND_CHANGED, delete: { ...HERE, who: 'node' as const } },
        status: { update: HERE_EARLY, patch: HERE_EARLY },
      },
    },
    synced('persistentvolumeclaims', 'ask'),
    synced('persistentvolumes', 'ask'),
    synced('pods', 'absent', {
      // Mirrors of static pods.
      '': { create: HERE, delete: HERE },
      status: { update: HERE, patch: HERE },
      eviction: { create: BY_CLOUD },
    }),
    synced('secrets', 'ask'),
    // The cloud does not know the administrator of a device: tokens and certificates are the node's.
    synced('serviceaccounts', 'ask', { token: { create: { ...BY_CLOUD, who: 'node' } } }),
    synced('services', 'ask'),
    {
      ...synced('certificates.k8s.io/certificatesigningrequests', 'ask'),
      early: 'all' as const,
      writes: { '': { create: { by: 'cloud', who: 'node', early: true } as const } },
    },
    {
      ...synced('coordination.k8s.io/leases', 'ownAbsent'),
      early: 'own' as const,
      writes: { '': { create: IN_MEMORY, update: IN_MEMORY, patch: IN_MEMORY } },
    },
    synced('discovery.k8s.io/endpointslices', 'ask'),
    { ...synced('events.k8s.io/events', 'absent'), writes: { '': CREATED_AND_CHANGED } },
    // Of these two every device has all.
    synced('node.k8s.io/runtimeclasses', 'absent'),
    synced('storage.k8s.io/csidrivers', 'absent'),
    asked('scheduling.k8s.io/priorityclasses'),
    {
      ...synced('storage.k8s.io/csinodes', 'ownAbsent'),
      early: 'own' as const,
      writes: { '': CREATED_AND_CHANGED },
    },
    asked('storage.k8s.io/storageclasses'),
    synced('storage.k8s.io/volumeattachments', 'ask'),
  ].map((resource): [string, DeviceResource] => [resource.id, resource]),
);

/** Group and plural of ResourceSlices, which a device neither holds nor keeps. */
export const RESOURCE_SLICES: SpecialResource = {
  group: 'resource.k8s.io',
  version: 'v1',
  resource: 'resourceslices',
  kind: 'ResourceSlice',
  namespaced: false,
  // A kubelet takes its own away when it starts.
  verbs: ['deletecollection'],
};

/** The rule for a write, or undefined for what is changed in the cluster. */
export function writeRule(id: string, subresource: string, verb: string): WriteRule | undefined {
  const verbs = own(DEVICE_SURFACE.get(id)?.writes, subresource);
  return own(verbs, verb);
}

/** Where kubelets have their Leases (Kubernetes, "Leases"). */
export const NODE_LEASE_NAMESPACE = 'kube-node-lease';
export const LEASES = 'coordination.k8s.io/leases';

/** Whether objects of it bear the name of the node that they are of. */
export function isPerNode(id: string): boolean {
  return DEVICE_SURFACE.get(id)?.miss === 'ownAbsent';
}

/** Whether that is the node's own Node, Lease or CSINode, by name. */
export function isOwn(nodeName: string, { resource, namespace, name }: StorageKey): boolean {
  return name === nodeName && (resource !== LEASES || namespace === NODE_LEASE_NAMESPACE);
}

/** Whether the device can say that there is no such object because it does not hold it. */
export function isCertain(nodeName: string, key: StorageKey): boolean {
  const miss = DEVICE_SURFACE.get(key.resource)?.miss ?? 'absent';
  return miss === 'absent' || (miss === 'ownAbsent' && isOwn(nodeName, key));
}

/** Objects of it are kept in memory alone. */
export function isVolatile(id: string): boolean {
  return VOLATILE.has(id);
}

const VOLATILE: ReadonlySet<string> = new Set([
  // Heartbeats do not cross the link: the relay renews the node's Lease while the session is alive. Nor are they worth a write to a flash
  // memory every ten seconds.
  LEASES,
  // Those that a kubelet has made here and waits for.
  'certificates.k8s.io/certificatesigningrequests',
]);

/** What discovery names, with the verbs that the table has. */
export const DEVICE_RESOURCES: readonly ServedResource[] = API_RESOURCES.flatMap((resource) => {
  const row = DEVICE_SURFACE.get(resource.id);
  return row === undefined ? [] : [served(resource, row)];
});

function served(resource: ApiResource, { isListed, writes }: DeviceResource): ServedResource {
  const reads = isListed ? ['get', 'list', 'watch'] : ['get'];
  return {
    resource: { ...resource, subresources: Object.keys(writes).filter((subresource) => subresource !== '') },
    verbs: [...reads, ...Object.keys(writes[''] ?? {})].sort(),
    special: Object.entries(writes[''] ?? {}).flatMap(([verb, { by }]) => (by === 'cloud' ? [verb] : [])),
  };
}

/** The id of a resource of the table by what stands in a request. */
export function idOf({ group, resource }: { readonly group: string; readonly resource: string }): string {
  return group === '' ? resource : `${group}/${resource}`;
}

function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
