import { type ApiResource, apiVersionOf } from '@hawser/protocol';
import type { ApiPolicy, Identity, RequestAttributes, ResourceAttributes } from '../policy.ts';
import { ApiError, forbidden, quote } from '../status.ts';
import type { Target } from './context.ts';

/** @throws ApiError 403 with the wording of the API server */
export function requireAuthorized(policy: ApiPolicy, identity: Identity, attributes: RequestAttributes): void {
  const decision = policy.authorize(identity, attributes);
  if (decision.allowed) return;
  const suffix = decision.reason === '' ? '' : `: ${decision.reason}`;
  const { verb, resource } = attributes;
  if (resource === undefined) {
    const why = `User ${quote(identity.name)} cannot ${verb} path ${quote(attributes.path)}`;
    throw new ApiError(403, 'Forbidden', `forbidden: ${why}${suffix}`, {});
  }
  throw forbidden(resource, resource.name, `${deniedAction(identity, verb, resource)}${suffix}`);
}

/** `User "alice" cannot get resource "nodes/proxy" in API group "" at the cluster scope`. */
export function deniedAction(identity: Identity, verb: string, resource: ResourceAttributes): string {
  const what = resource.subresource === '' ? resource.resource : `${resource.resource}/${resource.subresource}`;
  const where = resource.namespace === '' ? 'at the cluster scope' : `in the namespace ${quote(resource.namespace)}`;
  return `User ${quote(identity.name)} cannot ${verb} resource ${quote(what)} in API group ${quote(resource.group)} ${where}`;
}

/** The attributes of an operation that does not come from a path. */
export function attributesOf(verb: string, target: Target, fieldSelector = ''): RequestAttributes {
  const { resource, namespace, name, subresource } = target;
  return {
    verb,
    path: `${rootOf(resource)}/${resource.resource}`,
    resource: {
      group: resource.group,
      version: resource.version,
      resource: resource.resource,
      subresource,
      namespace: resource.id === 'namespaces' ? name : namespace,
      name: name === '' ? selectedName(verb, fieldSelector) : name,
      fieldSelector,
    },
  };
}

/** A collection request that selects one object by name is authorized like one for that object. */
export function selectedName(verb: string, fieldSelector: string): string {
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return '';
  return /(?:^|,)metadata\.name==?([^,=!\\]+)(?:,|$)/.exec(fieldSelector)?.[1] ?? '';
}

function rootOf(resource: ApiResource): string {
  return resource.group === '' ? `/api/${resource.version}` : `/apis/${apiVersionOf(resource)}`;
}
