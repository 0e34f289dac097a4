import { type ApiError, deniedAction, forbidden, type Identity, type ResourceAttributes } from '@hawser/edge';

/** The 403 of an authorizer: who may not do what to which resource, and where. */
export function forbiddenResource(identity: Identity, verb: string, resource: ResourceAttributes): ApiError {
  return forbidden(resource, resource.name, deniedAction(identity, verb, resource));
}
