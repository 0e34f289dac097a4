import type { ObjectKey } from '@hawser/protocol';
import { isName, namedKey } from './names.ts';
import { field, text } from './read.ts';

/**
 * Volume drivers that are given a Secret, in a pod's volume as in the spec of a PersistentVolume, and where in them its name
 * stands and, in a PersistentVolume, its namespace.
 */
const DRIVERS: readonly { readonly name: readonly string[]; readonly namespace: readonly string[] }[] = [
  { name: ['azureFile', 'secretName'], namespace: ['azureFile', 'secretNamespace'] },
  ...[
    ['cephfs', 'secretRef'],
    ['cinder', 'secretRef'],
    ['csi', 'nodePublishSecretRef'],
    ['flexVolume', 'secretRef'],
    ['iscsi', 'secretRef'],
    ['rbd', 'secretRef'],
    ['scaleIO', 'secretRef'],
    ['storageos', 'secretRef'],
  ].map((reference) => ({ name: [...reference, 'name'], namespace: [...reference, 'namespace'] })),
];

/** What a PersistentVolume names beyond that and a kubelet reads; the `controller…SecretRef` of CSI are none of its business. */
const VOLUME_DRIVERS: typeof DRIVERS = [
  ...DRIVERS,
  ...['nodeStageSecretRef', 'nodeExpandSecretRef'].map((reference) => ({
    name: ['csi', reference, 'name'],
    namespace: ['csi', reference, 'namespace'],
  })),
];

/** Names of the Secrets that the driver of a pod's volume is given. They are in the pod's namespace. */
export function podVolumeSecrets(volume: unknown): readonly (string | undefined)[] {
  return DRIVERS.map(({ name }) => text(volume, ...name));
}

/**
 * The Secrets that a kubelet reads for a PersistentVolume: those that the Node authorizer lets it. One that is named without a
 * namespace is in that of the claim.
 *
 * @param volume a PersistentVolume as parsed JSON
 */
export function persistentVolumeSecrets(volume: unknown): readonly ObjectKey[] {
  const spec = field(volume, 'spec');
  const ofClaim = text(spec, 'claimRef', 'namespace');
  const keys = VOLUME_DRIVERS.flatMap(({ name, namespace }) => {
    const where = text(spec, ...namespace) ?? ofClaim;
    return isName(where) ? (namedKey('secrets', where, text(spec, ...name)) ?? []) : [];
  });
  return [...new Set(keys)];
}
