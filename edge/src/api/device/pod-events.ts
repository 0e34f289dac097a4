import { fieldsOf, textOf } from '../fields.ts';
import type { Admission } from '../policy.ts';
import { forbidden } from '../status.ts';
import type { BoundPod } from './identities.ts';

/**
 * A pod writes Events about itself alone: what it writes goes to the cluster as the node's, which may write about its Node and all its pods.
 * @throws ApiError 403
 */
export function restrictPodEvent(pod: BoundPod, { resource, object, previous }: Admission): void {
  for (const event of previous === undefined ? [object] : [object, previous]) {
    const about = fieldsOf(event.involvedObject);
    const isOwn =
      textOf(about.kind) === 'Pod' &&
      textOf(about.namespace) === pod.namespace &&
      textOf(about.name) === pod.name &&
      textOf(about.uid) === pod.uid;
    if (!isOwn) throw forbidden(resource, object.metadata.name ?? '', 'on a device a pod writes Events about itself alone');
  }
}
