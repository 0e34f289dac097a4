import { randomInt } from 'node:crypto';
import { type Admission, forbidden, restrictMirror } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';
import { type Fields, fieldsOf, itemsOf, textOf } from './fields.ts';

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** One hour and a little: kubelets renew at four fifths, and the odd number marks a token that the server may extend. */
const TOKEN_SECONDS = 3607;
/** The alphabet of generated name suffixes: no vowels and no digits that look like them. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * What the ServiceAccount admission does to a new pod: sets the account, adds its token volume and pull secrets.
 * @throws ApiError 403 when the account does not exist, or when a mirror pod names an account or a Secret.
 */
export function admitServiceAccount(admission: Admission): KubeObject {
  const pod = admission.object;
  const spec = fieldsOf(pod.spec);
  const namespace = pod.metadata.namespace ?? '';
  const refuse = (why: string) => forbidden(admission.resource, pod.metadata.name ?? '', why);
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) {
    restrictMirror(admission);
    return pod;
  }

  const accountName = textOf(spec.serviceAccountName) || textOf(spec.serviceAccount) || 'default';
  const account = admission.storage.get({ resource: 'serviceaccounts', namespace, name: accountName });
  if (account === undefined) {
    throw refuse(`error looking up service account ${namespace}/${accountName}: serviceaccount "${accountName}" not found`);
  }
  const mayMount = spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
  const named = { ...spec, serviceAccountName: accountName, serviceAccount: accountName };
  const withPullSecrets =
    itemsOf(spec.imagePullSecrets).length === 0 && itemsOf(account.imagePullSecrets).length > 0
      ? { ...named, imagePullSecrets: account.imagePullSecrets }
      : named;
  return { ...pod, spec: mayMount === false ? withPullSecrets : withTokenVolume(withPullSecrets) };
}

/** Adds the volume only when a container has nothing of its own mounted in the token's place. */
function withTokenVolume(spec: Fields): Fields {
  const volumeName = `kube-api-access-${suffix()}`;
  let isUsed = false;
  const mount = (container: Fields): Fields => {
    const mounts = itemsOf(container.volumeMounts);
    if (mounts.some((existing) => existing.mountPath === TOKEN_PATH)) return container;
    isUsed = true;
    return { ...container, volumeMounts: [...mounts, { name: volumeName, readOnly: true, mountPath: TOKEN_PATH }] };
  };
  const containers = itemsOf(spec.containers).map(mount);
  const mounted = {
    ...spec,
    containers,
    ...(Array.isArray(spec.initContainers) ? { initContainers: itemsOf(spec.initContainers).map(mount) } : {}),
  };
  return isUsed ? { ...mounted, volumes: [...itemsOf(spec.volumes), tokenVolume(volumeName)] } : mounted;
}

function tokenVolume(name: string): Fields {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  };
}

function suffix(): string {
  return Array.from({ length: 5 }, () => SUFFIX_ALPHABET.charAt(randomInt(SUFFIX_ALPHABET.length))).join('');
}
