import { createHash } from 'node:crypto';
import { API_RESOURCES, type ApiResource } from '@hawser/protocol';
import type { ServedResource, SpecialResource } from '../policy.ts';
import { createOpenApi } from './openapi.ts';

/** What /version answers; clients compare major and minor and print the rest. */
export interface ServerVersion {
  /** `v1.36.2`; suffixes such as `+hawser` are allowed. */
  readonly gitVersion: string;
  readonly platform?: string;
}

export interface Discovery {
  /** The document of a discovery path without its trailing slash, or undefined when there is none. */
  document(path: string): object | undefined;
  /** APIGroupDiscoveryList (apidiscovery.k8s.io/v2) for /api or /apis, with its ETag. */
  aggregated(path: '/api' | '/apis'): { readonly body: object; readonly etag: string };
  hasGroup(group: string): boolean;
  served(group: string, version: string, resource: string): ServedResource | undefined;
  special(group: string, version: string, resource: string): SpecialResource | undefined;
}

interface Listed {
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly subresources: readonly ListedSubresource[];
}

interface ListedSubresource {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** What a server serves whose policy leaves nothing out. */
export const ALL_RESOURCES: readonly ServedResource[] = API_RESOURCES.map((resource) => ({
  resource,
  verbs: ALL_VERBS.filter((verb) => verb !== 'deletecollection' || resource.id !== 'namespaces'),
}));

/** The discovery documents of what is served and of what the policy answers beside it. `serverAddress` is host and port. */
export function createDiscovery(
  served: readonly ServedResource[],
  specials: readonly SpecialResource[],
  version: ServerVersion,
  serverAddress: () => string,
): Discovery {
  const groups = collectGroups(served, specials);
  const names = [...groups.keys()].filter((name) => name !== '').sort();
  const documents = new Map<string, () => object>();
  documents.set('/version', () => versionDocument(version));
  documents.set('/api', () => ({
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: serverAddress() }],
  }));
  documents.set('/apis', () => ({
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: names.map((name) => groupDocument(name, versionsOf(groups, name))),
  }));
  for (const [name, versions] of groups) {
    const root = name === '' ? '/api' : `/apis/${name}`;
    if (name !== '') {
      documents.set(root, () => ({ kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(name, versionsOf(groups, name)) }));
    }
    for (const [groupVersion, resources] of versions) {
      documents.set(`${root}/${groupVersion}`, () => resourceList(name, groupVersion, resources));
    }
  }
  const openApi = createOpenApi(served, version.gitVersion, specials);
  documents.set('/openapi/v3', () => openApi.index());
  for (const [path, document] of openApi.documents) documents.set(path, () => document);
  documents.set('/', () => ({
    paths: [...documents.keys(), '/healthz', '/livez', '/readyz'].filter((path) => path !== '/').sort(),
  }));

  return {
    document: (path) => documents.get(path)?.(),
    aggregated: (path) => aggregate(path === '/api' ? [''] : names, groups),
    hasGroup: (group) => groups.has(group),
    served: (group, groupVersion, name) =>
      served.find(({ resource }) => resource.group === group && resource.version === groupVersion && resource.resource === name),
    special: (group, groupVersion, resource) =>
      specials.find((one) => one.group === group && one.version === groupVersion && one.resource === resource),
  };
}

type Groups = Map<string, Map<string, Listed[]>>;

function collectGroups(served: readonly ServedResource[], specials: readonly SpecialResource[]): Groups {
  const groups: Groups = new Map();
  const add = (group: string, version: string, listed: Listed) => {
    const versions = groups.get(group) ?? new Map<string, Listed[]>();
    groups.set(group, versions);
    versions.set(version, [...(versions.get(version) ?? []), listed]);
  };
  for (const one of served) add(one.resource.group, one.resource.version, listedResource(one));
  for (const special of specials) {
    add(special.group, special.version, {
      ...special,
      singular: special.kind.toLowerCase(),
      shortNames: [],
      subresources: [],
    });
  }
  for (const versions of groups.values()) {
    for (const resources of versions.values()) resources.sort((a, b) => (a.resource < b.resource ? -1 : 1));
  }
  return groups;
}

