import { type ApiError, forbidden, type Identity, type ResourceAttributes } from '@hawser/edge';

/** The 403 of an authorizer: who may not do what to which resource, and where. */
export function forbiddenResource(identity: Identity, verb: string, resource: ResourceAttributes): ApiError {
  const what = resource.subresource === '' ? resource.resource : `${resource.resource}/${resource.subresource}`;
  const where = resource.namespace === '' ? 'at the cluster scope' : `in the namespace "${resource.namespace}"`;
  return forbidden(
    resource,
    resource.name,
    `User "${identity.name}" cannot ${verb} resource "${what}" in API group "${resource.group}" ${where}`,
  );
}
