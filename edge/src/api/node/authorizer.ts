import { type PolicyRule, ruleAllows } from '../access/rules.ts';
import type { Decision, Identity, RequestAttributes, ResourceAttributes } from '../policy.ts';

const NODE_USER_PREFIX = 'system:node:';
const NODES_GROUP = 'system:nodes';
const LEASE_NAMESPACE = 'kube-node-lease';

/** The name of the node that this identity speaks for; undefined for everyone else. Needs the prefix and the group. */
export function nodeNameOf(identity: Identity): string | undefined {
  if (!identity.name.startsWith(NODE_USER_PREFIX) || !identity.groups.includes(NODES_GROUP)) return undefined;
  const name = identity.name.slice(NODE_USER_PREFIX.length);
  return name === '' ? undefined : name;
}

/** What every node may do whatever the object; the rest is decided by resource below. */
const NODE_RULES: readonly PolicyRule[] = [
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews', 'localsubjectaccessreviews'], verbs: ['create'] },
  { apiGroups: [''], resources: ['services'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] },
  {
    apiGroups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests'],
    verbs: ['create', 'get', 'list', 'watch'],
  },
  { apiGroups: ['storage.k8s.io'], resources: ['csidrivers'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['node.k8s.io'], resources: ['runtimeclasses'], verbs: ['get', 'list', 'watch'] },
];

/** The kinds of objects that a node may see only when a pod bound to it leads there. */
export type GraphKind =
  | 'pods'
  | 'secrets'
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'persistentvolumes'
  | 'serviceaccounts'
  | 'storage.k8s.io/volumeattachments';

/** Whether a pod that is bound to the node leads to the object. @param key `namespace/name`; the bare name for cluster-scoped kinds. */
export type NodeReaches = (kind: GraphKind, key: string) => boolean;

/** The Node authorizer of Kubernetes (plugin/pkg/auth/authorizer/node), for an identity that `nodeNameOf` accepts. */
export function authorizeNode(nodeName: string, request: RequestAttributes, reaches: NodeReaches): Decision {
  const { resource } = request;
  if (resource === undefined) return no();
  switch (resource.group === '' ? resource.resource : `${resource.group}/${resource.resource}`) {
    case 'secrets':
      return readReferenced(reaches, nodeName, 'secrets', request.verb, resource);
    case 'configmaps':
      return readReferenced(reaches, nodeName, 'configmaps', request.verb, resource);
    case 'persistentvolumeclaims':
      if (resource.subresource === 'status') return no('can only update PVC status');
      return getRelated(reaches, nodeName, 'persistentvolumeclaims', request.verb, resource);
    case 'persistentvolumes':
      return getRelated(reaches, nodeName, 'persistentvolumes', request.verb, resource);
    case 'storage.k8s.io/volumeattachments':
      return getRelated(reaches, nodeName, 'storage.k8s.io/volumeattachments', request.verb, resource);
    case 'serviceaccounts':
      return serviceAccount(reaches, nodeName, request.verb, resource);
    case 'coordination.k8s.io/leases':
      return lease(nodeName, request.verb, resource);
    case 'storage.k8s.io/csinodes':
      return csiNode(nodeName, request.verb, resource);
    case 'resource.k8s.io/resourceslices':
      return resourceSlices(nodeName, request.verb, resource);
    case 'nodes':
      return node(nodeName, request.verb, resource);
    case 'pods':
      return pod(reaches, nodeName, request.verb, resource);
    default:
      return NODE_RULES.some((rule) => ruleAllows(rule, request)) ? yes() : no();
  }
}

function readReferenced(
  reaches: NodeReaches,
  nodeName: string,
  kind: GraphKind,
  verb: string,
  resource: ResourceAttributes,
): Decision {
  if (!['get', 'list', 'watch'].includes(verb)) return no('can only read resources of this type');
  if (resource.subresource !== '') return no('cannot read subresource');
  if (resource.namespace === '') return no('can only read namespaced object of this type');
  return related(reaches, nodeName, kind, resource);
}

function getRelated(
  reaches: NodeReaches,
  nodeName: string,
  kind: GraphKind,
  verb: string,
  resource: ResourceAttributes,
): Decision {
  if (verb !== 'get') return no('can only get individual resources of this type');
  if (resource.subresource !== '') return no('cannot get subresource');
  return related(reaches, nodeName, kind, resource);
}

function related(reaches: NodeReaches, nodeName: string, kind: GraphKind, resource: ResourceAttributes): Decision {
  if (resource.name === '') return no('No Object name found');
  const key = resource.namespace === '' ? resource.name : `${resource.namespace}/${resource.name}`;
  if (reaches(kind, key)) return yes();
  return no(`no relationship found between node '${nodeName}' and this object`);
}

function serviceAccount(reaches: NodeReaches, nodeName: string, verb: string, resource: ResourceAttributes): Decision {
  const isToken = verb === 'create' && resource.subresource === 'token';
  const isRead = verb === 'get' && resource.subresource === '';
  if (!isToken && !isRead) return no('can only create tokens for individual service accounts');
  return related(reaches, nodeName, 'serviceaccounts', resource);
}

function lease(nodeName: string, verb: string, resource: ResourceAttributes): Decision {
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) {
    return no('can only get, create, update, patch, or delete a node lease');
  }
  if (resource.namespace !== LEASE_NAMESPACE) return no(`can only access leases in the "${LEASE_NAMESPACE}" system namespace`);
  // A create does not name its object on the path: NodeRestriction looks at the body.
  if (verb !== 'create' && resource.name !== nodeName) {
    return no('can only access node lease with the same name as the requesting node');
  }
  return yes();
}

