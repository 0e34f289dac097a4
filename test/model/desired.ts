import { type ObjectKey, objectKey, parseObjectKey } from '@hawser/protocol';
import type { Stored } from './cluster.ts';

/**
 * What a device of that node should hold, worked out slowly and from the facts alone: nothing without a labelled Node; else the
 * Node, its pods and attachments with what they lead to as far as it exists, the Services of its scope, and what every kubelet lists.
 */
export function desiredOf(node: string, objects: ReadonlyMap<ObjectKey, Stored>): Map<ObjectKey, Stored> {
  const desired = new Map<ObjectKey, Stored>();
  const own = objects.get(objectKey('nodes', '', node));
  if (own?.facts.isEdge !== true) return desired;
  const all = [...objects.values()];
  const seen = new Set<ObjectKey>();
  // Keys and not objects lead on: a volume may say whose it is before its claim exists.
  const take = (key: ObjectKey) => {
    if (seen.has(key)) return;
    seen.add(key);
    const object = objects.get(key);
    if (object !== undefined) desired.set(key, object);
    for (const need of object?.facts.needs ?? []) take(need);
    if (key.startsWith('persistentvolumeclaims/')) for (const volume of volumesOf(key, object, all)) take(volume.key);
  };
  take(own.key);
  const ours = all.filter(({ facts }) => facts.node === node);
  for (const { key } of ours) take(key);
  const namespaces = new Set(ours.filter(({ key }) => key.startsWith('pods/')).map(({ key }) => parseObjectKey(key).namespace));
  for (const object of all) if (isInScope(object, own.facts.scope ?? 'namespaces', namespaces)) take(object.key);
  return desired;
}

/** Those that say that they are the claim's, and the one that it names while that is nobody's. */
function volumesOf(claim: ObjectKey, object: Stored | undefined, all: readonly Stored[]): Stored[] {
  return all.filter(
    ({ key, facts }) =>
      key.startsWith('persistentvolumes/') &&
      (facts.claim === claim || (facts.claim === undefined && object?.facts.volume === key)),
  );
}

function isInScope({ key, facts }: Stored, scope: string, namespaces: ReadonlySet<string>): boolean {
  const { resource, namespace, name } = parseObjectKey(key);
  switch (resource) {
    case 'node.k8s.io/runtimeclasses':
    case 'storage.k8s.io/csidrivers':
      return true;
    case 'services':
    case 'endpoints':
    case 'discovery.k8s.io/endpointslices': {
      if (scope !== 'namespaces') return scope === 'cluster';
      const isOfApi = namespace === 'default' && (name === 'kubernetes' || facts.service === 'kubernetes');
      return isOfApi || namespaces.has(namespace);
    }
    default:
      return false;
  }
}
