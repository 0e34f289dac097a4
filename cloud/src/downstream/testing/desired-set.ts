import { type JsonObject, type ObjectKey, objectKey, parseObjectKey } from '@hawser/protocol';
import { field, items, text } from '../../locating/read.ts';

export type Objects = readonly (readonly [ObjectKey, JsonObject])[];

const SERVICE_KINDS = ['services', 'endpoints', 'discovery.k8s.io/endpointslices'];
const CLUSTER_KINDS = ['node.k8s.io/runtimeclasses', 'storage.k8s.io/csidrivers'];

/**
 * The keys that a node needs, from the objects of a cluster alone: from the beginning, looking everywhere, counting nothing. An
 * object may be given in several versions: then what any of them leads to.
 */
export function desiredSet(node: string, objects: Objects): Set<ObjectKey> {
  const needed = new Set<ObjectKey>([objectKey('nodes', '', node)]);
  const namespaces = new Set<string>();
  for (const [key, object] of of('pods', objects)) {
    if (text(object, 'spec', 'nodeName') !== node) continue;
    namespaces.add(parseObjectKey(key).namespace);
    for (const need of [key, ...neededToStart(key, object, objects)]) needed.add(need);
  }
  for (const [key, object] of of('storage.k8s.io/volumeattachments', objects)) {
    if (text(object, 'spec', 'nodeName') === node) needed.add(key);
  }
  for (const kind of CLUSTER_KINDS) for (const [key] of of(kind, objects)) needed.add(key);
  const nodes = of('nodes', objects).filter(([key]) => parseObjectKey(key).name === node);
  for (const [, object] of nodes) {
    const scope = field(object, 'metadata', 'annotations', 'hawser.dev/service-scope');
    for (const [key, service] of SERVICE_KINDS.flatMap((kind) => of(kind, objects))) {
      if (isInScope(scope, namespaces, key, service)) needed.add(key);
    }
  }
  return needed;
}

function isInScope(scope: unknown, namespaces: ReadonlySet<string>, key: ObjectKey, object: JsonObject): boolean {
  if (scope === 'cluster') return true;
  if (scope === 'none') return false;
  const { resource, namespace, name } = parseObjectKey(key);
  const isLabelled = field(object, 'metadata', 'labels', 'kubernetes.io/service-name') === 'kubernetes';
  const isOfApi = name === 'kubernetes' || (resource === 'discovery.k8s.io/endpointslices' && isLabelled);
  return namespaces.has(namespace) || (namespace === 'default' && isOfApi);
}

/** What has to be on a device before that pod. The model's pods name things in these places only; the locator knows them all. */
export function neededToStart(key: ObjectKey, pod: JsonObject, objects: Objects): Set<ObjectKey> {
  const { namespace } = parseObjectKey(key);
  const needed = new Set<ObjectKey>([objectKey('namespaces', '', namespace)]);
  const add = (resource: string, name: string | undefined) => {
    if (name !== undefined) needed.add(objectKey(resource, namespace, name));
  };
  add('serviceaccounts', text(pod, 'spec', 'serviceAccountName'));
  for (const volume of items(pod, 'spec', 'volumes')) {
    add('configmaps', text(volume, 'configMap', 'name'));
    add('secrets', text(volume, 'secret', 'secretName'));
    add('persistentvolumeclaims', text(volume, 'persistentVolumeClaim', 'claimName'));
  }
  for (const [volume, object] of of('persistentvolumes', objects)) {
    const claim = text(object, 'spec', 'claimRef', 'name');
    const isBound = claim !== undefined && needed.has(claimKey(object, claim));
    const isNamed = of('persistentvolumeclaims', objects).some(
      ([of, naming]) => needed.has(of) && text(naming, 'spec', 'volumeName') === parseObjectKey(volume).name,
    );
    if (!isBound && (claim !== undefined || !isNamed)) continue;
    for (const need of [volume, ...secretsOf(object)]) needed.add(need);
  }
  return needed;
}

/** Of a PersistentVolume that is bound. */
export function secretsOf(volume: JsonObject): readonly ObjectKey[] {
  const secret = text(volume, 'spec', 'csi', 'nodeStageSecretRef', 'name');
  const where = text(volume, 'spec', 'csi', 'nodeStageSecretRef', 'namespace');
  const isBound = text(volume, 'spec', 'claimRef', 'name') !== undefined;
  return isBound && secret !== undefined && where !== undefined ? [objectKey('secrets', where, secret)] : [];
}

function claimKey(volume: JsonObject, name: string): ObjectKey {
  return objectKey('persistentvolumeclaims', text(volume, 'spec', 'claimRef', 'namespace') ?? '', name);
}

function of(resource: string, objects: Objects): Objects {
  return objects.filter(([key]) => parseObjectKey(key).resource === resource);
}
