import { badRequest, conflict, notFound, type SpecialAnswer, type SpecialRequest, timestamp } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, itemsOf, textOf } from '../fields.ts';
import { topologyLabels } from '../topology.ts';
import { replaceObject } from './stored.ts';
import { SUCCESS } from './success.ts';

const PODS = { group: '', resource: 'pods' };

/**
 * POST pods/NAME/binding: puts the pod on a node. Does not look whether the node exists, as the real one does not.
 * @throws ApiError 404, 409 when bound already or when the uid in the body is another, 400 without a target
 */
export function bindPod(request: SpecialRequest): SpecialAnswer {
  const key = { resource: 'pods', namespace: request.namespace, name: request.name };
  const pod = request.storage.get(key);
  if (pod === undefined) throw notFound(PODS, request.name);
  const nodeName = textOf(fieldsOf(request.body?.target).name);
  if (nodeName === '') throw badRequest('a binding must name a node in target.name');
  const about = { group: '', resource: 'pods/binding' };
  const expectedUid = request.body?.metadata.uid;
  if (expectedUid !== undefined && expectedUid !== '' && expectedUid !== pod.metadata.uid) {
    throw conflict(
      PODS,
      request.name,
      `Precondition failed: UID in precondition: ${expectedUid}, UID in object meta: ${pod.metadata.uid}`,
    );
  }
  const bound = textOf(fieldsOf(pod.spec).nodeName);
  if (bound !== '') throw conflict(about, request.name, `pod ${request.name} is already assigned to node "${bound}"`);
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(about, request.name, `pod ${request.name} is being deleted, cannot be assigned to a host`);
  }
  if (request.query.get('dryRun') !== 'All') {
    replaceObject(request.storage, key, boundTo(request, pod, nodeName), pod);
  }
  return SUCCESS;
}

/** The binding's annotations and labels go to the pod, as a scheduler may want to leave a word there. */
function boundTo({ body: binding, now, storage }: SpecialRequest, pod: KubeObject, nodeName: string): KubeObject {
  const conditions = itemsOf(fieldsOf(pod.status).conditions).filter(({ type }) => type !== 'PodScheduled');
  const { annotations } = binding?.metadata ?? {};
  const labels = { ...binding?.metadata.labels, ...topologyLabels(storage, nodeName) };
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(annotations === undefined ? {} : { annotations: { ...pod.metadata.annotations, ...annotations } }),
      ...(Object.keys(labels).length === 0 ? {} : { labels: { ...pod.metadata.labels, ...labels } }),
    },
    spec: { ...fieldsOf(pod.spec), nodeName },
    status: {
      ...fieldsOf(pod.status),
      conditions: [
        ...conditions,
        { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: timestamp(now) },
      ],
    },
  };
}
