import { type KubeObject, MIRROR_ANNOTATION } from '@hawser/protocol';
import { fieldsOf } from '../fields.ts';
import { restrictMirror, restrictNode } from '../node/restriction.ts';
import type { Admission } from '../policy.ts';
import { forbidden } from '../status.ts';
import { kubeletIdentity, podOf } from './identities.ts';
import { restrictPodEvent } from './pod-events.ts';

/**
 * What rights leave open, judged by the object. Whatever is written here goes to the cluster as the word of this node, so NodeRestriction
 * speaks here already, in the same words. The administrator may try more with mirror pods of this node: the cloud has the last word of them.
 * @throws ApiError 403
 */
export function admitOnDevice(nodeName: string, admission: Admission): KubeObject {
  const { identity, operation, resource, object } = admission;
  const pod = podOf(identity);
  if (pod !== undefined) restrictPodEvent(pod, admission);
  const isMirror = resource.id === 'pods' && object.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined;
  if (isMirror && identity.name !== kubeletIdentity(nodeName).name) {
    if (fieldsOf(object.spec).nodeName === nodeName) return operation === 'create' ? asNewPod(object) : object;
    throw forbidden(resource, object.metadata.name ?? '', `this device is the node ${nodeName}: it makes no pods of others`);
  }
  if (isMirror && operation === 'create') restrictMirror(admission);
  restrictNode(nodeName, admission);
  return isMirror && operation === 'create' ? asNewPod(object) : object;
}

/** A new pod is Pending, as in the cluster. */
function asNewPod(object: KubeObject): KubeObject {
  return { ...object, status: { phase: 'Pending' } };
}
