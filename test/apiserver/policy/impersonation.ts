import type { Identity, RequestAttributes, ResourceAttributes } from '@hawser/edge';
import { bindingsAllow, type RuleBinding } from '@hawser/edge';
import { forbiddenResource } from './errors.ts';

const NODE_USER_PREFIX = 'system:node:';
const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:';
/** A group that the server adds by itself: naming it needs no right. */
const AUTHENTICATED = 'system:authenticated';

/** What the Impersonate-* headers ask for. */
export interface ImpersonationRequest {
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid: string | undefined;
}

/**
 * The identity that a caller wants to act as.
 *
 * Two forms, as in Kubernetes 1.36. The older: the right `impersonate` on the user and on each group; the groups are those of
 * the headers. The constrained one, tried where the older is not granted and the name of a node's user stands alone: the rights
 * `impersonate:arbitrary-node` on the node and `impersonate-on:arbitrary-node:VERB` on what is asked for; the server adds the
 * group system:nodes itself.
 * @throws ApiError 403, worded about the caller
 */
export function impersonate(
  bindings: readonly RuleBinding[],
  caller: Identity,
  request: ImpersonationRequest,
  attributes: RequestAttributes,
  hasConstrained = true,
): Identity {
  if (mayImpersonate(bindings, caller, request)) return identityOf(caller, request, defaultGroups(request));
  if (!hasConstrained) throw forbiddenResource(caller, 'impersonate', attributesOf('', 'users', request.user));
  const isNodeAlone = request.user.startsWith(NODE_USER_PREFIX) && request.groups.length === 0 && request.uid === undefined;
  const verb = `impersonate-on:${isNodeAlone ? 'arbitrary-node' : 'user-info'}:${attributes.verb}`;
  if (isNodeAlone) {
    const node = attributesOf('authentication.k8s.io', 'nodes', request.user.slice(NODE_USER_PREFIX.length));
    const mayBeNode = allowed(bindings, caller, 'impersonate:arbitrary-node', node);
    if (mayBeNode && bindingsAllow(bindings, caller, { ...attributes, verb })) {
      return identityOf(caller, request, ['system:nodes']);
    }
  }
  if (request.groups.length > 0 || attributes.resource === undefined) {
    throw forbiddenResource(caller, 'impersonate', attributesOf('', 'users', request.user));
  }
  throw forbiddenResource(caller, verb, attributes.resource);
}

function identityOf(caller: Identity, request: ImpersonationRequest, groups: readonly string[]): Identity {
  const everyone = request.user === 'system:anonymous' ? 'system:unauthenticated' : AUTHENTICATED;
  return {
    name: request.user,
    groups: [...new Set([...groups, everyone])],
    ...(request.uid === undefined ? {} : { uid: request.uid }),
    impersonatedBy: caller,
  };
}

function mayImpersonate(bindings: readonly RuleBinding[], caller: Identity, request: ImpersonationRequest): boolean {
  return (
    allowed(bindings, caller, 'impersonate', userAttributes(request.user)) &&
    request.groups.every(
      (group) => group === AUTHENTICATED || allowed(bindings, caller, 'impersonate', attributesOf('', 'groups', group)),
    ) &&
    (request.uid === undefined ||
      allowed(bindings, caller, 'impersonate', attributesOf('authentication.k8s.io', 'uids', request.uid)))
  );
}

/** A ServiceAccount's groups follow from its name when the headers name none. */
function defaultGroups(request: ImpersonationRequest): readonly string[] {
  if (request.groups.length > 0 || !request.user.startsWith(SERVICE_ACCOUNT_PREFIX)) return request.groups;
  const namespace = request.user.slice(SERVICE_ACCOUNT_PREFIX.length).split(':')[0];
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

/** A ServiceAccount is impersonated as one and not as a user, so the right is asked for on that resource. */
function userAttributes(user: string): ResourceAttributes {
  if (!user.startsWith(SERVICE_ACCOUNT_PREFIX)) return attributesOf('', 'users', user);
  const [namespace = '', name = ''] = user.slice(SERVICE_ACCOUNT_PREFIX.length).split(':');
  return { ...attributesOf('', 'serviceaccounts', name), namespace };
}

function allowed(bindings: readonly RuleBinding[], caller: Identity, verb: string, resource: ResourceAttributes): boolean {
  return bindingsAllow(bindings, caller, { verb, path: '', resource });
}

function attributesOf(group: string, resource: string, name: string): ResourceAttributes {
  return { group, version: 'v1', resource, subresource: '', namespace: '', name, fieldSelector: '' };
}
