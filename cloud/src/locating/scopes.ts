import type { ObjectKey } from '@hawser/protocol';
import { resourceOf } from '../store/index.ts';
import type { ServiceScope } from './facts.ts';
import type { NeedChange } from './need-graph.ts';

/** Needed together, and by namespace. */
const SERVICE_RESOURCES: ReadonlySet<string> = new Set(['services', 'endpoints', 'discovery.k8s.io/endpointslices']);
/** What a kubelet lists whatever pods it has. */
const CLUSTER_RESOURCES: ReadonlySet<string> = new Set(['node.k8s.io/runtimeclasses', 'storage.k8s.io/csidrivers']);

/** The namespace and name of the API server's own Service, of its Endpoints, and as a rule of its EndpointSlice. */
const API_NAMESPACE = 'default';
const API_SERVICE = 'kubernetes';
const API_OBJECTS: ReadonlySet<string> = new Set(
  Array.from(SERVICE_RESOURCES, (resource) => `${resource}/${API_NAMESPACE}/${API_SERVICE}`),
);
const SLICES_OF_API_NAMESPACE = `discovery.k8s.io/endpointslices/${API_NAMESPACE}/`;

/** Whether nodes need objects of that key as members of a scope, and not one by one. */
export function isScoped(key: ObjectKey): boolean {
  const resource = resourceOf(key);
  return SERVICE_RESOURCES.has(resource) || CLUSTER_RESOURCES.has(resource);
}

/** Whether an object's labels say which scope it is in: the EndpointSlices of a Service may have any name. */
export function isScopedByLabel(key: ObjectKey): boolean {
  return key.startsWith(SLICES_OF_API_NAMESPACE);
}

/** Of an edge node: what its scopes follow from. */
export interface Subscription {
  readonly services: ServiceScope;
  /** Those of its pods. */
  readonly namespaces: ReadonlySet<string>;
}

class Scope {
  readonly namespace: string | undefined;
  /** Objects that exist. */
  readonly members = new Set<ObjectKey>();
  readonly subscribers = new Set<string>();

  constructor(namespace?: string) {
    this.namespace = namespace;
  }
}

const NO_SCOPES: ReadonlySet<Scope> = new Set();

/**
 * What nodes need by kind and namespace: Services with their Endpoints and EndpointSlices, and what a kubelet lists
 * cluster-wide. Nodes subscribe to scopes and objects are members of them, so that 5,000 nodes and 5,000 Services cost 10,000
 * entries and not 25 million. No two scopes of one node have a member in common.
 */
export class Scopes {
  readonly #clusterWide = new Scope();
  readonly #allServices = new Scope();
  readonly #apiService = new Scope();
  /** Those that have members or subscribers. */
  readonly #ofNamespace = new Map<string, Scope>();
  readonly #subscriptions = new Map<string, ReadonlySet<Scope>>();

