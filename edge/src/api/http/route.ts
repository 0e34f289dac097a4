import type { SpecialResource } from '../policy.ts';
import { hasSubresource, type Target } from '../registry/context.ts';
import { methodNotAllowed, noSuchResource } from '../status.ts';
import type { Discovery } from './discovery.ts';
import type { ResourcePath } from './path.ts';

/** Where a path below /api or /apis leads. */
export type Route =
  /** Text, not a Status: the group is unknown. */
  | { readonly type: 'unknownGroup' }
  /** A stored resource, its status, or a namespace's finalize. */
  | { readonly type: 'stored'; readonly target: Target }
  /** What the policy answers; `target` is set where the resource itself is stored. */
  | { readonly type: 'special'; readonly target: Target | undefined };

function only({ resource }: ResourcePath, verbs: readonly string[]): string {
  return `of ${resource} there is only ${verbs.join(', ')}`;
}

/** Subresources that are views of the stored object, for reading and writing. */
const STORED_SUBRESOURCES: ReadonlySet<string> = new Set(['', 'status', 'finalize']);

/** @param verb as authorization knows it @throws ApiError 404, 405 */
export function routeOf(path: ResourcePath, method: string, verb: string, discovery: Discovery): Route {
  if (!discovery.hasGroup(path.group)) return { type: 'unknownGroup' };
  if (path.rest.length > 0) throw noSuchResource();
  const served = discovery.served(path.group, path.version, path.resource);
  if (served === undefined) {
    const special = discovery.special(path.group, path.version, path.resource);
    if (special === undefined || !fitsScope(special, path)) throw noSuchResource();
    if (!special.verbs.includes(verb) || path.name !== '') throw methodNotAllowed();
    return { type: 'special', target: undefined };
  }
  const { resource } = served;
  const target: Target = { resource, namespace: path.namespace, name: path.name, subresource: path.subresource };
  if (!fitsScope(resource, path)) throw noSuchResource();
  if (!STORED_SUBRESOURCES.has(path.subresource)) return { type: 'special', target };
  if (path.subresource !== '' && !hasSubresource(resource, path.subresource)) throw noSuchResource();
  if (!allowedMethods(path, resource.namespaced).includes(method)) throw methodNotAllowed();
  if (path.subresource === '' && !served.verbs.includes(verb)) throw methodNotAllowed(only(path, served.verbs));
  if (path.subresource === '' && served.special?.includes(verb)) return { type: 'special', target };
  return { type: 'stored', target };
}

function fitsScope(resource: Pick<SpecialResource, 'namespaced'>, path: ResourcePath): boolean {
  // One object of a namespaced resource has a namespace; nothing cluster-scoped has.
  return resource.namespaced ? path.namespace !== '' || path.name === '' : path.namespace === '';
}

function allowedMethods(path: ResourcePath, namespaced: boolean): readonly string[] {
  if (path.watchPrefix) return ['GET'];
  if (path.subresource === 'finalize') return ['PUT'];
  if (path.subresource !== '') return ['GET', 'PUT', 'PATCH'];
  if (path.name !== '') return ['GET', 'PUT', 'PATCH', 'DELETE'];
  return namespaced && path.namespace === '' ? ['GET'] : ['GET', 'POST', 'DELETE'];
}
