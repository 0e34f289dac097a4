import { type Fields, fieldsOf, itemsOf, textOf } from '../fields.ts';

/** What a pod or persistent volume names, as `namespace/name`; cluster-scoped things by name alone. */
export interface References {
  readonly secrets: ReadonlySet<string>;
  readonly configMaps: ReadonlySet<string>;
  readonly claims: ReadonlySet<string>;
}

/** Every Secret, ConfigMap and PersistentVolumeClaim that the spec of a pod names, in whatever place. */
export function podReferences(namespace: string, podName: string, spec: Fields): References {
  const secrets = new Set<string>();
  const configMaps = new Set<string>();
  const claims = new Set<string>();
  const add = (set: Set<string>, name: unknown) => {
    if (textOf(name) !== '') set.add(`${namespace}/${textOf(name)}`);
  };

  for (const secret of itemsOf(spec.imagePullSecrets)) add(secrets, secret.name);
  for (const container of [...itemsOf(spec.containers), ...itemsOf(spec.initContainers), ...itemsOf(spec.ephemeralContainers)]) {
    for (const source of itemsOf(container.envFrom)) {
      add(secrets, fieldsOf(source.secretRef).name);
      add(configMaps, fieldsOf(source.configMapRef).name);
    }
    for (const variable of itemsOf(container.env)) {
      const source = fieldsOf(variable.valueFrom);
      add(secrets, fieldsOf(source.secretKeyRef).name);
      add(configMaps, fieldsOf(source.configMapKeyRef).name);
    }
  }
  for (const volume of itemsOf(spec.volumes)) {
    add(secrets, fieldsOf(volume.secret).secretName);
    add(configMaps, fieldsOf(volume.configMap).name);
    add(claims, fieldsOf(volume.persistentVolumeClaim).claimName);
    if (volume.ephemeral !== undefined) add(claims, `${podName}-${textOf(volume.name)}`);
    for (const source of itemsOf(fieldsOf(volume.projected).sources)) {
      add(secrets, fieldsOf(source.secret).name);
      add(configMaps, fieldsOf(source.configMap).name);
    }
    for (const secret of driverSecrets(volume, namespace)) secrets.add(secret);
  }
  return { secrets, configMaps, claims };
}

/** The Secrets that a PersistentVolume's driver needs; those without a namespace of their own are in the claim's. */
export function volumeSecrets(spec: Fields): Set<string> {
  return driverSecrets(spec, textOf(fieldsOf(spec.claimRef).namespace));
}

/** `source` is a volume of a pod or the spec of a PersistentVolume: both name the Secret of a driver in the same fields. */
function driverSecrets(source: Fields, defaultNamespace: string): Set<string> {
  const found = new Set<string>();
  const add = (reference: Fields) => {
    const name = textOf(reference.name);
    if (name !== '') found.add(`${textOf(reference.namespace) || defaultNamespace}/${name}`);
  };
  const azureFile = fieldsOf(source.azureFile);
  add({ name: azureFile.secretName, namespace: azureFile.secretNamespace });
  for (const driver of ['cephfs', 'flexVolume', 'rbd', 'scaleIO', 'iscsi', 'storageos', 'cinder']) {
    add(fieldsOf(fieldsOf(source[driver]).secretRef));
  }
  const csi = fieldsOf(source.csi);
  for (const field of [
    'nodePublishSecretRef',
    'nodeStageSecretRef',
    'nodeExpandSecretRef',
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
  ]) {
    add(fieldsOf(csi[field]));
  }
  return found;
}
