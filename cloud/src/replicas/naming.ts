import type { ApiServerConnection } from '../apiserver/index.ts';

/** Where relays keep their Leases when nothing says otherwise. */
const DEFAULT_NAMESPACE = 'hawser-system';
const SUFFIX_LENGTH = 6;

export interface ReplicaIdentity {
  readonly replica: string;
  readonly namespace: string;
}

/**
 * Under which name this process takes Leases, and where. In a Deployment the name of the pod; elsewhere that of the host, with something
 * random behind it, since two relays may run on one.
 * @param randomText random, of lower-case letters and digits
 */
export function replicaIdentity(
  settings: { readonly name?: string | undefined; readonly namespace?: string | undefined },
  connection: Pick<ApiServerConnection, 'namespace'>,
  machine: { readonly podName: string | undefined; readonly hostname: string; readonly randomText: string },
): ReplicaIdentity {
  const { podName, hostname, randomText } = machine;
  const named = settings.name ?? (podName === '' ? undefined : podName);
  return {
    replica: named ?? `${hostname}-${randomText.slice(0, SUFFIX_LENGTH)}`,
    namespace: replicaNamespace(settings.namespace, connection),
  };
}

/** Where relays keep what they share. @param set the setting `replica.namespace` */
export function replicaNamespace(set: string | undefined, connection: Pick<ApiServerConnection, 'namespace'>): string {
  return set ?? connection.namespace ?? DEFAULT_NAMESPACE;
}
