import { badRequest, notFound, type SpecialAnswer, type SpecialRequest } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, numberOf } from '../fields.ts';
import { replaceObject } from './stored.ts';

/**
 * The scale of a Deployment or ReplicaSet: get, update, and patch by merge (what `kubectl scale` sends).
 * @throws ApiError 404, 400 without a number of replicas
 */
export function scaleWorkload(request: SpecialRequest): SpecialAnswer {
  const key = { resource: `${request.group}/${request.resource}`, namespace: request.namespace, name: request.name };
  const workload = request.storage.get(key);
  if (workload === undefined) throw notFound(request, request.name);
  if (request.verb === 'get') return { status: 200, body: scaleOf(workload) };
  const replicas = numberOf(fieldsOf(request.body?.spec).replicas);
  if (replicas === undefined || !Number.isInteger(replicas) || replicas < 0) {
    throw badRequest('spec.replicas must be a whole number from 0');
  }
  const spec = fieldsOf(workload.spec);
  if (spec.replicas === replicas) return { status: 200, body: scaleOf(workload) };
  const scaled = {
    ...workload,
    metadata: { ...workload.metadata, generation: (workload.metadata.generation ?? 0) + 1 },
    spec: { ...spec, replicas },
  };
  return { status: 200, body: scaleOf(replaceObject(request.storage, key, scaled, workload, 'scale')) };
}

function scaleOf(workload: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = workload.metadata;
  const spec = fieldsOf(workload.spec);
  const labels = Object.entries(fieldsOf(fieldsOf(spec.selector).matchLabels));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas: numberOf(spec.replicas) ?? 0 },
    status: {
      replicas: numberOf(fieldsOf(workload.status).replicas) ?? 0,
      selector: labels.map(([key, value]) => `${key}=${String(value)}`).join(','),
    },
  };
}
