import type { KubeObject } from '@hawser/protocol';
import { timestamp } from '../clock.ts';
import type { DeletePlan, Identity } from '../policy.ts';
import { conflict, MODIFIED_MEANWHILE, notFound } from '../status.ts';
import { ConflictError, MissingError } from '../storage.ts';
import type { ApiContext, Target } from './context.ts';
import { matching } from './list.ts';
import type { ListOptions } from './list-options.ts';
import type { DeleteOptions } from './options.ts';
import { existing } from './update.ts';
import { fromStored, storageKey, storedResource } from './views.ts';

export type DeleteResult =
  /** Gone now; `object` is its last state. */
  | { readonly type: 'removed'; readonly object: KubeObject }
  /** Still there, terminating: held by finalizers or by its grace. */
  | { readonly type: 'terminating'; readonly object: KubeObject };

/** @throws ApiError */
export function remove(context: ApiContext, identity: Identity, target: Target, options: DeleteOptions = {}): DeleteResult {
  const object = existing(context, target);
  requirePreconditions(target, object, options);
  const plan = context.policy.planDelete({
    identity,
    resource: storedResource(target.resource),
    object,
    gracePeriodSeconds: options.gracePeriodSeconds,
    propagationPolicy: options.propagationPolicy,
    now: context.clock.now(),
    storage: context.storage,
  });
  const result = carryOut(context, target, object, heldByFinalizers(context, object, plan), options);
  return { ...result, object: fromStored(target.resource, result.object) };
}

/** Deletes what the selectors choose, one by one; returns what was there. @throws ApiError of the first that fails */
export function removeCollection(
  context: ApiContext,
  identity: Identity,
  target: Target,
  selectors: ListOptions,
  options: DeleteOptions = {},
): KubeObject[] {
  const objects = matching(context, target, selectors);
  for (const object of objects) {
    const { namespace = '', name = '' } = object.metadata;
    remove(context, identity, { ...target, namespace, name }, { ...options, preconditions: undefined });
  }
  return objects.map((object) => fromStored(target.resource, object));
}

function requirePreconditions(target: Target, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const kind = { group: target.resource.group, resource: target.resource.kind };
  if (uid !== undefined && uid !== object.metadata.uid) {
    throw conflict(
      kind,
      target.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${object.metadata.uid}). ` +
        'The object might have been deleted and then recreated',
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion) {
    throw conflict(
      kind,
      target.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record ` +
        `(${object.metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

/** Whatever the policy plans, an object with finalizers stays until they are gone. */
function heldByFinalizers(context: ApiContext, object: KubeObject, plan: DeletePlan): DeletePlan {
  const removes = plan.type === 'remove' || plan.type === 'markAndRemove';
  if (!removes || (object.metadata.finalizers?.length ?? 0) === 0) return plan;
  const marked = plan.type === 'markAndRemove' ? plan.object : object;
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  if (deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0) return { type: 'unchanged' };
  const metadata = {
    ...marked.metadata,
    deletionTimestamp: marked.metadata.deletionTimestamp ?? timestamp(context.clock.now()),
    deletionGracePeriodSeconds: 0,
  };
  return { type: 'mark', object: { ...marked, metadata } };
}

function carryOut(
  context: ApiContext,
  target: Target,
  object: KubeObject,
  plan: DeletePlan,
  options: DeleteOptions,
): DeleteResult {
  if (plan.type === 'unchanged') return { type: 'terminating', object };
  if (options.dryRun)
    return { type: plan.type === 'mark' ? 'terminating' : 'removed', object: plan.type === 'remove' ? object : plan.object };
  try {
    if (plan.type === 'remove') return { type: 'removed', object: commitDelete(context, target, object, options) };
    const marked = commitMark(context, target, object, plan.object);
    if (plan.type === 'mark') return { type: 'terminating', object: marked };
    return { type: 'removed', object: commitDelete(context, target, marked, options) };
  } catch (cause) {
    if (cause instanceof ConflictError) throw conflict(target.resource, target.name, MODIFIED_MEANWHILE, { cause });
    if (cause instanceof MissingError) throw notFound(target.resource, target.name);
    throw cause;
  }
}

function commitMark(context: ApiContext, target: Target, object: KubeObject, marked: KubeObject): KubeObject {
  return context.storage.commit({
    type: 'update',
    key: storageKey(target),
    expectedRevision: Number(object.metadata.resourceVersion),
    object: marked,
    subresource: '',
    intent: { verb: 'update' },
  });
}

function commitDelete(context: ApiContext, target: Target, object: KubeObject, options: DeleteOptions): KubeObject {
  return context.storage.commit({
    type: 'delete',
    key: storageKey(target),
    expectedRevision: Number(object.metadata.resourceVersion),
    expectedUid: object.metadata.uid ?? '',
    gracePeriodSeconds: options.gracePeriodSeconds,
  });
}