function listedResource({ resource, verbs }: ServedResource): Listed {
  return {
    ...resource,
    verbs,
    subresources: [...resource.subresources].sort().map((name) => SUBRESOURCES[name] ?? ownSubresource(resource, name)),
  };
}

/** Subresources with a kind of their own; all others have that of their resource. */
const SUBRESOURCES: Readonly<Record<string, ListedSubresource>> = {
  binding: { name: 'binding', kind: 'Binding', verbs: ['create'] },
  eviction: { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
  token: { name: 'token', kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] },
  scale: { name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] },
};

function ownSubresource(resource: ApiResource, name: string): ListedSubresource {
  return { name, kind: resource.kind, verbs: name === 'finalize' ? ['update'] : ['get', 'patch', 'update'] };
}

function versionsOf(groups: Groups, name: string): string[] {
  return [...(groups.get(name)?.keys() ?? [])];
}

function groupDocument(name: string, versions: readonly string[]): object {
  const described = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: described, preferredVersion: described[0] };
}

function resourceList(group: string, version: string, resources: readonly Listed[]): object {
  return {
    kind: 'APIResourceList',
    // The core group has none here.
    ...(group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: resources.flatMap((resource) => [
      {
        name: resource.resource,
        singularName: resource.singular,
        namespaced: resource.namespaced,
        kind: resource.kind,
        verbs: resource.verbs,
        ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
        ...categoriesOf(resource),
      },
      ...resource.subresources.map((subresource) => ({
        name: `${resource.resource}/${subresource.name}`,
        singularName: '',
        namespaced: resource.namespaced,
        ...(subresource.group === undefined ? {} : { group: subresource.group, version: subresource.version }),
        kind: subresource.kind,
        verbs: subresource.verbs,
      })),
    ]),
  };
}

/** Words for several kinds at once: what `kubectl get all` means, and what extends the API itself. */
const CATEGORIES: ReadonlyMap<string, string> = new Map([
  ...['Pod', 'Service', 'DaemonSet', 'Deployment', 'ReplicaSet'].map((kind) => [kind, 'all'] as const),
  ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'].map((kind) => [kind, 'api-extensions'] as const),
]);

function categoriesOf({ kind }: Listed): { categories?: readonly string[] } {
  const category = CATEGORIES.get(kind);
  return category === undefined ? {} : { categories: [category] };
}

function aggregate(names: readonly string[], groups: Groups): { body: object; etag: string } {
  const body = {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: names.map((name) => ({
      metadata: name === '' ? {} : { name },
      versions: [...(groups.get(name) ?? [])].map(([version, resources]) => ({
        version,
        resources: resources.map(discoveryOf),
        freshness: 'Current',
      })),
    })),
  };
  const hash = createHash('sha512').update(JSON.stringify(body)).digest('hex').toUpperCase();
  return { body, etag: `"${hash}"` };
}

function discoveryOf(resource: Listed): object {
  const responseKind = (kind: string, group = '', version = '') => ({ group, version, kind });
  return {
    resource: resource.resource,
    responseKind: responseKind(resource.kind),
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(resource.shortNames.length === 0 ? {} : { shortNames: resource.shortNames }),
    ...categoriesOf(resource),
    ...(resource.subresources.length === 0
      ? {}
      : {
          subresources: resource.subresources.map(({ name, kind, group, version, verbs }) => ({
            subresource: name,
            responseKind: responseKind(kind, group, version),
            verbs,
          })),
        }),
  };
}

/** As Go calls them, whose names clients compare with. */
const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

function goPlatform(): string {
  return `${process.platform}/${GO_ARCHITECTURES[process.arch] ?? process.arch}`;
}

function versionDocument({ gitVersion, platform = goPlatform() }: ServerVersion): object {
  const [, major = '1', minor = '0'] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Math.max(0, Number(minor) - 1)),
    gitVersion,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform,
  };
}