  /** An object is there, or has changed. @param service of an EndpointSlice: the Service that it says it is of */
  add(key: ObjectKey, service: string | undefined): NeedChange[] {
    if (SERVICE_RESOURCES.has(resourceOf(key))) this.#namespaceScope(namespaceOf(key)).members.add(key);
    for (const scope of this.#scopesOf(key)) scope.members.add(key);
    return isScopedByLabel(key) && !API_OBJECTS.has(key) ? this.#labelled(key, service === API_SERVICE) : [];
  }

  remove(key: ObjectKey): NeedChange[] {
    const changes = isScopedByLabel(key) && !API_OBJECTS.has(key) ? this.#labelled(key, false) : [];
    for (const scope of this.#scopesOf(key)) this.#leave(scope, scope.members, key);
    return changes;
  }

  /** @param subscription undefined for what is no edge node */
  subscribe(node: string, subscription: Subscription | undefined): NeedChange[] {
    const before = this.#subscriptions.get(node) ?? NO_SCOPES;
    const after = subscription === undefined ? NO_SCOPES : this.#scopesFor(subscription);
    const begun = [...after].filter((scope) => !before.has(scope));
    const ended = [...before].filter((scope) => !after.has(scope));
    if (begun.length === 0 && ended.length === 0) return [];
    if (after.size === 0) this.#subscriptions.delete(node);
    else this.#subscriptions.set(node, after);
    const changes = [
      ...membersOutside(begun, before).map((key) => ({ key, node, needed: true })),
      ...membersOutside(ended, after).map((key) => ({ key, node, needed: false })),
    ];
    for (const scope of begun) scope.subscribers.add(node);
    for (const scope of ended) this.#leave(scope, scope.subscribers, node);
    return changes;
  }

  isNeeded(key: ObjectKey): boolean {
    return this.#scopesOf(key).some(({ subscribers }) => subscribers.size > 0);
  }

  needs(node: string, key: ObjectKey): boolean {
    return this.#scopesOf(key).some(({ subscribers }) => subscribers.has(node));
  }

  *neededBy(key: ObjectKey): Generator<string> {
    for (const { subscribers } of this.#scopesOf(key)) yield* subscribers;
  }

  /** Objects that exist. */
  *needsOf(node: string): Generator<ObjectKey> {
    for (const { members } of this.#subscriptions.get(node) ?? NO_SCOPES) yield* members;
  }

  needCount(node: string): number {
    let count = 0;
    for (const { members } of this.#subscriptions.get(node) ?? NO_SCOPES) count += members.size;
    return count;
  }

  /** Namespaces that it knows of: none is left when there are no objects and no subscribers. */
  get size(): number {
    return this.#ofNamespace.size;
  }

  #scopesFor({ services, namespaces }: Subscription): ReadonlySet<Scope> {
    switch (services) {
      case 'none':
        return new Set([this.#clusterWide]);
      case 'cluster':
        return new Set([this.#clusterWide, this.#allServices]);
      case 'namespaces':
      case 'unknown': {
        const ofPods = Array.from(namespaces, (namespace) => this.#namespaceScope(namespace));
        // Where the node has pods in that namespace, the API server's Service is among those of the namespace.
        return new Set([this.#clusterWide, ...(namespaces.has(API_NAMESPACE) ? [] : [this.#apiService]), ...ofPods]);
      }
    }
  }

  /** Whether or not there is an object of that key. */
  #scopesOf(key: ObjectKey): readonly Scope[] {
    const resource = resourceOf(key);
    if (CLUSTER_RESOURCES.has(resource)) return [this.#clusterWide];
    if (!SERVICE_RESOURCES.has(resource)) return [];
    const ofNamespace = this.#ofNamespace.get(namespaceOf(key));
    const ofKey = ofNamespace === undefined ? [this.#allServices] : [this.#allServices, ofNamespace];
    return API_OBJECTS.has(key) || this.#apiService.members.has(key) ? [...ofKey, this.#apiService] : ofKey;
  }

  /** An EndpointSlice of any name has become one of the API server's Service, or is one no longer. */
  #labelled(key: ObjectKey, isOfApi: boolean): NeedChange[] {
    const { members, subscribers } = this.#apiService;
    if (members.has(key) === isOfApi) return [];
    if (isOfApi) members.add(key);
    else members.delete(key);
    return Array.from(subscribers, (node) => ({ key, node, needed: isOfApi }));
  }

  #namespaceScope(namespace: string): Scope {
    const known = this.#ofNamespace.get(namespace);
    if (known !== undefined) return known;
    const scope = new Scope(namespace);
    this.#ofNamespace.set(namespace, scope);
    return scope;
  }

  #leave<T>(scope: Scope, from: Set<T>, one: T): void {
    from.delete(one);
    if (scope.namespace !== undefined && scope.members.size === 0 && scope.subscribers.size === 0) {
      this.#ofNamespace.delete(scope.namespace);
    }
  }
}

function membersOutside(scopes: readonly Scope[], others: ReadonlySet<Scope>): ObjectKey[] {
  const isOutside = (key: ObjectKey) => ![...others].some(({ members }) => members.has(key));
  return scopes.flatMap(({ members }) => [...members].filter(isOutside));
}

function namespaceOf(key: ObjectKey): string {
  const end = key.lastIndexOf('/');
  return key.slice(key.lastIndexOf('/', end - 1) + 1, end);
}
