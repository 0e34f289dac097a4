import type { RequestAttributes } from '../policy.ts';
import { selectedName } from '../registry/authorize.ts';
import { badRequest } from '../status.ts';

/** A path below /api or /apis that names a resource, known or not. */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  /** "" for all namespaces and for cluster-scoped resources, namespaces among them. */
  readonly namespace: string;
  readonly resource: string;
  readonly name: string;
  readonly subresource: string;
  /** The old form /api/v1/watch/…. */
  readonly watchPrefix: boolean;
  /** Segments after the subresource; nothing here serves any. */
  readonly rest: readonly string[];
}

export interface ParsedPath {
  /** Decoded. */
  readonly path: string;
  /** Undefined for discovery, health and everything else that is no resource. */
  readonly resource: ResourcePath | undefined;
}

/**
 * The grammar, in which everything after RESOURCE may be missing:
 *
 *   /api/VERSION or /apis/GROUP/VERSION
 *     [/watch] [/namespaces/NAMESPACE] /RESOURCE/NAME/SUBRESOURCE
 *
 * An encoded slash separates like any other, as in the API server. An empty namespace means all.
 * @throws ApiError 400 for a path that cannot be decoded
 */
export function parsePath(encoded: string): ParsedPath {
  const path = decode(encoded);
  const segments = path.replace(/^\/+/, '').replace(/\/+$/, '').split('/');
  const [root] = segments;
  if (root === 'api' && segments.length >= 3) return { path, resource: resourcePath('', segments[1] ?? '', segments.slice(2)) };
  if (root === 'apis' && segments.length >= 4) {
    return { path, resource: resourcePath(segments[1] ?? '', segments[2] ?? '', segments.slice(3)) };
  }
  return { path, resource: undefined };
}

function resourcePath(group: string, version: string, segments: readonly string[]): ResourcePath {
  const watchPrefix = segments[0] === 'watch' && segments.length > 1;
  let rest = watchPrefix ? segments.slice(1) : segments;
  let namespace = '';
  // A namespace is a resource too, and so are its status and finalize.
  if (rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status' && rest[2] !== 'finalize') {
    namespace = rest[1] ?? '';
    rest = rest.slice(2);
  }
  const [resource = '', name = '', subresource = '', ...more] = rest;
  return { group, version, namespace, resource, name, subresource, watchPrefix, rest: more };
}

function decode(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (cause) {
    throw badRequest('the path of the request is not valid percent-encoding', { cause });
  }
}

/** The verb of a request on a resource, as authorization knows it. */
export function verbOf(method: string, resource: ResourcePath, watch: boolean): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (resource.watchPrefix) return 'watch';
      if (resource.name !== '') return 'get';
      return watch ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return resource.name === '' ? 'deletecollection' : 'delete';
    default:
      return method.toLowerCase();
  }
}

/** What authorization is asked about; for paths that are no resource the verb is the method. */
export function attributesOfRequest(method: string, parsed: ParsedPath, query: URLSearchParams): RequestAttributes {
  const { path, resource } = parsed;
  if (resource === undefined) return { verb: method.toLowerCase(), path, resource: undefined };
  const verb = verbOf(method, resource, isTrue(query.get('watch')));
  const fieldSelector = query.get('fieldSelector') ?? '';
  return {
    verb,
    path,
    resource: {
      group: resource.group,
      version: resource.version,
      resource: resource.resource,
      subresource: resource.subresource,
      namespace: resource.resource === 'namespaces' && resource.group === '' ? resource.name : resource.namespace,
      name: resource.name === '' ? selectedName(verb, fieldSelector) : resource.name,
      fieldSelector,
    },
  };
}

/** A boolean of the query: present without a value counts as true; `false` and `0` do not. */
export function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}
