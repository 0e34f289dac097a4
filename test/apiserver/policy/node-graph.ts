import { fieldsOf, type GraphKind, podReferences, type Storage, textOf, volumeSecrets } from '@hawser/edge';

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/**
 * What the Node authorizer knows: node ← pod ← Secret, ConfigMap, claim ← PersistentVolume ← its Secrets.
 * Computed from the Storage at each question. The real one is kept up to date by informers and lags by some milliseconds.
 * @param key `namespace/name`; the bare name for cluster-scoped kinds.
 */
export function nodeReaches(storage: Storage, nodeName: string, kind: GraphKind, key: string): boolean {
  if (kind === 'storage.k8s.io/volumeattachments') {
    const attachment = storage.get({ resource: kind, namespace: '', name: key });
    return attachment !== undefined && fieldsOf(attachment.spec).nodeName === nodeName;
  }
  const [namespaceOfKey = '', nameOfKey = ''] = key.split('/', 2);
  if (kind === 'pods') {
    const pod = storage.get({ resource: 'pods', namespace: namespaceOfKey, name: nameOfKey });
    return fieldsOf(pod?.spec).nodeName === nodeName;
  }
  const claims = new Set<string>();
  for (const pod of storage.list('pods')) {
    const spec = fieldsOf(pod.spec);
    if (spec.nodeName !== nodeName) continue;
    const namespace = pod.metadata.namespace ?? '';
    // A mirror pod is the node's own word and must not open a way to anything.
    if (pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) continue;
    if (kind === 'serviceaccounts') {
      if (`${namespace}/${textOf(spec.serviceAccountName)}` === key) return true;
      continue;
    }
    const references = podReferences(namespace, pod.metadata.name ?? '', spec);
    if (kind === 'secrets' && references.secrets.has(key)) return true;
    if (kind === 'configmaps' && references.configMaps.has(key)) return true;
    if (kind === 'persistentvolumeclaims' && references.claims.has(key)) return true;
    for (const claim of references.claims) claims.add(claim);
  }
  if (claims.size === 0 || (kind !== 'persistentvolumes' && kind !== 'secrets')) return false;
  return storage.list('persistentvolumes').some((volume) => {
    const spec = fieldsOf(volume.spec);
    const claim = fieldsOf(spec.claimRef);
    if (!claims.has(`${textOf(claim.namespace)}/${textOf(claim.name)}`)) return false;
    return kind === 'persistentvolumes' ? volume.metadata.name === key : volumeSecrets(spec).has(key);
  });
}
