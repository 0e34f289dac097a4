import { ALL_RESOURCES, type ServedResource } from '@hawser/edge';
import { API_RESOURCES, type ApiResource } from '@hawser/protocol';

/** What is installed in a cluster and is no matter of devices: rights, policies. In the order of discovery. */
const INSTALLED: readonly ApiResource[] = [
  admission('validatingadmissionpolicies', 'ValidatingAdmissionPolicy', ['status']),
  admission('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding'),
  {
    id: 'networking.k8s.io/networkpolicies',
    group: 'networking.k8s.io',
    version: 'v1',
    resource: 'networkpolicies',
    kind: 'NetworkPolicy',
    singular: 'networkpolicy',
    namespaced: true,
    shortNames: ['netpol'],
    subresources: [],
  },
  rbac('clusterrolebindings', 'ClusterRoleBinding', false),
  rbac('clusterroles', 'ClusterRole', false),
  rbac('rolebindings', 'RoleBinding', true),
  rbac('roles', 'Role', true),
];

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** Every resource that the embedded cluster stores or shows. Devices and relays know only protocol's own table. */
export const CLUSTER_RESOURCES: readonly ApiResource[] = [...API_RESOURCES, ...INSTALLED];

/** The same as the server speaks for them. */
export const SERVED_BY_CLUSTER: readonly ServedResource[] = [
  ...ALL_RESOURCES,
  ...INSTALLED.map((resource) => ({ resource, verbs: VERBS })),
];

/** Those with objects of their own: the newer Events are a view of the older. */
export const STORED_BY_CLUSTER: readonly ApiResource[] = CLUSTER_RESOURCES.filter(({ id }) => id !== 'events.k8s.io/events');

function rbac(resource: string, kind: string, namespaced: boolean): ApiResource {
  const group = 'rbac.authorization.k8s.io';
  const singular = kind.toLowerCase();
  return {
    id: `${group}/${resource}`,
    group,
    version: 'v1',
    resource,
    kind,
    singular,
    namespaced,
    shortNames: [],
    subresources: [],
  };
}

function admission(resource: string, kind: string, subresources: readonly string[] = []): ApiResource {
  const group = 'admissionregistration.k8s.io';
  const singular = kind.toLowerCase();
  const id = `${group}/${resource}`;
  return { id, group, version: 'v1', resource, kind, singular, namespaced: false, shortNames: [], subresources };
}
