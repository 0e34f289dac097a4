import type { RuleBinding } from './policy/rules.ts';

/** Where the relay lives, and keeps its leases. */
export const RELAY_NAMESPACE = 'hawser-system';
export const RELAY_USER = `system:serviceaccount:${RELAY_NAMESPACE}:hawser-relay`;
export const RELAY_GROUPS = ['system:serviceaccounts', `system:serviceaccounts:${RELAY_NAMESPACE}`];

/** The rights that a relay is given in a cluster, and no more; the same rules stand in its ClusterRole and Role. */
export const RELAY_BINDINGS: readonly RuleBinding[] = [
  {
    subject: { user: RELAY_USER },
    rules: [
      {
        apiGroups: [''],
        resources: [
          ...['nodes', 'pods', 'namespaces', 'serviceaccounts', 'configmaps', 'secrets'],
          ...['persistentvolumeclaims', 'persistentvolumes', 'services', 'endpoints'],
        ],
        verbs: ['get', 'list', 'watch'],
      },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['node.k8s.io'], resources: ['runtimeclasses'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['storage.k8s.io'], resources: ['csidrivers', 'volumeattachments'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get'] },
      { apiGroups: ['scheduling.k8s.io'], resources: ['priorityclasses'], verbs: ['get'] },
      // The older form of impersonation has no prefixes, so the groups are named and the users cannot be.
      { apiGroups: [''], resources: ['users'], verbs: ['impersonate'] },
      { apiGroups: [''], resources: ['groups'], resourceNames: ['system:nodes'], verbs: ['impersonate'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['patch'] },
      { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
    ],
  },
  {
    subject: { user: RELAY_USER },
    namespace: RELAY_NAMESPACE,
    rules: [
      {
        apiGroups: ['coordination.k8s.io'],
        resources: ['leases'],
        verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
      },
    ],
  },
];
