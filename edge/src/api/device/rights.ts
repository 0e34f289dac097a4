import type { PolicyRule, RuleBinding } from '../access/rules.ts';
import type { Identity } from '../policy.ts';
import { type BoundPod, podOf } from './identities.ts';
import { AGENT_PATH, LOG_LEVEL_PATH } from './own-paths.ts';
import { DEVICE_RESOURCES, DEVICE_SURFACE, isPerNode, LEASES, NODE_LEASE_NAMESPACE } from './surface.ts';

/**
 * Who may do what at the API of a device, in the form of Kubernetes' own roles (rbac.authorization.k8s.io/v1). The kubelet is not here:
 * what it may is the Node authorizer's to say (`../node/authorizer.ts`), which decides by objects. What these rules leave open (a create
 * does not name its object, an Event may be about anything) NodeRestriction and `pod-events.ts` look at in the body.
 * @returns the rules for an identity: a pod has some about itself
 */
export function deviceRights(nodeName: string): (identity: Identity) => readonly RuleBinding[] {
  const common = commonBindings(nodeName);
  return (identity) => {
    const pod = podOf(identity);
    return pod === undefined ? common : [...common, ownPod(pod)];
  };
}

function commonBindings(nodeName: string): readonly RuleBinding[] {
  return [
    { subject: { group: 'system:authenticated' }, rules: EVERYBODY },
    { subject: { group: 'hawser:device-viewers' }, rules: [...VIEWING, ...SEEING, ...kubeletReads(nodeName)] },
    {
      subject: { group: 'hawser:device-admins' },
      rules: [...READING, ...nodeWrites(nodeName, (id) => id !== LEASES), ...kubeletServer(nodeName), ...ASKING, ...RUNNING],
    },
    {
      subject: { group: 'hawser:device-admins' },
      namespace: NODE_LEASE_NAMESPACE,
      rules: nodeWrites(nodeName, (id) => id === LEASES),
    },
    { subject: { group: 'hawser:in-process' }, rules: inProcess(nodeName) },
    { subject: { group: 'system:serviceaccounts' }, rules: podReads(nodeName) },
  ];
}

const READ = ['get', 'list', 'watch'];
const CREATE = ['create'];
const CHANGE = ['update', 'patch'];

const PATHS = ['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/readyz', '/version', '/version/'];
const OPENAPI = ['/openapi', '/openapi/*'];

/** Discovery, health, and what one may oneself. */
const EVERYBODY: readonly PolicyRule[] = [
  { verbs: ['get', 'head'], nonResourceURLs: [...PATHS, ...OPENAPI] },
  { verbs: CREATE, apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
  { verbs: CREATE, apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'] },
];

/** All that the device holds, and what the cloud says to it (`/hawser/v1/query`). */
const READING: readonly PolicyRule[] = [
  { verbs: READ, apiGroups: ['*'], resources: ['*'] },
  { verbs: ['get', 'head'], nonResourceURLs: ['*'] },
];

/** How the agent is, for who looks. */
const SEEING: readonly PolicyRule[] = [{ verbs: ['get', 'head'], nonResourceURLs: [AGENT_PATH, LOG_LEVEL_PATH] }];

/** What the administrator may change of it while it runs. */
const RUNNING: readonly PolicyRule[] = [{ verbs: ['put'], nonResourceURLs: [LOG_LEVEL_PATH] }];

/** The same without Secrets, kind by kind, since rules have no "but". */
const VIEWING: readonly PolicyRule[] = DEVICE_RESOURCES.filter(({ resource }) => resource.id !== 'secrets').map(
  ({ resource: { group, resource } }) => ({ verbs: READ, apiGroups: [group], resources: [resource, `${resource}/status`] }),
);

/** What a kubelet writes, as `surface.ts` has it, but for what is the kubelet's alone. Each goes to the cluster as the word of this node. */
function nodeWrites(nodeName: string, isMeant: (id: string) => boolean): readonly PolicyRule[] {
  return DEVICE_RESOURCES.filter(({ resource }) => isMeant(resource.id)).flatMap(({ resource: { id, group, resource } }) =>
    Object.entries(DEVICE_SURFACE.get(id)?.writes ?? {}).flatMap(([subresource, rules]) => {
      const what = { apiGroups: [group], resources: [subresource === '' ? resource : `${resource}/${subresource}`] };
      const verbs = Object.keys(rules).filter((verb) => rules[verb]?.who === 'writers');
      const named = verbs.filter((verb) => verb !== 'create');
      if (!isPerNode(id)) return verbs.length === 0 ? [] : [{ verbs, ...what }];
      return [
        ...(verbs.length === named.length ? [] : [{ verbs: CREATE, ...what }]),
        ...(named.length === 0 ? [] : [{ verbs: named, ...what, resourceNames: [nodeName] }]),
      ];
    }),
  );
}

/** What the kubelet's own server asks about: everything on it, as `nodes/proxy` always was. */
function kubeletServer(nodeName: string): readonly PolicyRule[] {
  const resources = KUBELET_SUBRESOURCES.map((what) => `nodes/${what}`);
  return [{ verbs: ['*'], apiGroups: [''], resources, resourceNames: [nodeName] }];
}

/** kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz: paths that are not one of the others are `proxy`. */
const KUBELET_SUBRESOURCES = [
  ...['proxy', 'log', 'stats', 'metrics', 'checkpoint'],
  ...['pods', 'healthz', 'configz', 'statusz', 'flagz'],
];

/** There, what shows nothing that a viewer may not see: logs and `configz` may, and `proxy` runs commands. */
function kubeletReads(nodeName: string): readonly PolicyRule[] {
  const resources = ['nodes/metrics', 'nodes/stats', 'nodes/pods', 'nodes/healthz'];
  return [{ verbs: ['get'], apiGroups: [''], resources, resourceNames: [nodeName] }];
}

/** Questions about others. */
const ASKING: readonly PolicyRule[] = [
  { verbs: CREATE, apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'] },
  { verbs: CREATE, apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews', 'localsubjectaccessreviews'] },
];

/** The agent's own programs that play a kubelet: they follow all ConfigMaps and Secrets at once, and drop a registration that the cloud has lost. */
function inProcess(nodeName: string): readonly PolicyRule[] {
  return [
    { verbs: ['list', 'watch'], apiGroups: [''], resources: ['configmaps', 'secrets'] },
    { verbs: ['delete'], apiGroups: [''], resources: ['nodes'], resourceNames: [nodeName] },
  ];
}

/**
 * What the pods of a node need of the kinds that are synced to it, whatever their ServiceAccount may in the cluster, which the device does
 * not know: kube-proxy and CoreDNS follow Services, EndpointSlices (older ones Endpoints) and Namespaces, a CNI agent its Node and its own
 * pod. ConfigMaps of theirs are in volumes, so none needs to be read here.
 */
function podReads(nodeName: string): readonly PolicyRule[] {
  return [
    { verbs: READ, apiGroups: [''], resources: ['services', 'endpoints', 'namespaces'] },
    { verbs: READ, apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] },
    { verbs: READ, apiGroups: [''], resources: ['nodes'], resourceNames: [nodeName] },
  ];
}

/** Itself, and Events about itself. */
function ownPod({ namespace, name }: BoundPod): RuleBinding {
  return {
    subject: { group: 'system:serviceaccounts' },
    namespace,
    rules: [
      { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: [name] },
      { verbs: [...CREATE, ...CHANGE], apiGroups: ['', 'events.k8s.io'], resources: ['events'] },
    ],
  };
}
