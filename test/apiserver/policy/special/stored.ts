import type { DeletePlan, Storage, StorageKey } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';

/** Stores a new state of an object that has just been read. */
export function replaceObject(
  storage: Storage,
  key: StorageKey,
  object: KubeObject,
  previous: KubeObject,
  subresource = '',
): KubeObject {
  return storage.commit({
    type: 'update',
    key,
    expectedRevision: Number(previous.metadata.resourceVersion),
    object,
    subresource,
    intent: { verb: 'update' },
  });
}

/** Carries out what was planned for an object that has just been read; finalizers keep it, marked. */
export function executeDelete(storage: Storage, key: StorageKey, object: KubeObject, plan: DeletePlan): void {
  if (plan.type === 'unchanged') return;
  const marked = plan.type === 'remove' ? object : replaceObject(storage, key, plan.object, object);
  const isHeld = (marked.metadata.finalizers ?? []).length > 0;
  if (plan.type === 'mark' || isHeld) return;
  storage.commit({
    type: 'delete',
    key,
    expectedRevision: Number(marked.metadata.resourceVersion),
    expectedUid: marked.metadata.uid ?? '',
    gracePeriodSeconds: 0,
  });
}
