import type { KubeObject } from '@hawser/protocol';

/**
 * Namespaces and ServiceAccounts that the manifests name and do not hold, namespaces first. Which of them a cluster has
 * already is the caller's to see.
 */
export function prerequisitesOf(manifests: readonly KubeObject[]): KubeObject[] {
  const held = new Set(manifests.map(({ kind, metadata }) => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`));
  const namespaces = new Set<string>();
  const accounts = new Map<string, KubeObject>();
  for (const object of manifests) {
    const namespace = object.metadata.namespace;
    if (namespace !== undefined && !held.has(`Namespace//${namespace}`)) namespaces.add(namespace);
    const account = serviceAccountOf(object);
    if (account === undefined || held.has(`ServiceAccount/${namespace ?? ''}/${account}`)) continue;
    const metadata = { name: account, namespace: namespace ?? 'default' };
    accounts.set(`${metadata.namespace}/${account}`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  }
  const made = [...namespaces].map((name): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  return [...made, ...accounts.values()];
}

function serviceAccountOf({ kind, spec }: KubeObject): string | undefined {
  const workload = spec as { serviceAccountName?: string; template?: { spec?: { serviceAccountName?: string } } } | undefined;
  return kind === 'Pod' ? workload?.serviceAccountName : workload?.template?.spec?.serviceAccountName;
}
