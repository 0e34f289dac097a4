import { compareResourceVersions, type ObjectKey } from '@hawser/protocol';
import type { ReflectorStatus } from '../merge/change.ts';
import { resourceOf } from '../store/index.ts';

/** What is sent to devices, and what the desired sets follow from. */
export const WATCHED_RESOURCES: readonly string[] = [
  'nodes',
  'pods',
  'persistentvolumeclaims',
  'persistentvolumes',
  'storage.k8s.io/volumeattachments',
  'namespaces',
  'serviceaccounts',
  'configmaps',
  'secrets',
  'services',
  'endpoints',
  'discovery.k8s.io/endpointslices',
  'node.k8s.io/runtimeclasses',
  'storage.k8s.io/csidrivers',
];

/** How far the reflectors are. */
export class SyncStatus {
  #isSynced = false;
  #detail = describe([]);
  /** How far each resource is; what the server does not serve has nothing further to come. */
  readonly #reached = new Map<string, string | 'notServed'>();

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Which resources are missing, for people. */
  get detail(): string {
    return this.#detail;
  }

  set(statuses: readonly ReflectorStatus[]): void {
    this.#isSynced = WATCHED_RESOURCES.every((name) =>
      statuses.some(({ resource, state }) => resource === name && isDone(state)),
    );
    this.#detail = this.#isSynced ? '' : describe(statuses);
    this.#reached.clear();
    for (const { resource, state, resourceVersion } of statuses) {
      if (state === 'notServed') this.#reached.set(resource, state);
      else if (resourceVersion !== undefined) this.#reached.set(resource, resourceVersion);
    }
  }

  hasReached(key: ObjectKey, resourceVersion: string): boolean {
    const reached = this.#reached.get(resourceOf(key));
    if (reached === undefined || reached === 'notServed') return reached === 'notServed';
    return compareResourceVersions(reached, resourceVersion) >= 0;
  }
}

function isDone(state: ReflectorStatus['state']): boolean {
  return state === 'synced' || state === 'notServed';
}

/** How many resources are named, so that a status stays one short line: those that fail come first. */
const MAX_NAMED = 3;

function describe(statuses: readonly ReflectorStatus[]): string {
  const missing = WATCHED_RESOURCES.map(
    (name) => statuses.find(({ resource }) => resource === name) ?? { resource: name, state: 'listing' as const, detail: '' },
  ).filter(({ state }) => !isDone(state));
  const named = [...missing.filter(({ state }) => state === 'failing'), ...missing.filter(({ state }) => state !== 'failing')]
    .slice(0, MAX_NAMED)
    .map(({ resource, state, detail }) => `${resource} (${[state, detail].filter((part) => part !== '').join(': ')})`);
  const more = missing.length - named.length;
  return `the relay has not synced ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
