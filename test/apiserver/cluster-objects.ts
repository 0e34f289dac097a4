import { randomUUID } from 'node:crypto';
import { type Storage, type StorageKey, timestamp } from '@hawser/edge';
import type { KubeObject } from '@hawser/protocol';

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/**
 * The objects that every cluster has, made where they are missing: four namespaces, in each namespace the ServiceAccount
 * `default` and the ConfigMap `kube-root-ca.crt`, and the Service of the API server with its Endpoints and EndpointSlice. Namespaces that come later get theirs in
 * the moment of their creation, where a real cluster takes some milliseconds. Returns the way to stop that.
 */
export function maintainClusterObjects(
  storage: Storage,
  caPem: string,
  now: () => Date,
  moreNamespaces: readonly string[],
): () => void {
  const add = (key: StorageKey, object: Omit<KubeObject, 'metadata'> & { apiVersion: string; kind: string }, labels = {}) => {
    if (storage.get(key) !== undefined) return;
    const metadata = {
      name: key.name,
      ...(key.namespace === '' ? {} : { namespace: key.namespace }),
      uid: randomUUID(),
      creationTimestamp: timestamp(now()),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    };
    storage.commit({ type: 'create', key, object: { ...object, metadata } });
  };
  const furnish = (namespace: string) => {
    add({ resource: 'serviceaccounts', namespace, name: 'default' }, { apiVersion: 'v1', kind: 'ServiceAccount' });
    add(
      { resource: 'configmaps', namespace, name: 'kube-root-ca.crt' },
      { apiVersion: 'v1', kind: 'ConfigMap', data: { 'ca.crt': caPem } },
    );
  };

  const stop = storage.subscribe('namespaces', (change) => {
    if (change.type === 'ADDED') furnish(change.key.name);
  });
  for (const name of [...NAMESPACES, ...moreNamespaces]) {
    add(
      { resource: 'namespaces', namespace: '', name },
      { apiVersion: 'v1', kind: 'Namespace', spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } },
      { 'kubernetes.io/metadata.name': name },
    );
  }
  add(
    { resource: 'services', namespace: 'default', name: 'kubernetes' },
    { apiVersion: 'v1', kind: 'Service', spec: API_SERVICE_SPEC, status: { loadBalancer: {} } },
    { component: 'apiserver', provider: 'kubernetes' },
  );
  add(
    { resource: 'endpoints', namespace: 'default', name: 'kubernetes' },
    { apiVersion: 'v1', kind: 'Endpoints', subsets: [{ addresses: [{ ip: API_ADDRESS }], ports: [API_PORT] }] },
    { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
  );
  add(
    { resource: 'discovery.k8s.io/endpointslices', namespace: 'default', name: 'kubernetes' },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      addressType: 'IPv4',
      endpoints: [{ addresses: [API_ADDRESS], conditions: { ready: true } }],
      ports: [API_PORT],
    },
    { 'kubernetes.io/service-name': 'kubernetes' },
  );
  return stop;
}

/** An address of documentation (RFC 5737): nothing is there, since the server's own port is not known yet. */
const API_ADDRESS = '192.0.2.1';
const API_PORT = { name: 'https', port: 6443, protocol: 'TCP' };

const API_SERVICE_SPEC = {
  ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: 6443 }],
  clusterIP: '10.96.0.1',
  clusterIPs: ['10.96.0.1'],
  type: 'ClusterIP',
  sessionAffinity: 'None',
  ipFamilies: ['IPv4'],
  ipFamilyPolicy: 'SingleStack',
  internalTrafficPolicy: 'Cluster',
};
