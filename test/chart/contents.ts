import { CLUSTER_RESOURCES } from '../apiserver/cluster-resources.ts';
import { type KubeClient, KubeError } from '../support/kube.ts';

/** Every object of the cluster, `RESOURCE NAMESPACE/NAME`; of what it does not serve there are none. */
export async function everything(kube: KubeClient): Promise<Set<string>> {
  const all = await Promise.all(
    CLUSTER_RESOURCES.map(async ({ id }) => {
      const objects = await kube.list(id).catch((error: unknown) => {
        if (error instanceof KubeError && error.status === 404) return [];
        throw error;
      });
      return objects.map(({ metadata: { namespace = '', name } }) => `${id} ${namespace}/${name}`);
    }),
  );
  return new Set(all.flat());
}

/** What the README of the chart says is left after an uninstall, and what each namespace has. */
const LEFT = [
  /^namespaces \/hawser-system$/,
  /^secrets hawser-system\/(hawser-ca|default-token-.*)$/,
  /^configmaps hawser-system\/(hawser-ca|device-.*|kube-root-ca\.crt)$/,
  /^serviceaccounts hawser-system\/default$/,
  /^coordination\.k8s\.io\/leases hawser-system\/(node|relay)-.*$/,
  /^secrets kube-system\/bootstrap-token-.*$/,
];

/** What tests, devices and their pods have brought, what controllers would remove, and what is told of it. */
const OF_DEVICES = [
  /^(pods|configmaps|serviceaccounts) default\//,
  // Until Kubernetes 1.24 an account has a token of its own.
  /^secrets default\/.*-token-[a-z0-9]{5}$/,
  /^rbac\.authorization\.k8s\.io\/(cluster)?rolebindings .*\/viewer$/,
  /^(nodes|storage\.k8s\.io\/csinodes|coordination\.k8s\.io\/leases kube-node-lease) ?\//,
  /^(events|events\.k8s\.io\/events) /,
  /^discovery\.k8s\.io\/endpointslices hawser-system\//,
];

/** Whether an object, as `everything` names it, is one that an uninstall should have taken. */
export function isUnexpected(name: string): boolean {
  return ![...LEFT, ...OF_DEVICES].some((pattern) => pattern.test(name));
}