function csiNode(nodeName: string, verb: string, resource: ResourceAttributes): Decision {
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) {
    return no('can only get, create, update, patch, or delete a CSINode');
  }
  if (resource.subresource !== '') return no('cannot authorize CSINode subresources');
  if (verb !== 'create' && resource.name !== nodeName) {
    return no('can only access CSINode with the same name as the requesting node');
  }
  return yes();
}

function resourceSlices(nodeName: string, verb: string, resource: ResourceAttributes): Decision {
  if (resource.subresource !== '') return no('cannot authorize ResourceSlice subresources');
  if (['get', 'create', 'update', 'patch', 'delete'].includes(verb)) return yes();
  if (['list', 'watch', 'deletecollection'].includes(verb) && selectsNode(resource.fieldSelector, nodeName)) return yes();
  return no('can only list/watch/deletecollection resourceslices with nodeName field selector');
}

/** Which Node a write may touch is NodeRestriction's decision, not made here: it answers with another wording. */
function node(nodeName: string, verb: string, resource: ResourceAttributes): Decision {
  if (resource.subresource === 'status') return ['update', 'patch'].includes(verb) ? yes() : no();
  if (resource.subresource !== '') return no();
  if (['create', 'update', 'patch'].includes(verb)) return yes();
  if (!['get', 'list', 'watch'].includes(verb)) return no();
  if (resource.name === nodeName) return yes();
  const what = resource.name === '' ? 'all nodes' : `'${resource.name}'`;
  return no(`node '${nodeName}' cannot read ${what}, only its own Node object`);
}

function pod(reaches: NodeReaches, nodeName: string, verb: string, resource: ResourceAttributes): Decision {
  switch (resource.subresource) {
    case 'status':
      return ['update', 'patch'].includes(verb) ? yes() : no();
    case 'eviction':
      return verb === 'create' ? yes() : no();
    case '':
      break;
    default:
      return no();
  }
  switch (verb) {
    case 'get':
      return related(reaches, nodeName, 'pods', resource);
    case 'create':
    case 'delete':
      return yes();
    case 'list':
    case 'watch':
      return selectsNode(resource.fieldSelector, nodeName)
        ? yes()
        : no('can only list/watch pods with spec.nodeName field selector');
    default:
      return no();
  }
}

/** Whether one of the selector's terms, which all must hold, is `spec.nodeName=NAME`. */
function selectsNode(fieldSelector: string, nodeName: string): boolean {
  return fieldSelector.split(',').some((term) => /^spec\.nodeName==?(.*)$/.exec(term)?.[1] === nodeName);
}

function yes(): Decision {
  return { allowed: true };
}

function no(reason = ''): Decision {
  return { allowed: false, reason };
}
