import type { Storage } from '@hawser/edge';
import { STORED_BY_CLUSTER } from './cluster-resources.ts';
import { planPodDelete } from './policy/pod-deletion.ts';
import { executeDelete } from './policy/special/stored.ts';

const STORED = STORED_BY_CLUSTER.filter(({ namespaced }) => namespaced);

/**
 * Empties a namespace that is being deleted and removes it when nothing is left: pods get their grace, everything else goes at
 * once, finalizers hold. Returns the way to stop.
 */
export function startNamespaceController(storage: Storage, now: () => Date): () => void {
  function empty(name: string): void {
    const namespaceKey = { resource: 'namespaces', namespace: '', name };
    if (storage.get(namespaceKey)?.metadata.deletionTimestamp === undefined) return;
    for (const resource of STORED) {
      for (const object of storage.list(resource.id, name)) {
        const key = { resource: resource.id, namespace: name, name: object.metadata.name ?? '' };
        const isHeld = (object.metadata.finalizers ?? []).length > 0;
        if (resource.id === 'pods') executeDelete(storage, key, object, planPodDelete(object, undefined, now()));
        else if (!isHeld) executeDelete(storage, key, object, { type: 'remove' });
      }
    }
    // A removal above may have told a listener that came here first.
    const namespace = storage.get(namespaceKey);
    if (namespace === undefined || STORED.some((resource) => storage.list(resource.id, name).length > 0)) return;
    executeDelete(storage, namespaceKey, namespace, { type: 'remove' });
  }

  const stops = [
    storage.subscribe('namespaces', (change) => {
      if (change.type === 'MODIFIED') empty(change.key.name);
    }),
    ...STORED.map((resource) =>
      storage.subscribe(resource.id, (change) => {
        if (change.type === 'DELETED') empty(change.key.namespace);
      }),
    ),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
