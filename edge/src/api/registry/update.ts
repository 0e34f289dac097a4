import type { KubeObject } from '@hawser/protocol';
import type { Identity } from '../policy.ts';
import { badRequest, conflict, internal, invalid, MODIFIED_MEANWHILE, notFound, quote } from '../status.ts';
import { ConflictError, MissingError, type UpdateWrite } from '../storage.ts';
import { validateUpdate } from '../validate/index.ts';
import type { ApiContext, Target } from './context.ts';
import { requireNamespace } from './create.ts';
import type { WriteOptions } from './options.ts';
import { isUnchanged, prepareForUpdate } from './system-fields.ts';
import { fromStored, storageKey, storedResource, toStored } from './views.ts';

/**
 * Replaces an object, or what its subresource covers. Without a resourceVersion in the body it overwrites unconditionally.
 * @throws ApiError
 */
export function update(
  context: ApiContext,
  identity: Identity,
  target: Target,
  object: KubeObject,
  options: WriteOptions = {},
): KubeObject {
  requireName(target, object);
  requireNamespace(target, object);
  const { resourceVersion, uid } = object.metadata;
  if (resourceVersion !== undefined && !/^[0-9]+$/.test(resourceVersion)) {
    throw internal(`strconv.ParseUint: parsing ${quote(resourceVersion.slice(0, 100))}: invalid syntax`);
  }
  const previous = existing(context, target);
  if (uid !== undefined && uid !== previous.metadata.uid) throw otherUid(target, uid, previous);
  return replace(context, identity, target, previous, object, { verb: 'update' }, options);
}

/** The stored object. @throws ApiError 404 */
export function existing(context: ApiContext, target: Target): KubeObject {
  const found = context.storage.get(storageKey(target));
  if (found === undefined) throw notFound(target.resource, target.name);
  return found;
}

/** @throws ApiError 400 */
export function requireName(target: Target, object: KubeObject): void {
  const { name } = object.metadata;
  if (name !== undefined && name !== target.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  }
  if (name === undefined) {
    throw badRequest(`the name of the object (${quote('')} based on URL) was undeterminable: name must be provided`);
  }
}

/** The common end of update and patch: `object` is whole and in the form of its resource. @throws ApiError */
export function replace(
  context: ApiContext,
  identity: Identity,
  target: Target,
  previous: KubeObject,
  object: KubeObject,
  intent: UpdateWrite['intent'],
  options: WriteOptions,
): KubeObject {
  const { resource, subresource } = target;
  const { resourceVersion } = object.metadata;
  if (resourceVersion !== undefined && resourceVersion !== previous.metadata.resourceVersion) {
    throw conflict(resource, target.name, MODIFIED_MEANWHILE);
  }
  const stored = storedResource(resource);
  requireNoNewFinalizers(target, previous, object);
  const admitted = context.policy.admit({
    operation: 'update',
    identity,
    resource,
    subresource,
    object: prepareForUpdate(stored, subresource, toStored(resource, object), previous),
    previous,
    storage: context.storage,
    now: context.clock.now(),
  });
  validateUpdate(stored, subresource, admitted, previous);
  if (isUnchanged(previous, admitted)) return fromStored(resource, previous);
  if (options.dryRun) return fromStored(resource, admitted);
  return fromStored(resource, store(context, target, previous, admitted, intent));
}

function store(
  context: ApiContext,
  target: Target,
  previous: KubeObject,
  object: KubeObject,
  intent: UpdateWrite['intent'],
): KubeObject {
  const key = storageKey(target);
  const expectedRevision = Number(previous.metadata.resourceVersion);
  try {
    if (releasesLastFinalizer(previous, object)) {
      const expectedUid = previous.metadata.uid ?? '';
      context.storage.commit({ type: 'delete', key, expectedRevision, expectedUid, gracePeriodSeconds: 0 });
      // The answer is the object as it was asked for, still with its old version.
      return object;
    }
    return context.storage.commit({ type: 'update', key, expectedRevision, object, subresource: target.subresource, intent });
  } catch (cause) {
    if (cause instanceof ConflictError) throw conflict(target.resource, target.name, MODIFIED_MEANWHILE, { cause });
    if (cause instanceof MissingError) throw notFound(target.resource, target.name);
    throw cause;
  }
}

/** A terminating object without grace goes away when its last finalizer does. */
function releasesLastFinalizer(previous: KubeObject, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = previous.metadata;
  return (
    deletionTimestamp !== undefined &&
    (deletionGracePeriodSeconds ?? 0) === 0 &&
    (previous.metadata.finalizers?.length ?? 0) > 0 &&
    (object.metadata.finalizers?.length ?? 0) === 0
  );
}

function requireNoNewFinalizers(target: Target, previous: KubeObject, object: KubeObject): void {
  if (previous.metadata.deletionTimestamp === undefined || target.subresource !== '') return;
  const known = previous.metadata.finalizers ?? [];
  const added = (object.metadata.finalizers ?? []).filter((finalizer) => !known.includes(finalizer));
  if (added.length === 0) return;
  const list = added.map(quote).join(', ');
  const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  const error = { reason: 'FieldValueForbidden', field: 'metadata.finalizers', message } as const;
  // The API server finds this twice, and says so.
  throw invalid(target.resource, target.name, [error, error]);
}

function otherUid(target: Target, uid: string, previous: KubeObject): Error {
  const { resource, namespace, name } = target;
  const key = ['/registry', resource.resource, ...(resource.namespaced ? [namespace] : []), name].join('/');
  return conflict(
    resource,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ` +
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${previous.metadata.uid}`,
  );
}
