import { createHash } from 'node:crypto';
import { API_RESOURCES, type ApiResource, apiVersionOf, resourcePath } from '@hawser/protocol';

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

export function createOpenApi(version: string): OpenApi {
  const documents = new Map<string, object>();
  const paths: Record<string, object> = {};
  for (const [groupVersion, resources] of Map.groupBy(API_RESOURCES, rootOf)) {
    const document = describe(resources, version);
    const hash = createHash('sha512').update(JSON.stringify(document)).digest('hex').toUpperCase();
    documents.set(`/openapi/v3/${groupVersion}`, document);
    paths[groupVersion] = { serverRelativeURL: `/openapi/v3/${groupVersion}?hash=${hash}` };
  }
  return { index: () => ({ paths }), documents };
}

function rootOf(resource: ApiResource): string {
  return `${resource.group === '' ? 'api' : 'apis'}/${apiVersionOf(resource)}`;
}

function describe(resources: readonly ApiResource[], version: string): object {
  const paths: Record<string, object> = {};
  for (const resource of resources) {
    const collection = templateOf(resource, '');
    const item = templateOf(resource, '{name}');
    paths[collection] = operations(resource, { get: 'list', post: 'post', delete: 'deletecollection' });
    paths[item] = operations(resource, { get: 'get', put: 'put', patch: 'patch', delete: 'delete' });
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
