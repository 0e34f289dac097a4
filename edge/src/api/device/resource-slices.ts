import type { ResourceAttributes, SpecialAnswer, SpecialRequest } from '../policy.ts';
import { RESOURCE_SLICES } from './surface.ts';

/*
 * ResourceSlices say which devices a driver of dynamic resource allocation has on a node. They are not sent to devices, and none is
 * made here: all that a kubelet asks, whether it has such drivers or not, is to have those of its node deleted when it starts.
 */

export function isResourceSlices({ group, resource }: Pick<ResourceAttributes, 'group' | 'resource'>): boolean {
  return group === RESOURCE_SLICES.group && resource === RESOURCE_SLICES.resource;
}

/** None was there, as in a cluster whose nodes have no such drivers. */
export function answerResourceSlices({ verb, storage }: SpecialRequest): SpecialAnswer | undefined {
  if (verb !== 'deletecollection') return undefined;
  const metadata = { resourceVersion: String(storage.revision()) };
  return { status: 200, body: { kind: 'ResourceSliceList', apiVersion: 'resource.k8s.io/v1', metadata, items: [] } };
}
