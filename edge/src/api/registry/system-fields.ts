import { isDeepStrictEqual } from 'node:util';
import type { ApiResource, KubeObject, ObjectMeta } from '@hawser/protocol';
import { hasSubresource } from './context.ts';

/** Kinds whose `metadata.generation` counts the changes of their spec. */
const WITH_GENERATION: ReadonlySet<string> = new Set([
  'pods',
  'apps/daemonsets',
  'apps/deployments',
  'apps/replicasets',
  'discovery.k8s.io/endpointslices',
  'policy/poddisruptionbudgets',
  'scheduling.k8s.io/priorityclasses',
  'storage.k8s.io/csidrivers',
]);

/** Fields that are no part of what generation counts. */
const OUTSIDE_GENERATION: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata', 'status']);

/** Gives a new object what only the server decides. */
export function prepareForCreate(resource: ApiResource, object: KubeObject, uid: string, creationTimestamp: string): KubeObject {
  const { status, ...rest } = object;
  const { deletionTimestamp, deletionGracePeriodSeconds, selfLink, managedFields, resourceVersion, ...metadata } =
    object.metadata;
  const prepared: KubeObject = {
    ...rest,
    kind: object.kind,
    apiVersion: object.apiVersion,
    metadata: { ...metadata, uid, creationTimestamp },
  };
  if (WITH_GENERATION.has(resource.id)) prepared.metadata.generation = 1;
  // A node comes with its status; all others get theirs through the subresource.
  if (status !== undefined && (!hasSubresource(resource, 'status') || resource.id === 'nodes')) prepared.status = status;
  return prepared;
}

/** The object to store for an update through that subresource: everything that the client may not set comes from `previous`. */
export function prepareForUpdate(
  resource: ApiResource,
  subresource: string,
  object: KubeObject,
  previous: KubeObject,
): KubeObject {
  if (subresource !== '') return throughSubresource(subresource, object, previous);
  const prepared: KubeObject = { ...object, metadata: updatedMetadata(object.metadata, previous.metadata) };
  if (hasSubresource(resource, 'status')) {
    delete prepared.status;
    if (previous.status !== undefined) prepared.status = previous.status;
  }
  if (WITH_GENERATION.has(resource.id) && !isDeepStrictEqual(counted(prepared), counted(previous))) {
    prepared.metadata.generation = (previous.metadata.generation ?? 0) + 1;
  }
  return prepared;
}

function updatedMetadata(metadata: ObjectMeta, previous: ObjectMeta): ObjectMeta {
  const isOwned = (field: string) => SERVER_OWNED.has(field);
  const owned = Object.entries(previous).filter(([field]) => isOwned(field));
  const given = Object.entries(metadata).filter(([field]) => !isOwned(field) && !NEVER_STORED.has(field));
  return Object.fromEntries([...owned, ...given]);
}

const NEVER_STORED: ReadonlySet<string> = new Set(['selfLink', 'managedFields']);

const SERVER_OWNED: ReadonlySet<string> = new Set([
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
]);

/** /status and /approval write status; /finalize writes spec; with all of them come labels and annotations and nothing else. */
function throughSubresource(subresource: string, object: KubeObject, previous: KubeObject): KubeObject {
  const field = subresource === 'finalize' ? 'spec' : 'status';
  const { labels, annotations, ...metadata } = previous.metadata;
  const written: KubeObject = { ...previous, metadata };
  if (object.metadata.labels !== undefined) metadata.labels = object.metadata.labels;
  if (object.metadata.annotations !== undefined) metadata.annotations = object.metadata.annotations;
  delete written[field];
  if (object[field] !== undefined) written[field] = object[field];
  return written;
}

function counted(object: KubeObject): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([field]) => !OUTSIDE_GENERATION.has(field)));
}

/** Whether storing `next` over `previous` would change anything but what the server writes with every change. */
export function isUnchanged(previous: KubeObject, next: KubeObject): boolean {
  return isDeepStrictEqual(comparable(previous), comparable(next));
}

function comparable(object: KubeObject): KubeObject {
  const { managedFields, resourceVersion, ...metadata } = object.metadata;
  return { ...object, metadata };
}
