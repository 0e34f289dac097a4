import { type JsonObject, type KubeObject, mayBeEvicted, resourceById, toleranceOf } from '@hawser/protocol';
import type { Identity } from '../api/policy.ts';
import type { Registry } from '../api/registry/registry.ts';
import { ApiError } from '../api/status.ts';

/**
 * The pods that a cluster would evict from a lost node sooner or later, and so replace: not those that tolerate it for ever by their
 * own word (those of DaemonSets do), not static ones, and none that are finished or ending.
 */
export function podsToStop(pods: readonly KubeObject[]): KubeObject[] {
  return pods.filter((pod) => {
    // What the local API serves is JSON.
    const json = pod as unknown as JsonObject;
    const { current, mark } = toleranceOf(json);
    return mayBeEvicted(json) && (mark?.set === current ? mark.before : current) !== 'forever';
  });
}

/** As `kubectl delete pod` on the device: its kubelet ends it in the pod's own grace period. Gone or another is good. */
export async function stopPod(registry: Registry, identity: Identity, { metadata }: KubeObject): Promise<void> {
  const { namespace = '', name = '', uid } = metadata;
  const resource = resourceById('pods');
  if (resource === undefined) throw new TypeError('pods are not in the resource table');
  try {
    await registry.delete(identity, { resource, namespace, name, subresource: '' }, { preconditions: { uid } });
  } catch (error) {
    if (!(error instanceof ApiError && (error.code === 404 || error.code === 409))) throw error;
  }
}
