import { createHash } from 'node:crypto';
import { type ApiResource, apiVersionOf, resourcePath } from '@hawser/protocol';
import type { ServedResource, SpecialResource } from '../policy.ts';

/**
 * OpenAPI v3 as far as clients need it to write: the index, and for each group version its paths with the verbs that are
 * served, the kind, and the query parameters of a write. kubectl looks here whether the server validates fields by itself
 * (`fieldValidation`), and then sends what it has without a schema. There are no schemas of the types: who asks for one
 * (`kubectl explain`) finds none.
 */
export interface OpenApi {
  /** What /openapi/v3 answers: each group version with the URL of its document, whose hash changes with its content. */
  index(): object;
  /** By path: `/openapi/v3/api/v1`. */
  readonly documents: ReadonlyMap<string, object>;
}

/** @param specials what is answered and not stored */
export function createOpenApi(
  served: readonly ServedResource[],
  version: string,
  specials: readonly SpecialResource[] = [],
): OpenApi {
  const documents = new Map<string, object>();
  const paths: Record<string, object> = {};
  for (const [groupVersion, resources] of Map.groupBy([...served, ...specials.map(asServed)], ({ resource }) =>
    rootOf(resource),
  )) {
    const document = describe(resources, version);
    const hash = createHash('sha512').update(JSON.stringify(document)).digest('hex').toUpperCase();
    documents.set(`/openapi/v3/${groupVersion}`, document);
    paths[groupVersion] = { serverRelativeURL: `/openapi/v3/${groupVersion}?hash=${hash}` };
  }
  return { index: () => ({ paths }), documents };
}

function asServed({ group, version, resource, kind, namespaced, verbs }: SpecialResource): ServedResource {
  const id = group === '' ? resource : `${group}/${resource}`;
  const singular = kind.toLowerCase();
  return { resource: { id, group, version, resource, kind, singular, namespaced, shortNames: [], subresources: [] }, verbs };
}

function rootOf(resource: ApiResource): string {
  return `${resource.group === '' ? 'api' : 'apis'}/${apiVersionOf(resource)}`;
}

/** By verb: the HTTP method, and its name as `x-kubernetes-action`. */
const OF_COLLECTION = {
  list: ['get', 'list'],
  create: ['post', 'post'],
  deletecollection: ['delete', 'deletecollection'],
} as const;
const OF_ITEM = { get: ['get', 'get'], update: ['put', 'put'], patch: ['patch', 'patch'], delete: ['delete', 'delete'] } as const;

function describe(resources: readonly ServedResource[], version: string): object {
  const paths: Record<string, object> = {};
  for (const { resource, verbs } of resources) {
    const collection = templateOf(resource, '');
    const item = templateOf(resource, '{name}');
    const actions = (of: Readonly<Record<string, readonly [string, string]>>) =>
      Object.fromEntries(Object.entries(of).flatMap(([verb, action]) => (verbs.includes(verb) ? [action] : [])));
    paths[collection] = operations(resource, actions(OF_COLLECTION));
    // Before any write kubectl looks at the patch of a kind. Where there is none it asks for schemas of another form (OpenAPI v2), and
    // says that it lacks them, in place of the refusal that the write itself would get.
    paths[item] = operations(resource, { ...actions(OF_ITEM), patch: 'patch' });
    if (resource.subresources.includes('status')) {
      paths[`${item}/status`] = operations(resource, { get: 'get', put: 'put', patch: 'patch' });
    }
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version }, paths, components: { schemas: {} } };
}

function templateOf(resource: ApiResource, name: string): string {
  const path = resourcePath(resource, resource.namespaced ? 'NAMESPACE' : '').replace('NAMESPACE', '{namespace}');
  return name === '' ? path : `${path}/${name}`;
}

const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
  name,
  in: 'query',
  schema: { type: 'string', uniqueItems: true },
}));

function operations(resource: ApiResource, actions: Readonly<Record<string, string>>): object {
  const kind = { group: resource.group, version: resource.version, kind: resource.kind };
  const entries = Object.entries(actions).map(([method, action]) => [
    method,
    {
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': kind,
      ...(/^(post|put|patch)$/.test(method) ? { parameters: WRITE_PARAMETERS } : {}),
      responses: { 200: { description: 'OK' } },
    },
  ]);
  return Object.fromEntries(entries);
}
